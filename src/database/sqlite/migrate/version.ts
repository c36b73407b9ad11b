// Owns `schema_migrations`, the table that golang-migrate defines: one row (version, dirty) or none.
// Must keep its shape and meaning exactly, because golang-migrate reads and writes it too.

import { StoreError } from "../../../errors.ts";
import type { Connection } from "../connection/connection.ts";

/** The version of a database without any migration; 0 is that of a file, as in golang-migrate. */
export const NO_VERSION = -1n;

/** Where a database stands. */
export interface SchemaVersion {
  /** The version of the newest migration, or NO_VERSION. */
  readonly version: bigint;
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

/**
 * The row of the table, or undefined if there is no table or no row.
 * @throws StoreError MIGRATION_INVALID if what is in it is no version.
 */
export function readVersionRow(connection: Connection): SchemaVersion | undefined {
  if (!hasVersionTable(connection)) return undefined;
  const row = connection
    .prepare("SELECT version, dirty, quote(version) AS text FROM schema_migrations LIMIT 1")
    .get() as { version: unknown; dirty: unknown; text: string } | undefined;
  if (!row) return undefined;
  // golang-migrate writes -1 while it undoes the first migration.
  if (typeof row.version === "bigint" && row.version >= NO_VERSION) {
    return { version: row.version, dirty: row.dirty !== 0n };
  }
  throw new StoreError(
    "MIGRATION_INVALID",
    `schema_migrations has ${row.text} where the version of the database should be; ` +
      "record the right one with: protostore migrate force",
  );
}

/** The version of the database, NO_VERSION and clean if it has none. */
export function readVersion(connection: Connection): SchemaVersion {
  return readVersionRow(connection) ?? { version: NO_VERSION, dirty: false };
}

/**
 * Replaces the row; the caller holds a transaction.
 * @throws StoreError MIGRATION_FAILED if a trigger of others keeps it out.
 */
export function writeVersion(connection: Connection, { version, dirty }: SchemaVersion): void {
  connection.exec("DELETE FROM schema_migrations");
  if (version === NO_VERSION && !dirty) return;
  const { changes } = connection
    .prepare("INSERT INTO schema_migrations (version, dirty) VALUES (?, ?)")
    .run(version, dirty ? 1n : 0n);
  if (changes === 1) return;
  throw new StoreError("MIGRATION_FAILED", `schema_migrations does not take version ${version}`);
}

/** The version for who reads it: 0 for a database without any. */
export function shownVersion(version: bigint): bigint {
  return version === NO_VERSION ? 0n : version;
}
