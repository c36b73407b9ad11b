// Brings a database to a version of the schema: up, down and force. Decides what is to be run and recorded,
// and in which order; the driver, which holds the lock, does it.

import { StoreError } from "../../errors.ts";
import { checkSequence, type MigrationFile } from "./files.ts";
import {
  checkLog,
  findSkipped,
  findUnrecorded,
  isLogStale,
  type LogEntry,
  type LogKind,
} from "./migration-log.ts";
import { planDown, planUp, resolveTarget, type Step } from "./steps.ts";
import { dirtyError, NO_VERSION, type SchemaVersion, shownVersion, UNRECORDED } from "./version.ts";

/** A file whose version is recorded, and how that came to be. */
export interface Recorded {
  readonly file: MigrationFile;
  readonly kind: LogKind;
}

/** A database that is ours to migrate: nobody else does while a command works on it. */
export interface MigratedDatabase {
  /** Its path or address, for messages. */
  readonly name: string;
  /** True if it has the table with the version. */
  isManaged(): Promise<boolean>;
  /** The row of that table, if there is one. */
  readVersion(): Promise<SchemaVersion | undefined>;
  readLog(): Promise<readonly LogEntry[]>;
  /**
   * Makes the tables of the record if they are absent, cuts the log after `version`, and adds `entries`; the row
   * of the version is replaced by `row` if that is given. All or nothing.
   */
  record(version: bigint, entries: readonly Recorded[], row?: SchemaVersion): Promise<void>;
  /** The names of the migrations of the store's own tables that are not applied. */
  pendingStore(): Promise<readonly string[]>;
  /** Applies those. */
  migrateStore(): Promise<void>;
  /** Runs one migration and records it; how long that took, in milliseconds. */
  apply(step: Step): Promise<number>;
}

/** How a command runs migrations. */
export interface RunOptions {
  readonly files: readonly MigrationFile[];
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

/** How far a command goes down: one migration if nothing is said. */
export interface Descent {
  readonly steps?: number | "all";
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

/**
 * Applies every migration that is pending, up to `target`.
 * @throws StoreError with one of the MIGRATION codes
 */
export async function runUp(
  database: MigratedDatabase,
  options: RunOptions & Bound,
): Promise<MigrationReport> {
  const { files } = options;
  const to = resolveTarget(files, options.target);
  const hasContent = await database.isManaged();
  const from = await prepare(database, files);
  const steps = planUp(files, from, to);
  const isPending = steps.length + (await database.pendingStore()).length > 0;
  if (hasContent && isPending) await options.beforeFirst?.();
  await database.migrateStore();
  return await runAll(database, steps, options);
}

/**
 * Undoes the last `steps` migrations, or all of them.
 * @throws StoreError as `planDown`, with nothing changed, or with one of the MIGRATION codes
 */
export async function runDown(
  database: MigratedDatabase,
  options: RunOptions & Descent,
): Promise<MigrationReport> {
  const { files } = options;
  const from = await prepare(database, files);
  const log = await database.readLog();
  const steps = planDown(files, log, from, options.steps ?? 1);
  return await runAll(database, steps, options);
}

/**
 * The file of a version that is to be recorded; none for NO_VERSION, and for 0 if no file has it.
 * @throws StoreError MIGRATION_INVALID if there is no such file.
 */
export function fileToForce(
  files: readonly MigrationFile[],
  version: bigint,
): MigrationFile | undefined {
  checkSequence(files);
  const file = files.find((candidate) => candidate.version === version);
  if (version <= 0n || file) return file;
  throw new StoreError("MIGRATION_INVALID", `there is no migration ${version}`);
}

/** Records the version of `file` as clean, and all files up to it as run, without running anything. */
export async function recordForced(
  database: MigratedDatabase,
  files: readonly MigrationFile[],
  file: MigrationFile | undefined,
): Promise<void> {
  const version = file?.version ?? NO_VERSION;
  const log = await database.readLog();
  const recorded = [...findUnrecorded(log, files, version), ...findSkipped(log, files, version)];
  // A version that was adopted stays so: `down` must go on refusing it.
  const kept = log.find((entry) => entry.version === version);
  const kind = kept?.kind === "adopted" ? "adopted" : "recorded";
  const entries = recorded.map((each): Recorded => ({ file: each, kind: "recorded" }));
  await database.record(version, file ? [...entries, { file, kind }] : entries, {
    version,
    dirty: false,
  });
}

/** Makes sure that the database can be migrated with `files`, and returns its version. */
async function prepare(
  database: MigratedDatabase,
  files: readonly MigrationFile[],
): Promise<bigint> {
  const row = await database.readVersion();
  const { version, dirty } = row ?? UNRECORDED;
  if (dirty) throw dirtyError(database.name, version);
  const log = await database.readLog();
  checkLog(log, files, version);
  checkSequence(files);
  if (!row || isLogStale(log, files, version)) {
    const entries = findUnrecorded(log, files, version);
    await database.record(
      version,
      entries.map((file) => ({ file, kind: "recorded" })),
    );
  }
  return version;
}

async function runAll(
  database: MigratedDatabase,
  steps: readonly Step[],
  { files, onProgress }: RunOptions,
): Promise<MigrationReport> {
  const from = await readVersion(database);
  const skipped = findSkipped(await database.readLog(), files, from);
  const migrations: { name: string; durationMs: number }[] = [];
  for (const [done, step] of steps.entries()) {
    onProgress?.(step.file.name, done, steps.length);
    const durationMs = await database.apply(step);
    migrations.push({ name: step.file.name, durationMs });
  }
  const last = steps.at(-1);
  if (last) onProgress?.(last.file.name, steps.length, steps.length);
  return {
    from: shownVersion(from),
    to: shownVersion(await readVersion(database)),
    migrations,
    notices: steps.flatMap(({ file, direction }) => file[direction].notices),
    skipped: skipped.map(({ name }) => name),
  };
}

async function readVersion(database: MigratedDatabase): Promise<bigint> {
  return ((await database.readVersion()) ?? UNRECORDED).version;
}
