// What the tests of migrations share: folders, connections, digests and processes.

import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import {
  type Connection,
  openConnection,
} from "../../src/database/sqlite/connection/connection.ts";
import { quoteName } from "../../src/schema/sql-name.ts";

export const LOCK = { lockTimeoutMs: 15_000 };

/** A folder that is removed when the test ends. */
export function tempFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "protostore-migrate-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Writes migration files, `{ "000001_x": [up, down] }`, and returns their folder. */
export function writeMigrations(
  folder: string,
  migrations: Readonly<Record<string, readonly [string, string]>>,
): string {
  const dir = join(folder, "migrations");
  mkdirSync(dir, { recursive: true });
  for (const [name, [up, down]] of Object.entries(migrations)) {
    writeFileSync(join(dir, `${name}.up.sql`), up);
    writeFileSync(join(dir, `${name}.down.sql`), down);
  }
  return dir;
}

/** Calls `action` with a connection that is closed afterwards. */
export function withConnection<T>(path: string, action: (connection: Connection) => T): T {
  const connection = openConnection(path, { busyTimeoutMs: 1_000 });
  try {
    return action(connection);
  } finally {
    connection.close();
  }
}

/** The first column of each row that `sql` finds. */
export function pluck(path: string, sql: string): unknown[] {
  return withConnection(path, (connection) => connection.prepare(sql).pluck().all());
}

/** The tables that the store makes beside those of the migrations, if those do not make them. */
const STORE_TABLES = [
  "completed_requests",
  "id_high_water",
  "schema_state",
  "store_migrations",
  "store_replaced",
  "store_secrets",
  "store_state",
  "stored_schemas",
]
  .map((name) => `'${name}'`)
  .join(", ");

/** True of them where the store has made them itself. */
export function isOfStore(column: string): string {
  const recorded = "EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'store_migrations')";
  return `(${column} IN (${STORE_TABLES}) AND ${recorded})`;
}

/** The schema's text, without the migrations' own tables. */
export function schemaOf(path: string): unknown[] {
  return withConnection(path, (connection) =>
    connection
      .prepare(
        `SELECT type, name, tbl_name, sql FROM sqlite_schema
         WHERE tbl_name NOT LIKE 'schema_migrations%' 
           AND NOT ${isOfStore("tbl_name")} ORDER BY type, name`,
      )
      .all(),
  );
}

/** A hash of all rows of each table, without the migrations' own tables. */
export function dataOf(path: string): Record<string, string> {
  return withConnection(path, (connection) => {
    const tables = connection
      .prepare(
        `SELECT name FROM sqlite_schema
         WHERE type = 'table' AND name NOT LIKE 'schema_migrations%'
           AND NOT ${isOfStore("name")} ORDER BY name`,
      )
      .pluck()
      .all() as string[];
    return Object.fromEntries(tables.map((table) => [table, hashRows(connection, table)]));
  });
}

function hashRows(connection: Connection, table: string): string {
  const rows = connection
    .prepare(`SELECT * FROM ${quoteName(table)}`)
    .raw()
    .all();
  const text = JSON.stringify(rows, (_, value) =>
    typeof value === "bigint" ? `integer ${value}` : value,
  );
  return `${rows.length} ${createHash("sha256").update(text).digest("hex")}`;
}

/** A hash of the file's bytes. */
export function hashFile(path: string): string {
  return createHash("sha256").update(readFileSync(path)).digest("hex");
}

/** The pragma's only value. */
export function pragma(path: string, name: string): unknown {
  return withConnection(path, (connection) => connection.pragma(name, { simple: true }));
}

/** A process that runs migrate-once.ts. */
export interface Migrator {
  readonly child: ChildProcess;
  /** Resolves when it begins to work on the database; also when it ends without that. */
  readonly working: Promise<void>;
  readonly ended: Promise<{ code: number | null; output: string }>;
}

/** Starts `migrate-once.ts command database [dir]`. */
export function startMigrator(command: "up" | "adopt", database: string, dir = ""): Migrator {
  const script = join(import.meta.dirname, "migrate-once.ts");
  const child = spawn("node", [script, command, database, dir], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  const working = new Promise<void>((resolve) => {
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (chunk) => {
        output += chunk;
        resolve();
      });
    }
    child.once("close", () => resolve());
  });
  const ended = new Promise<{ code: number | null; output: string }>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve({ code, output }));
  });
  return { child, working, ended };
}
