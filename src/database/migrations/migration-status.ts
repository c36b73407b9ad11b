// How a database stands to the migration files: what people and health are told of it. Pure.
// What follows from it is decided elsewhere.

import type { MigrationFile } from "./files.ts";
import { findSkipped, type LogEntry, type LogKind } from "./migration-log.ts";
import { type SchemaVersion, shownVersion, UNRECORDED } from "./version.ts";

/** What a database records of its migrations. */
export interface MigrationRecord {
  /** True if it has the table with the version. */
  readonly managed: boolean;
  /** The row of that table, if there is one. */
  readonly row: SchemaVersion | undefined;
  readonly log: readonly LogEntry[];
}

/** How a database stands to the migration files. */
export interface MigrationStatus {
  /** The version of the database, 0 if no migration was applied. */
  readonly version: bigint;
  /** The version of the last file. */
  readonly expected: bigint;
  /** True if a migration did not finish. */
  readonly dirty: boolean;
  /** True if the database records its version at all. */
  readonly managed: boolean;
  /** The names of the migrations that are not applied, in order. */
  readonly pending: readonly string[];
  /** The names of those of the store's own tables that are not. */
  readonly pendingStore: readonly string[];
}

/** A file, and what became of it. */
export interface ListedMigration {
  readonly name: string;
  readonly state: LogKind | "pending" | "skipped";
  /** When, as RFC 3339; absent if that is not recorded. */
  readonly appliedAt: string | undefined;
}

/** The same, with what is known of each file. */
export interface MigrationListing extends MigrationStatus {
  readonly migrations: readonly ListedMigration[];
  /** The names of the migrations that arrived too late to be run. */
  readonly skipped: readonly string[];
}

/** How a database with this record stands to `files`. */
export function toStatus(
  { managed, row = UNRECORDED }: Omit<MigrationRecord, "log">,
  files: readonly MigrationFile[],
  pendingStore: readonly string[],
): MigrationStatus {
  const { version, dirty } = row;
  return {
    version: shownVersion(version),
    expected: files.at(-1)?.version ?? 0n,
    dirty,
    managed,
    pending: files.filter((file) => file.version > version).map((file) => file.name),
    pendingStore,
  };
}

/** The same, file by file. */
export function toListing(
  record: MigrationRecord,
  files: readonly MigrationFile[],
  pendingStore: readonly string[],
): MigrationListing {
  const status = toStatus(record, files, pendingStore);
  const entries = new Map(record.log.map((entry) => [entry.version, entry]));
  const skipped = skippedNames(record, files);
  const migrations = files.map(({ version, name }): ListedMigration => {
    if (status.pending.includes(name)) return { name, state: "pending", appliedAt: undefined };
    const entry = entries.get(version);
    const unlogged = skipped.includes(name) ? "skipped" : "recorded";
    return { name, state: entry?.kind ?? unlogged, appliedAt: entry?.appliedAt };
  });
  return { ...status, migrations, skipped };
}

/** The names of the migrations that arrived too late to be run. */
export function skippedNames(
  { row = UNRECORDED, log }: Omit<MigrationRecord, "managed">,
  files: readonly MigrationFile[],
): readonly string[] {
  return findSkipped(log, files, row.version).map(({ name }) => name);
}

/** Why a server cannot serve a database that stands so; undefined if all is applied. */
export function whyNotCurrent(status: MigrationStatus): string | undefined {
  const { version, expected, dirty, pending, pendingStore } = status;
  if (dirty) {
    return `migration ${version} did not finish; repair it, then run: protostore migrate force ${version}`;
  }
  if (version > expected) return `the database is at version ${version}, newer than ${expected}`;
  if (pending.length === 0) {
    if (pendingStore.length === 0) return undefined;
    return `the store's own tables lack ${pendingStore.join(", ")}; run: protostore migrate up`;
  }
  return `the database is at version ${version} of ${expected}; run: protostore migrate up`;
}
