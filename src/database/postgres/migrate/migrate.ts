// Brings a PostgreSQL database to a version of the schema: up, down and force, the plan, and the status that
// health reads. What is to be run is decided in ../../migrations; apply-migration.ts runs it.

import { StoreError } from "../../../errors.ts";
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
  runUp,
} from "../../migrations/migrate.ts";
import { type MigrationPlan, toPlan } from "../../migrations/migration-plan.ts";
import {
  type MigrationListing,
  type MigrationStatus,
  skippedNames,
  toListing,
  toStatus,
} from "../../migrations/migration-status.ts";
import { planUp, resolveTarget } from "../../migrations/steps.ts";
import { UNRECORDED } from "../../migrations/version.ts";
import type { Session } from "../session.ts";
import { applyMigration } from "./apply-migration.ts";
import { refuseUnmanaged } from "./detect.ts";
import {
  createRecordTables,
  hasVersionTable,
  readLog,
  readVersionRow,
  truncateLog,
  writeLogEntry,
  writeVersion,
} from "./record.ts";
import { readSchemaObjects } from "./schema-objects.ts";
import { findPendingStoreFiles, migrateStore } from "./store-tables.ts";
import { requireSupported } from "./supported.ts";
import { type Target, withDatabase } from "./target.ts";

/** How a command that migrates a database on a server runs. */
export interface MigrateOptions extends RunOptions {
  /** How long to wait for other programs, in milliseconds. */
  readonly lockTimeoutMs: number;
}

/** Reads how the database stands to `files`, without any lock and without writing. */
export async function readMigrationStatus(
  session: Session,
  files: readonly MigrationFile[],
): Promise<MigrationStatus> {
  const row = await readVersionRow(session);
  const managed = await hasVersionTable(session);
  return toStatus({ row, managed }, files, await pendingStoreNames(session, files));
}

/** The same, file by file. */
export async function readListing(
  session: Session,
  files: readonly MigrationFile[],
): Promise<MigrationListing> {
  const record = {
    row: await readVersionRow(session),
    managed: await hasVersionTable(session),
    log: await readLog(session),
  };
  return toListing(record, files, await pendingStoreNames(session, files));
}

/** The names of the migrations that arrived too late to be run; reads only, without any lock. */
export async function readSkipped(
  session: Session,
  files: readonly MigrationFile[],
): Promise<readonly string[]> {
  const [row, log] = [await readVersionRow(session), await readLog(session)];
  return skippedNames({ row, log }, files);
}

/**
 * Applies every migration that is pending, up to `target`.
 * @throws StoreError with one of the MIGRATION codes, INVALID_CONFIG, or UNMANAGED_DATABASE.
 */
export async function migrateUp(
  url: string,
  options: MigrateOptions & Bound,
): Promise<MigrationReport> {
  return await withDatabase(url, options.lockTimeoutMs, (target) => goUp(target, options));
}

/** Undoes the last `steps` migrations, or all of them. @throws StoreError as `runDown` */
export async function migrateDown(
  url: string,
  options: MigrateOptions & Descent,
): Promise<MigrationReport> {
  const { files, lockTimeoutMs } = options;
  refuseForeignKeysOff(files);
  return await withDatabase(url, lockTimeoutMs, async (target) => {
    await refuseUnmanaged(target.session, target.database);
    return await runDown(toMigrated(target, files), options);
  });
}

/**
 * Records `version` as clean, and all files up to it as run, without running anything: after a
 * repair by hand. NO_VERSION records that nothing was run; so does 0 if no file has that version.
 * @throws StoreError MIGRATION_INVALID if there is no such file.
 */
export async function forceVersion(
  url: string,
  version: bigint,
  options: MigrateOptions,
): Promise<void> {
  const { files, lockTimeoutMs } = options;
  const file = fileToForce(files, version);
  await withDatabase(url, lockTimeoutMs, async (target) => {
    const { session, database } = target;
    if (!(await hasVersionTable(session))) await refuseUnmanaged(session, database);
    await recordForced(toMigrated(target, files), files, file);
  });
}

/**
 * Applies what is pending in one transaction, which is then taken back.
 * @throws StoreError as `migrateUp` would; MIGRATION_INVALID if a file asks for no transaction.
 */
export async function planMigrations(
  url: string,
  options: MigrateOptions & Bound,
): Promise<MigrationPlan> {
  return await withDatabase(url, options.lockTimeoutMs, async (target) => {
    const { session } = target;
    const trial = { ...target, inTransaction: <T>(body: () => Promise<T>) => body() };
    await refuseWithoutTransaction(session, options);
    return await target.inTransaction(async () => {
      const before = await readSchemaObjects(session);
      const report = await goUp(trial, options);
      return toPlan(report, before, await readSchemaObjects(session));
    }, "rollback");
  });
}

/** @throws StoreError MIGRATION_INVALID, naming the first file that is pending and cannot be taken back. */
async function refuseWithoutTransaction(
  session: Session,
  { files, target }: RunOptions & Bound,
): Promise<void> {
  const { version } = (await readVersionRow(session)) ?? UNRECORDED;
  const pending = planUp(files, version, resolveTarget(files, target));
  const lasting = pending.find(({ file }) => file.up.mode === "no-transaction");
  if (!lasting) return;
  throw new StoreError(
    "MIGRATION_INVALID",
    `${lasting.file.up.file} runs without a transaction, so that it cannot be tried and taken back`,
  );
}

async function goUp(target: Target, options: RunOptions & Bound): Promise<MigrationReport> {
  const { session, database } = target;
  const { files } = options;
  refuseForeignKeysOff(files);
  await requireSupported(session);
  await refuseUnmanaged(session, database);
  return await runUp(toMigrated(target, files), options);
}

/** @throws StoreError MIGRATION_INVALID, naming the first file that asks for it. */
function refuseForeignKeysOff(files: readonly MigrationFile[]): void {
  const asking = files
    .flatMap(({ up, down }) => [up, down])
    .find(({ mode }) => mode === "foreign-keys-off");
  if (!asking) return;
  throw new StoreError(
    "MIGRATION_INVALID",
    `${asking.file}: "foreign-keys off" is for SQLite; PostgreSQL alters tables as they are`,
  );
}

async function pendingStoreNames(
  session: Session,
  files: readonly MigrationFile[],
): Promise<readonly string[]> {
  return (await findPendingStoreFiles(session, files)).map(({ name }) => name);
}

function toMigrated(target: Target, files: readonly MigrationFile[]): MigratedDatabase {
  const { session, database } = target;
  return {
    name: database,
    isManaged: () => hasVersionTable(session),
    readVersion: () => readVersionRow(session),
    readLog: () => readLog(session),
    record: (version, entries, row) =>
      target.inTransaction(async () => {
        await createRecordTables(session);
        await truncateLog(session, version);
        for (const { file, kind } of entries) await writeLogEntry(session, file, kind);
        if (row) await writeVersion(session, row);
      }),
    pendingStore: () => pendingStoreNames(session, files),
    migrateStore: () => migrateStore(target, files),
    apply: (step) => applyMigration(target, step),
  };
}
