// What `schema_migrations_log` says: which file made each version of the schema, when, in what time. The
// version itself is in schema_migrations, which other tools write too: the log follows it. Pure.

import { type Clock, systemClock, timestamp } from "../../clock.ts";
import { StoreError } from "../../errors.ts";
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

/** The columns of the table, in the order of `logValues`. */
export const LOG_COLUMNS = [
  "version",
  "name",
  "checksum",
  "kind",
  "duration_ms",
  "applied_at",
] as const;

/** The values of the row of `file`'s version, as of now. */
export function logValues(
  { version, name, checksum }: MigrationFile,
  kind: LogKind,
  durationMs?: number,
  clock: Clock = systemClock,
): (bigint | string | null)[] {
  const duration = durationMs === undefined ? null : BigInt(Math.round(durationMs));
  return [version, name, checksum, kind, duration, timestamp(clock)];
}

/** A row as it is read, in the order of the columns. */
export function toLogEntry([
  version,
  name,
  checksum,
  kind,
  duration,
  appliedAt,
]: readonly unknown[]): LogEntry {
  return {
    version: version as bigint,
    name: name as string,
    checksum: checksum as string,
    kind: kind as LogKind,
    durationMs: duration === null ? undefined : Number(duration),
    appliedAt: appliedAt as string,
  };
}

/** The columns that a table of this name lacks to be the log. */
export function missingLogColumns(names: readonly unknown[]): readonly string[] {
  return LOG_COLUMNS.filter((column) => !names.includes(column));
}

/** @throws StoreError MIGRATION_INVALID if a table of this name has not the log's columns. */
export function requireLogColumns(names: readonly unknown[]): void {
  const [missing] = missingLogColumns(names);
  if (missing === undefined) return;
  throw new StoreError(
    "MIGRATION_INVALID",
    `schema_migrations_log has no column ${missing}; it is protostore's own: ` +
      "to have it made anew, drop it",
  );
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

/** The files up to `version` that another tool has run since the log was last written. */
export function findUnrecorded(
  log: readonly LogEntry[],
  files: readonly MigrationFile[],
  version: bigint,
): readonly MigrationFile[] {
  const newest = newestEntry(log, version);
  return files.filter((file) => file.version > newest && file.version <= version);
}

/** True if another tool has moved the version since the log was last written. */
export function isLogStale(
  log: readonly LogEntry[],
  files: readonly MigrationFile[],
  version: bigint,
): boolean {
  const isAhead = log.some((entry) => entry.version > version);
  return isAhead || findUnrecorded(log, files, version).length > 0;
}

function newestEntry(log: readonly LogEntry[], version: bigint): bigint {
  return log.findLast((entry) => entry.version <= version)?.version ?? NO_VERSION;
}
