// Where the rows of tests of the whole service are: `npx vitest run --project postgres FILE` has them in
// PostgreSQL, everything else in SQLite. Here alone is it known; tests and their statements are the same.

import { rmSync } from "node:fs";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { isPostgresUrl } from "../../src/database/postgres/url.ts";
import { openConnection } from "../../src/database/sqlite/connection/connection.ts";
import type { Row, SqlValue } from "../../src/schema/sql-value.ts";
import type { WhenOver } from "../contract/support.ts";
import { makeMigrated } from "./migrated.ts";
import { makeTempDir } from "./temp.ts";

export const DRIVER = process.env.DRIVER === "postgres" ? "postgres" : "sqlite";

/** What `--database` is to be for a database without rows, which is gone when the test is over. */
export async function makeDatabase(
  whenOver: WhenOver = onTestFinished,
  hasTables = false,
): Promise<string> {
  if (DRIVER === "postgres") {
    const { makePostgresDatabase } = await import("../contract/postgres-store.ts");
    return (await makePostgresDatabase(whenOver)).url;
  }
  const directory = makeTempDir();
  whenOver(() => rmSync(directory, { recursive: true, force: true }));
  const path = join(directory, "test.db");
  if (hasTables) await makeMigrated(path);
  return path;
}

/** Another program on a database, which knows nothing of the service. */
export interface OtherProgram {
  /** Runs statements. */
  exec(sql: string): Promise<void>;
  rows(sql: string): Promise<readonly Row[]>;
  /** The only value of the only row. */
  value(sql: string): Promise<SqlValue | undefined>;
}

/** Opens a database beside the server that serves it, until the test is over. */
export async function openOther(database: string): Promise<OtherProgram> {
  const { exec, rows } = isPostgresUrl(database) ? await inServer(database) : inFile(database);
  return { exec, rows, value: async (sql) => (await rows(sql))[0]?.[0] };
}

type Statements = Pick<OtherProgram, "exec" | "rows">;

function inFile(path: string): Statements {
  const connection = openConnection(path, { busyTimeoutMs: 10_000 });
  onTestFinished(() => {
    connection.close();
  });
  return {
    async exec(sql) {
      connection.exec(sql);
    },
    rows: async (sql) => connection.prepare<[], SqlValue[]>(sql).raw().all(),
  };
}

async function inServer(url: string): Promise<Statements> {
  const { openSession } = await import("../../src/database/postgres/session.ts");
  const session = await openSession({ url, connectTimeoutMs: 5_000 });
  onTestFinished(() => session.close());
  return {
    exec: (sql) => session.script(sql),
    rows: (sql) => session.all({ sql, parameters: [] }),
  };
}
