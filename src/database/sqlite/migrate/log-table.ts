// Owns `schema_migrations_log`, the table: its rows are made and judged in ../../migrations/migration-log.ts.
// The version itself is in schema_migrations, which other tools write too.

import type { MigrationFile } from "../../migrations/files.ts";
import {
  LOG_COLUMNS,
  type LogEntry,
  type LogKind,
  logValues,
  missingLogColumns,
  requireLogColumns,
  toLogEntry,
} from "../../migrations/migration-log.ts";
import type { Connection } from "../connection/connection.ts";

/** Creates the table if it is absent. */
export function createLogTable(connection: Connection): void {
  connection.exec(`
    CREATE TABLE IF NOT EXISTS schema_migrations_log (
      version INTEGER NOT NULL PRIMARY KEY,
      name TEXT NOT NULL,
      checksum TEXT NOT NULL,
      kind TEXT NOT NULL CHECK (kind IN ('applied', 'adopted', 'recorded')),
      duration_ms INTEGER,
      applied_at TEXT NOT NULL
    )
  `);
}

/** True if the database has the table, with its columns. */
export function hasLogTable(connection: Connection): boolean {
  return missingLogColumns(readColumnNames(connection)).length === 0;
}

/**
 * The log in order of version; empty if there is no table.
 * @throws StoreError MIGRATION_INVALID if the table has not the columns that it was made with.
 */
export function readLog(connection: Connection): readonly LogEntry[] {
  const names = readColumnNames(connection);
  if (names.length === 0) return [];
  requireLogColumns(names);
  const rows = connection
    .prepare(`SELECT ${LOG_COLUMNS.join(", ")} FROM schema_migrations_log ORDER BY version`)
    .raw()
    .all() as unknown[][];
  return rows.map(toLogEntry);
}

function readColumnNames(connection: Connection): readonly string[] {
  return connection
    .prepare("SELECT lower(name) FROM pragma_table_info('schema_migrations_log')")
    .pluck()
    .all() as string[];
}

/** Writes the row of `file`'s version, in place of an earlier one. */
export function writeLogEntry(
  connection: Connection,
  file: MigrationFile,
  kind: LogKind,
  durationMs?: number,
): void {
  connection
    .prepare(
      `INSERT OR REPLACE INTO schema_migrations_log (${LOG_COLUMNS.join(", ")}) VALUES (?, ?, ?, ?, ?, ?)`,
    )
    .run(...logValues(file, kind, durationMs));
}

/** Removes the rows of all versions above `version`. */
export function truncateLog(connection: Connection, version: bigint): void {
  connection.prepare("DELETE FROM schema_migrations_log WHERE version > ?").run(version);
}
