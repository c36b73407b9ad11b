// Takes over an existing Chinook file in place: backup, rehearsal on the copy, then one transaction
// that makes it a managed database at version 1; the migrations after that are applied as usual.

import { constants, copyFileSync, realpathSync } from "node:fs";
import { type MigrationFile, readMigrationFiles } from "../../database/migrations/files.ts";
import type { MigrationReport } from "../../database/migrations/migrate.ts";
import type { OnCopied } from "../../database/sqlite/backup/copy-pages.ts";
import type { Connection } from "../../database/sqlite/connection/connection.ts";
import { makeVerifiedBackup, withVerifiedCopy } from "../../database/sqlite/migrate/backup.ts";
import { detectDatabase } from "../../database/sqlite/migrate/detect.ts";
import { waitForOthers } from "../../database/sqlite/migrate/lock.ts";
import { readLog } from "../../database/sqlite/migrate/log-table.ts";
import { runUp } from "../../database/sqlite/migrate/migrate.ts";
import {
  inTransaction,
  inUse,
  openDatabase,
  removeDatabase,
  requireDatabase,
  rollBack,
  type Target,
  withDatabase,
} from "../../database/sqlite/migrate/target.ts";
import { readVersion } from "../../database/sqlite/migrate/version-table.ts";
import { StoreError } from "../../errors.ts";
import { CHINOOK_MIGRATIONS } from "../migrations.ts";
import { CHINOOK_FILES, detectChinook } from "./detect.ts";
import { checkNewNames } from "./new-names.ts";
import { readChinookTables } from "./tables.ts";
import { countRows, isSameCount, type TableCount, takeOver } from "./take-over.ts";

/** How an adoption runs. */
export interface AdoptOptions {
  /** How long to wait for other processes, in milliseconds. */
  readonly lockTimeoutMs: number;
  /** The migrations, the first of which is the package's own first; all its own if absent. */
  readonly files?: readonly MigrationFile[];
  readonly onProgress?: (step: string, done: number, total: number) => void;
  /**
   * Looks at the rehearsal's copy, adopted and migrated: whatever it throws refuses the file, with
   * nothing changed.
   */
  readonly examine?: (copy: Connection) => Promise<void>;
}

/** What an adoption has done. */
export interface AdoptionReport {
  /** The path of the backup; absent if an adoption that was interrupted has been completed. */
  readonly backup: string | undefined;
  /** The number of rows in each of Chinook's tables; it is what it was before. */
  readonly tables: readonly TableCount[];
  readonly migration: MigrationReport;
}

/**
 * Makes the Chinook file at `path` a managed database. If this process is killed, the file is
 * untouched, or it is managed and the next `migrate up` or adoption completes it.
 * @throws StoreError NOT_ADOPTABLE with the reason, INVALID_CONFIG if it is managed already, or what
 *   a migration throws.
 */
export async function adoptDatabase(path: string, options: AdoptOptions): Promise<AdoptionReport> {
  requireDatabase(path);
  const database = realpathSync(path);
  const files = options.files ?? readMigrationFiles(CHINOOK_MIGRATIONS);
  requireChinook(files);
  return await withDatabase(database, options.lockTimeoutMs, async (target) => {
    const backup = isInterrupted(target, files)
      ? undefined
      : await adoptUnmanaged(target, files, options);
    const migration = await runUp(target, { ...options, files });
    const tables = countRows(
      target.connection,
      readChinookTables(files).map(({ name }) => name),
    );
    return { backup, tables, migration };
  });
}

/** What is recorded as adopted must be the file that makes Chinook's tables. */
function requireChinook(files: readonly MigrationFile[]): void {
  const [own] = readMigrationFiles(CHINOOK_MIGRATIONS);
  if (own && files[0]?.checksum === own.checksum) return;
  throw new StoreError(
    "INVALID_CONFIG",
    `a Chinook file is adopted as what ${own?.up.file} makes, and the first of these migrations ` +
      `is ${files[0]?.up.file ?? "none"}`,
  );
}

/**
 * Does all that `adoptDatabase` does but for the adoption itself: nothing is changed.
 * @throws StoreError as `adoptDatabase`.
 */
export async function checkAdoption(path: string, options: AdoptOptions): Promise<void> {
  requireDatabase(path);
  const database = realpathSync(path);
  const files = options.files ?? readMigrationFiles(CHINOOK_MIGRATIONS);
  requireChinook(files);
  await withDatabase(database, options.lockTimeoutMs, async (target) => {
    if (isInterrupted(target, files)) return;
    await whileNobodyWrites(target, (isUpstream) =>
      withVerifiedCopy(target, copying(options), (copy) =>
        rehearse(target, copy, files, isUpstream, options),
      ),
    );
  });
}

