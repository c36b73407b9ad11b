// What is in a database, read by plain SQL: the rows of the artists, the revision, and of a file what
// SQLite itself finds wrong.

import { setTimeout as sleep } from "node:timers/promises";
import { fromBinary } from "@bufbuild/protobuf";
import { ArtistSchema } from "../../gen/chinook/v1/artist_pb.ts";
import { openSession } from "../../src/database/postgres/session.ts";
import { isPostgresUrl } from "../../src/database/postgres/url.ts";
import {
  type Connection,
  isSqliteError,
  openConnection,
} from "../../src/database/sqlite/connection/connection.ts";

/** An artist's row. */
export interface Row {
  readonly name: string;
  readonly displayName: string;
  readonly biography: string;
  readonly revision: bigint;
}

/** What a file holds. */
export interface DatabaseState {
  readonly revision: bigint;
  readonly rows: readonly Row[];
  /** Pages, foreign keys and rows that are not as they must be. */
  readonly faults: readonly string[];
}

/** Reads a database beside the server that has it open. */
export async function readState(database: string): Promise<DatabaseState> {
  return isPostgresUrl(database) ? readServer(database) : withConnection(database, true, readAll);
}

/** One statement, and with it one snapshot. */
const SELECT_ALL =
  "SELECT ArtistId, Name, data ->> 'biography', wire, artists.revision, store_state.revision " +
  "FROM store_state LEFT JOIN artists ON true";

async function readServer(url: string): Promise<DatabaseState> {
  const session = await openSession({ url, connectTimeoutMs: 5_000 });
  const found = await session.all({ sql: SELECT_ALL, parameters: [] });
  await session.close();
  const faults: string[] = [];
  const rows = found
    .filter(([key]) => key !== null)
    .map((row) => toRow(row.slice(0, 5) as RawRow, faults));
  return { revision: found[0]?.[5] as bigint, rows, faults };
}

/** Resolves when a server that was killed has no sessions left: what it has sent is carried out till then. */
export async function untilForgotten(database: string): Promise<void> {
  if (!isPostgresUrl(database)) return;
  const session = await openSession({ url: database, connectTimeoutMs: 5_000 });
  const others =
    "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
  while ((await session.all({ sql: others, parameters: [] })).length > 0) await sleep(5);
  await session.close();
}

/** Reads a file that nothing else has open, after SQLite has recovered it; its log is copied into it. */
export function recoverState(path: string): DatabaseState {
  try {
    return withConnection(path, false, (connection) => {
      // What is written here is of no use after a power cut.
      connection.pragma("synchronous = OFF");
      return readAll(connection);
    });
  } catch (error) {
    if (!isSqliteError(error) && !isSqliteError((error as Error).cause)) throw error;
    return { revision: 0n, rows: [], faults: [`it cannot be read: ${error}`] };
  }
}

function withConnection<T>(path: string, readOnly: boolean, read: (of: Connection) => T): T {
  const connection = openConnection(path, { readOnly, busyTimeoutMs: 5_000 });
  try {
    return read(connection);
  } finally {
    connection.close();
  }
}

function readAll(connection: Connection): DatabaseState {
  connection.exec("BEGIN");
  const pages = connection.pragma("quick_check") as { quick_check: string }[];
  const references = connection.pragma("foreign_key_check") as object[];
  const revision = connection.prepare("SELECT revision FROM store_state").pluck().get() as bigint;
  const select = "SELECT ArtistId, Name, data ->> '$.biography', wire, revision FROM artists";
  const faults = [
    ...pages.map((page) => page.quick_check).filter((problem) => problem !== "ok"),
    ...references.map((reference) => `a reference dangles: ${JSON.stringify(reference, toText)}`),
  ];
  const rows = (connection.prepare(select).raw().all() as RawRow[]).map((raw) =>
    toRow(raw, faults),
  );
  connection.exec("COMMIT");
  return { revision, rows, faults };
}

type RawRow = [bigint, string, string, Uint8Array, bigint];

function toRow([key, displayName, biography, wire, revision]: RawRow, faults: string[]): Row {
  const name = `artists/${key}`;
  const message = fromBinary(ArtistSchema, wire);
  if (message.displayName !== displayName || message.biography !== biography) {
    faults.push(`${name}: its bytes differ from its columns`);
  }
  return { name, displayName, biography, revision };
}

function toText(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? String(value) : value;
}
