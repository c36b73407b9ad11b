// Owns the tables that record migrations: `schema_migrations`, which golang-migrate defines, one row (version,
// dirty) or none, and `schema_migrations_log`. Looks for them where golang-migrate does, in the current schema.

import { StoreError } from "../../../errors.ts";
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
import { NO_VERSION, type SchemaVersion, toSchemaVersion } from "../../migrations/version.ts";
import type { Session } from "../session.ts";

/** Creates the tables that are absent. */
export async function createRecordTables(session: Session): Promise<void> {
  await session.script(`
    CREATE TABLE IF NOT EXISTS schema_migrations (
      version bigint NOT NULL PRIMARY KEY,
      dirty boolean NOT NULL
    );
    CREATE TABLE IF NOT EXISTS schema_migrations_log (
      version bigint NOT NULL PRIMARY KEY,
      name text NOT NULL,
      checksum text NOT NULL,
      kind text NOT NULL CHECK (kind IN ('applied', 'adopted', 'recorded')),
      duration_ms bigint,
      applied_at text NOT NULL
    );
  `);
}

/** Drops those of the names that a file has made others of. */
export async function dropTables(session: Session, names: readonly string[]): Promise<void> {
  for (const name of names) await session.script(`DROP TABLE IF EXISTS ${name}`);
}

/** The tables of the two that are not there, or not with their columns. */
export async function findLostTables(session: Session): Promise<readonly string[]> {
  const isLogThere =
    missingLogColumns(await columnsOf(session, "schema_migrations_log")).length === 0;
  return [
    ...((await hasVersionTable(session)) ? [] : ["schema_migrations"]),
    ...(isLogThere ? [] : ["schema_migrations_log"]),
  ];
}

/** True if the database has the table with the columns that golang-migrate gives it. */
export async function hasVersionTable(session: Session): Promise<boolean> {
  // Other tools (Rails, dbmate) have a table of this name and other columns.
  const columns = await columnsOf(session, "schema_migrations");
  return columns.includes("version") && columns.includes("dirty");
}

/**
 * The row of the table, or undefined if there is no table or no row.
 * @throws StoreError MIGRATION_INVALID if what is in it is no version.
 */
export async function readVersionRow(session: Session): Promise<SchemaVersion | undefined> {
  if (!(await hasVersionTable(session))) return undefined;
  const [row] = await session.all({
    sql: "SELECT version, dirty, quote_nullable(version) FROM schema_migrations LIMIT 1",
    parameters: [],
  });
  return row && toSchemaVersion(row[0], row[1] !== 0n, String(row[2]));
}

/**
 * Replaces the row; the caller holds a transaction.
 * @throws StoreError MIGRATION_FAILED if a trigger of others keeps it out.
 */
export async function writeVersion(
  session: Session,
  { version, dirty }: SchemaVersion,
): Promise<void> {
  await session.script("DELETE FROM schema_migrations");
  if (version === NO_VERSION && !dirty) return;
  const changes = await session.run({
    sql: "INSERT INTO schema_migrations (version, dirty) VALUES (?::bigint, ?::boolean)",
    parameters: [version, String(dirty)],
  });
  if (changes === 1) return;
  throw new StoreError("MIGRATION_FAILED", `schema_migrations does not take version ${version}`);
}

/**
 * The log in order of version; empty if there is no table.
 * @throws StoreError MIGRATION_INVALID if the table has not the columns that it was made with.
 */
export async function readLog(session: Session): Promise<readonly LogEntry[]> {
  const names = await columnsOf(session, "schema_migrations_log");
  if (names.length === 0) return [];
  requireLogColumns(names);
  const rows = await session.all({
    sql: `SELECT ${LOG_COLUMNS.join(", ")} FROM schema_migrations_log ORDER BY version`,
    parameters: [],
  });
  return rows.map(toLogEntry);
}

/** Writes the row of `file`'s version, in place of an earlier one. */
export async function writeLogEntry(
  session: Session,
  file: MigrationFile,
  kind: LogKind,
  durationMs?: number,
): Promise<void> {
  const updates = LOG_COLUMNS.map((column) => `${column} = excluded.${column}`).join(", ");
  await session.run({
    sql:
      `INSERT INTO schema_migrations_log (${LOG_COLUMNS.join(", ")}) VALUES (?, ?, ?, ?, ?, ?) ` +
      `ON CONFLICT (version) DO UPDATE SET ${updates}`,
    parameters: logValues(file, kind, durationMs),
  });
}

/** Removes the rows of all versions above `version`. */
export async function truncateLog(session: Session, version: bigint): Promise<void> {
  await session.run({
    sql: "DELETE FROM schema_migrations_log WHERE version > ?::bigint",
    parameters: [version],
  });
}

async function columnsOf(session: Session, table: string): Promise<readonly unknown[]> {
  const rows = await session.all({
    sql:
      "SELECT attname FROM pg_attribute JOIN pg_class ON pg_class.oid = attrelid " +
      "JOIN pg_namespace ON pg_namespace.oid = relnamespace " +
      "WHERE relname = ? AND nspname = current_schema() AND attnum > 0 AND NOT attisdropped",
    parameters: [table],
  });
  return rows.map(([name]) => name);
}
