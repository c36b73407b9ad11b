// Brings a database to a version of the schema: up, down, force, and the status that health reads.
// Decides what is to be run; apply.ts runs it.

import type { Connection } from "../database/sqlite/connection.ts";
import { StoreError } from "../errors.ts";
import { applyMigration, type Direction, dirtyError } from "./apply.ts";
import { refuseUnmanaged } from "./detect.ts";
import { checkSequence, listMigrationFiles, type MigrationFile } from "./files.ts";
import {
  checkLog,
  createLogTable,
  healLog,
  isLogStale,
  readLog,
  truncateLog,
  writeLogEntry,
} from "./log.ts";
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
  readVersion,
  readVersionRow,
  writeVersion,
} from "./version.ts";

/** How a database stands to the migration files. */
export interface MigrationStatus {
  /** The version of the database, 0 if no migration was applied. */
  readonly version: number;
  /** The version of the last file. */
  readonly expected: number;
  /** True if a migration did not finish. */
  readonly dirty: boolean;
  /** True if the database records its version at all. */
  readonly managed: boolean;
  /** The names of the migrations that are not applied, in order. */
  readonly pending: readonly string[];
}

/** How a command that migrates runs. */
export interface MigrateOptions {
  /** The migrations; the package's own if absent. */
  readonly files?: readonly MigrationFile[];
  /** How long to wait for other processes, in milliseconds. */
  readonly lockTimeoutMs: number;
  /** Called before each migration, and once more after the last with `done` equal to `total`. */
  readonly onProgress?: (name: string, done: number, total: number) => void;
}

/** What a command has done. */
export interface MigrationReport {
  readonly from: number;
  readonly to: number;
  readonly migrations: readonly { readonly name: string; readonly durationMs: number }[];
}

/** Reads how the database stands to `files`, without any lock and without writing. */
export function readMigrationStatus(
  connection: Connection,
  files: readonly MigrationFile[],
): MigrationStatus {
  const { version, dirty } = readVersion(connection);
  return {
    version,
    expected: files.at(-1)?.version ?? 0,
    dirty,
    managed: hasVersionTable(connection),
    pending: files.filter((file) => file.version > version).map((file) => file.name),
  };
}

/**
 * Applies every migration that is pending, up to `target`; creates the database if it is absent.
 * @throws StoreError with one of the MIGRATION codes, or UNMANAGED_DATABASE.
 */
export async function migrateUp(
  database: string,
  options: MigrateOptions & { readonly target?: number },
): Promise<MigrationReport> {
  const files = options.files ?? listMigrationFiles();
  createDatabase(database);
  return await withDatabase(database, options.lockTimeoutMs, (target) =>
    runUp(target, files, options),
  );
}

/**
 * Undoes the last `steps` migrations, or all of them.
 * @throws StoreError MIGRATION_INVALID, with nothing changed, if one of them was adopted: its down
 *   file would delete rows that were there before.
 */
export async function migrateDown(
  database: string,
  options: MigrateOptions & { readonly steps?: number | "all" },
): Promise<MigrationReport> {
  const files = options.files ?? listMigrationFiles();
  return await withDatabase(database, options.lockTimeoutMs, async (target) => {
    const { connection } = target;
    refuseUnmanaged(connection, database);
    const from = await prepare(target, files);
    const steps = options.steps === "all" ? from : (options.steps ?? 1);
    const undone = files.filter(({ version }) => version <= from && version > from - steps);
    const adopted = readLog(connection).find(
      (entry) => entry.kind === "adopted" && undone.some(({ name }) => name === entry.name),
    );
    if (adopted) {
      throw new StoreError(
        "MIGRATION_INVALID",
        `${adopted.name} was adopted, not applied: to undo it would delete what was there before`,
      );
    }
    return await runAll(target, undone.reverse(), "down", options);
  });
}

/**
 * Records `version` as clean without running anything, after a repair by hand.
 * @throws StoreError MIGRATION_INVALID if it is neither 0 nor the version of a file.
 */
export async function forceVersion(
  database: string,
  version: number,
  options: MigrateOptions,
): Promise<void> {
  const files = options.files ?? listMigrationFiles();
  checkSequence(files);
  const file = files.find((candidate) => candidate.version === version);
  if (version !== 0 && !file) {
    throw new StoreError("MIGRATION_INVALID", `there is no migration ${version}`);
  }
  await withDatabase(database, options.lockTimeoutMs, async (target) => {
    const { connection } = target;
    refuseUnmanaged(connection, database);
    await inTransaction(target, () => {
      createVersionTable(connection);
      createLogTable(connection);
      truncateLog(connection, version);
      const kept = readLog(connection).find((entry) => entry.version === version);
      // A version that was adopted stays so: `down` must go on refusing it.
      if (file) writeLogEntry(connection, file, kept?.kind === "adopted" ? "adopted" : "recorded");
      healLog(connection, files, version);
      writeVersion(connection, { version, dirty: false });
    });
  });
}

/**
 * Applies the pending migrations to a database that the caller has to itself.
 * @throws StoreError as `migrateUp`.
 */
export async function runUp(
  target: Target,
  files: readonly MigrationFile[],
  options: Pick<MigrateOptions, "onProgress"> & { readonly target?: number },
): Promise<MigrationReport> {
  const last = files.at(-1)?.version ?? 0;
  const to = options.target ?? last;
  if (to > last) throw new StoreError("MIGRATION_INVALID", `there is no migration ${to}`);
  refuseUnmanaged(target.connection, target.database);
  await useWriteAheadLog(target);
  const from = await prepare(target, files);
  const pending = files.filter(({ version }) => version > from && version <= to);
  return await runAll(target, pending, "up", options);
}

/** Makes sure that the database can be migrated with `files`, and returns its version. */
async function prepare(target: Target, files: readonly MigrationFile[]): Promise<number> {
  const { connection, database } = target;
  const { version, dirty } = readVersion(connection);
  if (dirty) throw dirtyError(database, version);
  const log = readLog(connection);
  checkLog(log, files, version);
  checkSequence(files);
  if (!readVersionRow(connection) || isLogStale(log, files, version)) {
    await inTransaction(target, () => {
      createVersionTable(connection);
      createLogTable(connection);
      healLog(connection, files, version);
    });
  }
  return version;
}

async function runAll(
  target: Target,
  files: readonly MigrationFile[],
  direction: Direction,
  { onProgress }: Pick<MigrateOptions, "onProgress">,
): Promise<MigrationReport> {
  const from = readVersion(target.connection).version;
  const migrations: { name: string; durationMs: number }[] = [];
  for (const [done, file] of files.entries()) {
    onProgress?.(file.name, done, files.length);
    const durationMs = await applyMigration(target, file, direction);
    migrations.push({ name: file.name, durationMs });
  }
  const last = files.at(-1);
  if (last) onProgress?.(last.name, files.length, files.length);
  return { from, to: readVersion(target.connection).version, migrations };
}
