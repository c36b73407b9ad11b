// Owns `schema_migrations`, the table that golang-migrate defines: one row (version, dirty) or none.
// Must keep its shape and meaning exactly, because golang-migrate reads and writes it too.

import { StoreError } from "../../../errors.ts";
import {
  NO_VERSION,
  type SchemaVersion,
  toSchemaVersion,
  UNRECORDED,
} from "../../migrations/version.ts";
import type { Connection } from "../connection/connection.ts";

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
  return row && toSchemaVersion(row.version, row.dirty !== 0n, row.text);
}

/** The version of the database, NO_VERSION and clean if it has none. */
export function readVersion(connection: Connection): SchemaVersion {
  return readVersionRow(connection) ?? UNRECORDED;
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
