// What the migrations make of an empty database: the truth of what must be in a database of ours.
// Runs them in memory; must not touch a database's file.

import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { CACHE_FOLDER, packageVersion } from "../../../package-root.ts";
import type { MigrationFile } from "../../migrations/files.ts";
import { storeMigrations } from "../../migrations/store-files.ts";
import { type Connection, openConnection } from "../connection/connection.ts";
import { runScript } from "./run-script.ts";

/** A table, index, view or trigger, as `sqlite_schema` has it. */
export interface SchemaObject {
  readonly type: "table" | "index" | "view" | "trigger";
  readonly name: string;
  /** The table that it is on; for tables and views their own name. */
  readonly table: string;
  /** Null for an index that SQLite makes itself. */
  readonly sql: string | null;
}

/**
 * Everything that `files`, applied in order, leave in an empty database; throws as `withMigrated`. To run
 * them takes a sixth of a start, so what they leave is kept beside the compiled code.
 */
export function readMigratedSchema(files: readonly MigrationFile[]): readonly SchemaObject[] {
  const hash = createHash("sha256").update(packageVersion());
  for (const { up } of [...storeMigrations("sqlite", files), ...files])
    hash.update(JSON.stringify(up?.sql ?? null));
  const path = join(CACHE_FOLDER, `schema-${hash.digest("hex")}.json`);
  const kept = readKept(path);
  if (kept) return kept;
  const schema = withMigrated(files, readSchema);
  keep(path, schema);
  return schema;
}

function readKept(path: string): readonly SchemaObject[] | undefined {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as readonly SchemaObject[];
  } catch {
    // None yet, or one that was not written to its end.
    return undefined;
  }
}

/** Where nothing can be written, nothing is kept. */
function keep(path: string, schema: readonly SchemaObject[]): void {
  const unfinished = `${path}.${process.pid}`;
  try {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(unfinished, JSON.stringify(schema));
    renameSync(unfinished, path);
  } catch {
    return;
  }
}

/**
 * What `action` makes of an empty database that has the store's own tables and those that `files` make.
 * @throws StoreError MIGRATION_FAILED if one of them fails there.
 */
export function withMigrated<T>(
  files: readonly MigrationFile[],
  action: (connection: Connection) => T,
  store: readonly MigrationFile[] = storeMigrations("sqlite", files),
): T {
  const connection = openConnection(":memory:", { busyTimeoutMs: 0 });
  try {
    // A rebuild of a table must not lose what refers to it; there are no rows to check.
    connection.pragma("foreign_keys = OFF");
    for (const { up } of [...store, ...files]) {
      runScript(connection, { ...up, mode: "no-transaction" });
    }
    return action(connection);
  } finally {
    connection.close();
  }
}

/** Everything that a database has. */
export function readSchema(connection: Connection): readonly SchemaObject[] {
  return connection
    .prepare("SELECT type, name, tbl_name AS 'table', sql FROM sqlite_schema")
    .all() as SchemaObject[];
}