/** True if an earlier adoption of the file was killed after its transaction. */
function isInterrupted({ connection, database }: Target, files: readonly MigrationFile[]): boolean {
  if (detectDatabase(connection, CHINOOK_FILES) !== "managed") return false;
  const { version } = readVersion(connection);
  const adopted = readLog(connection).some((entry) => entry.kind === "adopted");
  if (adopted && version < (files.at(-1)?.version ?? version)) return true;
  throw new StoreError(
    "INVALID_CONFIG",
    `${database} is managed by protostore already, at version ${version}`,
  );
}

/** Backs the file up, rehearses the adoption on the backup, adopts; returns the backup's path. */
async function adoptUnmanaged(
  target: Target,
  files: readonly MigrationFile[],
  options: AdoptOptions,
): Promise<string> {
  const { connection, database, lockTimeoutMs } = target;
  return await whileNobodyWrites(target, async (isUpstream) => {
    const backup = await makeVerifiedBackup(target, copying(options), (copy) =>
      rehearse(target, copy, files, isUpstream, options),
    );
    takeOver(connection, files, isUpstream);
    // A commit that is refused as busy leaves the transaction as it is.
    await waitForOthers(lockTimeoutMs, inUse(database), () => connection.exec("COMMIT"));
    return backup;
  });
}

/**
 * Runs `action` in a transaction that it may commit: a backup is then the file as it is when it is
 * adopted. `action` is told whether the tables have their upstream names.
 * @throws StoreError NOT_ADOPTABLE, or what `action` throws; then nothing is changed.
 */
async function whileNobodyWrites<T>(
  target: Target,
  action: (isUpstream: boolean) => Promise<T>,
): Promise<T> {
  const { connection, database, lockTimeoutMs } = target;
  // A transaction that outgrows the cache would need the file to itself before its commit.
  connection.pragma("cache_spill = OFF");
  await waitForOthers(lockTimeoutMs, inUse(database), () => connection.exec("BEGIN IMMEDIATE"));
  try {
    return await action(refuseUnlessChinook(target));
  } finally {
    rollBack(connection);
    connection.pragma("cache_spill = ON");
  }
}

function copying({ onProgress }: AdoptOptions): OnCopied {
  return (done, total) => onProgress?.("backing up", done, total);
}

/** @returns true for the upstream naming, false for the plural one. */
function refuseUnlessChinook({ connection, database }: Target): boolean {
  const found = detectChinook(connection);
  if (found.naming !== undefined) {
    const isUpstream = found.naming === "upstream";
    checkNewNames(connection, readMigrationFiles(CHINOOK_MIGRATIONS), isUpstream);
    return isUpstream;
  }
  const isEmpty = detectDatabase(connection) === "empty";
  const reason = isEmpty ? "it has no tables" : found.reason;
  throw new StoreError("NOT_ADOPTABLE", `${database} is no Chinook file: ${reason}`);
}

/** Does the whole adoption on a copy of `backup`, so that whatever can fail fails there. */
async function rehearse(
  { database, lockTimeoutMs }: Target,
  backup: string,
  files: readonly MigrationFile[],
  isUpstream: boolean,
  { examine }: AdoptOptions,
): Promise<void> {
  const copy = `${database}.rehearsal`;
  removeDatabase(copy);
  try {
    copyFileSync(backup, copy, constants.COPYFILE_EXCL);
    const connection = openDatabase(copy);
    try {
      connection.pragma("synchronous = OFF");
      const target = { connection, database, lockTimeoutMs };
      const before = await inTransaction(target, () => takeOver(connection, files, isUpstream));
      await runUp(target, { files });
      const names = before.map(({ table }) => table);
      if (!isSameCount(before, countRows(connection, names))) {
        throw new StoreError("MIGRATION_FAILED", "the migrations would add or delete rows");
      }
      await examine?.(connection);
    } finally {
      connection.close();
    }
  } catch (error) {
    const { message } = error instanceof Error ? error : new Error(String(error));
    throw new StoreError(
      error instanceof StoreError ? error.code : "MIGRATION_FAILED",
      `nothing was changed, because a rehearsal on a copy failed: ${message}`,
      { cause: error },
    );
  } finally {
    removeDatabase(copy);
  }
}
