// Brings a database in a file to a version of the schema: up, down and force, and the status that health
// reads. What is to be run is decided in ../../migrations; apply-migration.ts runs it.

import type { MigrationFile } from "../../migrations/files.ts";
import {
  type Bound,
  type Descent,
  fileToForce,
  type MigratedDatabase,
  type MigrationReport,
  type RunOptions,
  recordForced,
  runDown,
  runUp as runPendingUp,
} from "../../migrations/migrate.ts";
import {
  type MigrationListing,
  type MigrationStatus,
  skippedNames,
  toListing,
  toStatus,
} from "../../migrations/migration-status.ts";
import type { Connection } from "../connection/connection.ts";
import { applyMigration } from "./apply-migration.ts";
import { type ForeignFiles, refuseUnmanaged } from "./detect.ts";
import { createLogTable, readLog, truncateLog, writeLogEntry } from "./log-table.ts";
import { migrateStore, pendingStoreMigrations } from "./store-tables.ts";
import {
  createDatabase,
  inTransaction,
  type Target,
  useWriteAheadLog,
  withDatabase,
} from "./target.ts";
import {
  createVersionTable,
  hasVersionTable,
  readVersionRow,
  writeVersion,
} from "./version-table.ts";

/** How a command that migrates a file runs. */
export interface MigrateOptions extends RunOptions {
  /** What becomes of files of others; all are refused if absent. */
  readonly foreign?: ForeignFiles | undefined;
  /** How long to wait for other processes, in milliseconds. */
  readonly lockTimeoutMs: number;
}

/** Reads how the database stands to `files`, without any lock and without writing. */
export function readMigrationStatus(
  connection: Connection,
  files: readonly MigrationFile[],
): MigrationStatus {
  const row = readVersionRow(connection);
  const managed = hasVersionTable(connection);
  return toStatus({ row, managed }, files, pendingStoreMigrations(connection, files));
}

/** The same, file by file. */
export function readListing(
  connection: Connection,
  files: readonly MigrationFile[],
): MigrationListing {
  const record = {
    row: readVersionRow(connection),
    managed: hasVersionTable(connection),
    log: readLog(connection),
  };
  return toListing(record, files, pendingStoreMigrations(connection, files));
}

/** The names of the migrations that arrived too late to be run; reads only, without any lock. */
export function readSkipped(
  connection: Connection,
  files: readonly MigrationFile[],
): readonly string[] {
  return skippedNames({ row: readVersionRow(connection), log: readLog(connection) }, files);
}

/**
 * Applies every migration that is pending, up to `target`; creates the database if it is absent.
 * @throws StoreError with one of the MIGRATION codes, or UNMANAGED_DATABASE.
 */
export async function migrateUp(
  database: string,
  options: MigrateOptions & Bound,
): Promise<MigrationReport> {
  createDatabase(database);
  return await withDatabase(database, options.lockTimeoutMs, (target) => runUp(target, options));
}

/** Undoes the last `steps` migrations, or all of them. @throws StoreError as `runDown` */
export async function migrateDown(
  database: string,
  options: MigrateOptions & Descent,
): Promise<MigrationReport> {
  const { files, foreign } = options;
  return await withDatabase(database, options.lockTimeoutMs, async (target) => {
    refuseUnmanaged(target.connection, database, foreign);
    return await runDown(toMigrated(target, files), options);
  });
}

/**
 * Applies the pending migrations to a database that the caller has to itself.
 * @throws StoreError as `migrateUp`.
 */
export async function runUp(
  target: Target,
  options: Omit<MigrateOptions, "lockTimeoutMs"> & Bound,
): Promise<MigrationReport> {
  const { files, foreign } = options;
  refuseUnmanaged(target.connection, target.database, foreign);
  await useWriteAheadLog(target);
  return await runPendingUp(toMigrated(target, files), options);
}

/**
 * Records `version` as clean, and all files up to it as run, without running anything: after a
 * repair by hand. NO_VERSION records that nothing was run; so does 0 if no file has that version.
 * @throws StoreError MIGRATION_INVALID if there is no such file.
 */
export async function forceVersion(
  database: string,
  version: bigint,
  options: MigrateOptions,
): Promise<void> {
  const { files, foreign } = options;
  const file = fileToForce(files, version);
  await withDatabase(database, options.lockTimeoutMs, async (target) => {
    const { connection } = target;
    if (!hasVersionTable(connection)) refuseUnmanaged(connection, database, foreign);
    await recordForced(toMigrated(target, files), files, file);
  });
}

function toMigrated(target: Target, files: readonly MigrationFile[]): MigratedDatabase {
  const { connection, database } = target;
  return {
    name: database,
    isManaged: async () => hasVersionTable(connection),
    readVersion: async () => readVersionRow(connection),
    readLog: async () => readLog(connection),
    record: (version, entries, row) =>
      inTransaction(target, () => {
        createVersionTable(connection);
        createLogTable(connection);
        truncateLog(connection, version);
        for (const { file, kind } of entries) writeLogEntry(connection, file, kind);
        if (row) writeVersion(connection, row);
      }),
    pendingStore: async () => pendingStoreMigrations(connection, files),
    migrateStore: () => migrateStore(target, files),
    apply: (step) => applyMigration(target, step),
  };
}
