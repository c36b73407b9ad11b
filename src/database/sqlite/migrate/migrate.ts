// Brings a database to a version of the schema: up, down, force, and the status that health reads.
// Decides what is to be run; apply.ts runs it.

import { StoreError } from "../../../errors.ts";
import type { Connection } from "../connection/connection.ts";
import { applyMigration, type Direction, dirtyError, type Step } from "./apply-migration.ts";
import { type ForeignFiles, refuseUnmanaged } from "./detect.ts";
import { checkSequence, type MigrationFile, requireScript } from "./files.ts";
import {
  checkLog,
  createLogTable,
  findSkipped,
  healLog,
  isLogStale,
  readLog,
} from "./migration-log.ts";
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
  NO_VERSION,
  readVersion,
  readVersionRow,
  shownVersion,
} from "./version.ts";

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

/** How a command that migrates runs. */
export interface MigrateOptions {
  readonly files: readonly MigrationFile[];
  /** What becomes of files of others; all are refused if absent. */
  readonly foreign?: ForeignFiles | undefined;
  /** How long to wait for other processes, in milliseconds. */
  readonly lockTimeoutMs: number;
  /** Called before each migration, and once more after the last with `done` equal to `total`. */
  readonly onProgress?: (name: string, done: number, total: number) => void;
  /**
   * Called once before the first migration of a database that has a version, if any is pending: what it
   * throws stops the migration, and nothing is changed.
   */
  readonly beforeFirst?: () => Promise<void>;
}

/** Where a command that goes up ends. */
export interface Bound {
  /** The version of the last migration to be applied; that of the last file if absent. */
  readonly target?: bigint | number;
}

/** What a command has done. */
export interface MigrationReport {
  /** The versions before and after, 0 if there is none. */
  readonly from: bigint;
  readonly to: bigint;
  readonly migrations: readonly { readonly name: string; readonly durationMs: number }[];
  /** What in the files that were run has no effect though it looks so, each with file and line. */
  readonly notices: readonly string[];
  /** The names of the migrations that arrived below the version of the database: they are not run. */
  readonly skipped: readonly string[];
}

/** Reads how the database stands to `files`, without any lock and without writing. */
export function readMigrationStatus(
  connection: Connection,
  files: readonly MigrationFile[],
): MigrationStatus {
  const { version, dirty } = readVersion(connection);
  return {
    version: shownVersion(version),
    expected: files.at(-1)?.version ?? 0n,
    dirty,
    managed: hasVersionTable(connection),
    pending: files.filter((file) => file.version > version).map((file) => file.name),
    pendingStore: pendingStoreMigrations(connection, files),
  };
}

/** The names of the migrations that arrived too late to be run; reads only, without any lock. */
export function readSkipped(
  connection: Connection,
  files: readonly MigrationFile[],
): readonly string[] {
  const { version } = readVersion(connection);
  return findSkipped(readLog(connection), files, version).map(({ name }) => name);
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

/**
 * Undoes the last `steps` migrations, or all of them.
 * @throws StoreError MIGRATION_INVALID, with nothing changed, if one of them was adopted: its down
 *   file would delete rows that were there before. MIGRATION_MISSING if one has no down file.
 */
export async function migrateDown(
  database: string,
  options: MigrateOptions & { readonly steps?: number | "all" },
): Promise<MigrationReport> {
  const { files, foreign } = options;
  return await withDatabase(database, options.lockTimeoutMs, async (target) => {
    const { connection } = target;
    refuseUnmanaged(connection, database, foreign);
    const from = await prepare(target, files);
    const log = readLog(connection);
    const skipped = new Set(findSkipped(log, files, from));
    const applied = files.filter((file) => file.version <= from && !skipped.has(file));
    const count = options.steps === "all" ? applied.length : (options.steps ?? 1);
    const kept = Math.max(0, applied.length - count);
    const undone = applied.slice(kept);
    const adopted = log.find(
      (entry) => entry.kind === "adopted" && undone.some(({ name }) => name === entry.name),
    );
    if (adopted) {
      throw new StoreError(
        "MIGRATION_INVALID",
        `${adopted.name} was adopted, not applied: to undo it would delete what was there before`,
      );
    }
    const steps = planSteps(applied[kept - 1]?.version, undone, "down").reverse();
    return await runAll(target, files, steps, options);
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
  const to = BigInt(options.target ?? files.at(-1)?.version ?? NO_VERSION);
  if (to > 0n && !files.some(({ version }) => version === to)) {
    throw new StoreError("MIGRATION_INVALID", `there is no migration ${to}`);
  }
  refuseUnmanaged(target.connection, target.database, foreign);
  const hasContent = hasVersionTable(target.connection);
  await useWriteAheadLog(target);
  const from = await prepare(target, files);
  const pending = files.filter(({ version }) => version > from && version <= to);
  const steps = planSteps(from, pending, "up");
  const isPending = steps.length + pendingStoreMigrations(target.connection, files).length > 0;
  if (hasContent && isPending) await options.beforeFirst?.();
  await migrateStore(target, files);
  return await runAll(target, files, steps, options);
}

/** Makes sure that the database can be migrated with `files`, and returns its version. */
async function prepare(target: Target, files: readonly MigrationFile[]): Promise<bigint> {
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

/**
 * The versions before and after each of `files`, the first of which comes after `base`.
 * @throws StoreError MIGRATION_MISSING before anything is run, if one lacks its script.
 */
function planSteps(
  base: bigint | undefined,
  files: readonly MigrationFile[],
  direction: Direction,
): Step[] {
  return files.map((file, index) => {
    requireScript(file, direction);
    const lower = files[index - 1]?.version ?? base ?? NO_VERSION;
    return direction === "up"
      ? { file, direction, before: lower, after: file.version }
      : { file, direction, before: file.version, after: lower };
  });
}

async function runAll(
  target: Target,
  files: readonly MigrationFile[],
  steps: readonly Step[],
  { onProgress }: Pick<MigrateOptions, "onProgress">,
): Promise<MigrationReport> {
  const { connection } = target;
  const from = readVersion(connection).version;
  const skipped = readSkipped(connection, files);
  const migrations: { name: string; durationMs: number }[] = [];
  for (const [done, step] of steps.entries()) {
    onProgress?.(step.file.name, done, steps.length);
    const durationMs = await applyMigration(target, step);
    migrations.push({ name: step.file.name, durationMs });
  }
  const last = steps.at(-1);
  if (last) onProgress?.(last.file.name, steps.length, steps.length);
  return {
    from: shownVersion(from),
    to: shownVersion(readVersion(connection).version),
    migrations,
    notices: steps.flatMap(({ file, direction }) => file[direction].notices),
    skipped,
  };
}
