// Owns `schema_migrations_log`: which file made each version of the schema, when, in what time.
// The version itself is in schema_migrations, which other tools write too: the log follows it.

import { systemClock, timestamp } from "../../../clock.ts";
import { StoreError } from "../../../errors.ts";
import type { Connection } from "../connection/connection.ts";
import type { MigrationFile } from "./files.ts";
import { NO_VERSION } from "./version.ts";

/**
 * How a version came to be: its file was run (applied), its tables were there before (adopted), or
 * another tool or `force` set the version (recorded).
 */
export type LogKind = "applied" | "adopted" | "recorded";

/** One row of the log. */
export interface LogEntry {
  readonly version: bigint;
  readonly name: string;
  /** The SHA-256 of the up file as it was then, in hex. */
  readonly checksum: string;
  readonly kind: LogKind;
  /** Absent if the file was not run by protostore, in milliseconds. */
  readonly durationMs: number | undefined;
  /** When, as RFC 3339. */
  readonly appliedAt: string;
}

const COLUMNS = ["version", "name", "checksum", "kind", "duration_ms", "applied_at"];

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
  return missingColumns(connection).length === 0;
}

/**
 * The log in order of version; empty if there is no table.
 * @throws StoreError MIGRATION_INVALID if the table has not the columns that it was made with.
 */
export function readLog(connection: Connection): readonly LogEntry[] {
  if (readColumnNames(connection).length === 0) return [];
  const missing = missingColumns(connection);
  if (missing.length > 0) {
    throw new StoreError(
      "MIGRATION_INVALID",
      `schema_migrations_log has no column ${missing[0]}; it is protostore's own: ` +
        "to have it made anew, drop it",
    );
  }
  const rows = connection
    .prepare(
      `SELECT version, name, checksum, kind, duration_ms, applied_at
       FROM schema_migrations_log ORDER BY version`,
    )
    .all() as {
    version: bigint;
    name: string;
    checksum: string;
    kind: LogKind;
    duration_ms: bigint | null;
    applied_at: string;
  }[];
  return rows.map((row) => ({
    version: row.version,
    name: row.name,
    checksum: row.checksum,
    kind: row.kind,
    durationMs: row.duration_ms === null ? undefined : Number(row.duration_ms),
    appliedAt: row.applied_at,
  }));
}

function readColumnNames(connection: Connection): readonly string[] {
  return connection
    .prepare("SELECT lower(name) FROM pragma_table_info('schema_migrations_log')")
    .pluck()
    .all() as string[];
}

function missingColumns(connection: Connection): readonly string[] {
  const names = readColumnNames(connection);
  return COLUMNS.filter((column) => !names.includes(column));
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
      `INSERT OR REPLACE INTO schema_migrations_log
         (version, name, checksum, kind, duration_ms, applied_at)
       VALUES (?, ?, ?, ?, ?, ?)`,
    )
    .run(
      file.version,
      file.name,
      file.checksum,
      kind,
      durationMs === undefined ? null : BigInt(Math.round(durationMs)),
      timestamp(systemClock),
    );
}

/** Removes the rows of all versions above `version`. */
export function truncateLog(connection: Connection, version: bigint): void {
  connection.prepare("DELETE FROM schema_migrations_log WHERE version > ?").run(version);
}

/**
 * Makes sure that each migration up to `version` still has the file that it was applied from.
 * @throws StoreError MIGRATION_EDITED with both checksums, or MIGRATION_MISSING.
 */
export function checkLog(
  log: readonly LogEntry[],
  files: readonly MigrationFile[],
  version: bigint,
): void {
  const fileOf = new Map(files.map((file) => [file.version, file]));
  for (const entry of log) {
    if (entry.version > version) continue;
    const file = fileOf.get(entry.version);
    if (!file || file.name !== entry.name) {
      throw new StoreError(
        "MIGRATION_MISSING",
        `${entry.name}.up.sql is missing, and the database was migrated with it`,
      );
    }
    if (file.checksum !== entry.checksum) {
      throw new StoreError(
        "MIGRATION_EDITED",
        `${file.up.file} was edited after it was applied: its SHA-256 was ${entry.checksum} ` +
          `and is now ${file.checksum}; ${howToRestore(file, entry)}`,
      );
    }
  }
  if (version !== NO_VERSION && !fileOf.has(version)) {
    throw new StoreError(
      "MIGRATION_MISSING",
      `the database is at version ${version}, for which there is no file; ` +
        (version === 0n
          ? "if no migration was run, say so with: protostore migrate force -1"
          : "is it from a newer release?"),
    );
  }
}

function howToRestore({ otherEndings }: MigrationFile, { checksum }: LogEntry): string {
  return otherEndings.includes(checksum)
    ? "only its line endings differ: restore them, and see that git does not change them (eol)"
    : "restore the file and put the change in a new migration";
}

/**
 * The files that are below `version` without having been run: they arrived after a later one had
 * been. They are not run, as golang-migrate does not.
 */
export function findSkipped(
  log: readonly LogEntry[],
  files: readonly MigrationFile[],
  version: bigint,
): readonly MigrationFile[] {
  const logged = new Set(log.map((entry) => entry.version));
  const newest = newestEntry(log, version);
  return files.filter((file) => file.version < newest && !logged.has(file.version));
}

/** True if another tool has moved the version since the log was last written. */
export function isLogStale(
  log: readonly LogEntry[],
  files: readonly MigrationFile[],
  version: bigint,
): boolean {
  const newest = newestEntry(log, version);
  return (
    log.some((entry) => entry.version > version) ||
    files.some((file) => file.version > newest && file.version <= version)
  );
}

/** Makes the log say what schema_migrations says; the caller holds a transaction. */
export function healLog(
  connection: Connection,
  files: readonly MigrationFile[],
  version: bigint,
): void {
  truncateLog(connection, version);
  const newest = newestEntry(readLog(connection), version);
  for (const file of files) {
    if (file.version > newest && file.version <= version) {
      writeLogEntry(connection, file, "recorded");
    }
  }
}

function newestEntry(log: readonly LogEntry[], version: bigint): bigint {
  return log.findLast((entry) => entry.version <= version)?.version ?? NO_VERSION;
}
