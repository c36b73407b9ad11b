// Owns `schema_migrations_log`: which file made each version of the schema, when, in what time.
// The version itself is in schema_migrations, which other tools write too: the log follows it.

import type { Connection } from "../database/sqlite/connection.ts";
import { StoreError } from "../errors.ts";
import type { MigrationFile } from "./files.ts";

/**
 * How a version came to be: its file was run (applied), its tables were there before (adopted), or
 * another tool or `force` set the version (recorded).
 */
export type LogKind = "applied" | "adopted" | "recorded";

/** One row of the log. */
export interface LogEntry {
  readonly version: number;
  readonly name: string;
  /** The SHA-256 of the up file as it was then, in hex. */
  readonly checksum: string;
  readonly kind: LogKind;
  /** Absent if the file was not run by protostore, in milliseconds. */
  readonly durationMs: number | undefined;
  /** When, as RFC 3339. */
  readonly appliedAt: string;
}

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

/** The log in order of version; empty if there is no table. */
export function readLog(connection: Connection): readonly LogEntry[] {
  const exists = connection
    .prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'schema_migrations_log'")
    .get();
  if (!exists) return [];
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
    version: Number(row.version),
    name: row.name,
    checksum: row.checksum,
    kind: row.kind,
    durationMs: row.duration_ms === null ? undefined : Number(row.duration_ms),
    appliedAt: row.applied_at,
  }));
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
      BigInt(file.version),
      file.name,
      file.checksum,
      kind,
      durationMs === undefined ? null : BigInt(Math.round(durationMs)),
      new Date().toISOString(),
    );
}

/** Removes the rows of all versions above `version`. */
export function truncateLog(connection: Connection, version: number): void {
  connection.prepare("DELETE FROM schema_migrations_log WHERE version > ?").run(BigInt(version));
}

/**
 * Makes sure that each migration up to `version` still has the file that it was applied from.
 * @throws StoreError MIGRATION_EDITED with both checksums, or MIGRATION_MISSING.
 */
export function checkLog(
  log: readonly LogEntry[],
  files: readonly MigrationFile[],
  version: number,
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
          `and is now ${file.checksum}; restore the file and put the change in a new migration`,
      );
    }
  }
  if (version > 0 && !fileOf.has(version)) {
    throw new StoreError(
      "MIGRATION_MISSING",
      `the database is at version ${version}, for which there is no file; ` +
        "is it from a newer release?",
    );
  }
}

/** True if another tool has moved the version since the log was last written. */
export function isLogStale(
  log: readonly LogEntry[],
  files: readonly MigrationFile[],
  version: number,
): boolean {
  const logged = new Set(log.map((entry) => entry.version));
  return (
    log.some((entry) => entry.version > version) ||
    files.some((file) => file.version <= version && !logged.has(file.version))
  );
}

/** Makes the log say what schema_migrations says; the caller holds a transaction. */
export function healLog(
  connection: Connection,
  files: readonly MigrationFile[],
  version: number,
): void {
  truncateLog(connection, version);
  const logged = new Set(readLog(connection).map((entry) => entry.version));
  for (const file of files) {
    if (file.version <= version && !logged.has(file.version)) {
      writeLogEntry(connection, file, "recorded");
    }
  }
}
