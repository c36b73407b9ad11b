// Owns `schema_migrations`, the table that golang-migrate defines: one row (version, dirty) or none.
// Must keep its shape and meaning exactly, because golang-migrate reads and writes it too.

import type { Connection } from "../database/sqlite/connection.ts";

/** Where a database stands; version 0 is a database without any migration. */
export interface SchemaVersion {
  readonly version: number;
  /** True if a migration to `version`, up or down, did not finish. */
  readonly dirty: boolean;
}

/** Creates the table if it is absent. */
export function createVersionTable(connection: Connection): void {
  connection.exec(`
    CREATE TABLE IF NOT EXISTS schema_migrations (version uint64, dirty bool);
    CREATE UNIQUE INDEX IF NOT EXISTS version_unique ON schema_migrations (version);
  `);
}

/** True if the database has the table with the columns that golang-migrate gives it. */
export function hasVersionTable(connection: Connection): boolean {
  // Other tools (Rails, dbmate) have a table of this name and other columns.
  const columns = connection
    .prepare("SELECT lower(name) FROM pragma_table_info('schema_migrations')")
    .pluck()
    .all();
  return columns.includes("version") && columns.includes("dirty");
}

/** The row of the table, or undefined if there is no table or no row. */
export function readVersionRow(connection: Connection): SchemaVersion | undefined {
  if (!hasVersionTable(connection)) return undefined;
  const row = connection.prepare("SELECT version, dirty FROM schema_migrations LIMIT 1").get() as
    | { version: bigint; dirty: bigint }
    | undefined;
  if (!row) return undefined;
  // golang-migrate writes -1 while it undoes the first migration.
  return { version: Math.max(0, Number(row.version)), dirty: row.dirty !== 0n };
}

/** The version of the database, 0 and clean if it has none. */
export function readVersion(connection: Connection): SchemaVersion {
  return readVersionRow(connection) ?? { version: 0, dirty: false };
}

/** Replaces the row; the caller holds a transaction. */
export function writeVersion(connection: Connection, { version, dirty }: SchemaVersion): void {
  connection.exec("DELETE FROM schema_migrations");
  if (version === 0 && !dirty) return;
  connection
    .prepare("INSERT INTO schema_migrations (version, dirty) VALUES (?, ?)")
    .run(version === 0 ? -1n : BigInt(version), dirty ? 1n : 0n);
}
