// Puts a backup in the place of a database. What was there is kept; a database that somebody has open is
// left alone. Must not open the old file under its own name: to close it would write its log into it.

import {
  chmodSync,
  constants,
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  realpathSync,
  renameSync,
  statSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";
import { systemClock } from "../../../clock.ts";
import { StoreError } from "../../../errors.ts";
import { flush } from "../../../flush.ts";
import { type Connection, isBusy, openConnection } from "../connection/connection.ts";
import { processesWithLocks } from "../inspect/log-hold.ts";
import { withMigrationLock } from "../migrate/lock.ts";
import { removeDatabase } from "../migrate/target.ts";
import { isTaken, nameByTime, requireRoom, translateFileError } from "./backup-folder.ts";
import { findBackup, proveContent, requireSameBytes, unlock } from "./check-backup.ts";
import type { BackupManifest } from "./manifest.ts";
import type { Expected } from "./prove.ts";
import { openSealedFile } from "./sealed-file.ts";

/** What was restored. */
export interface Restored {
  readonly manifest: BackupManifest;
  /** Where the old database is now; absent if there was none. */
  readonly kept: string | undefined;
}

/** What a restore needs to know beside the two places. */
export interface RestoreOptions {
  readonly expected: Expected;
  /** How long to wait for migrations of others, in milliseconds. */
  readonly lockTimeoutMs: number;
  /** What the backup is encrypted with, if it is. */
  readonly key?: Uint8Array | undefined;
}

/** What may have commits that are not in the database's own file. */
const LOGS = ["-wal", "-journal"] as const;

/**
 * Restores `backup` as `database`: checks the manifest, copies, proves the copy, and exchanges the files
 * while nobody can open the old one.
 * @throws StoreError BACKUP_INVALID, BACKUP_KEY_MISSING, BACKUP_KEY_WRONG, DATABASE_CORRUPT,
 * DATABASE_IN_USE, MIGRATION_LOCKED, DISK_FULL, BACKUP_UNAVAILABLE: then the database is as it was.
 */
export async function restoreBackup(
  backup: string,
  database: string,
  { expected, lockTimeoutMs, key }: RestoreOptions,
  onRows: (done: number, total: number) => void,
): Promise<Restored> {
  const found = await findBackup(backup);
  const { data, manifest } = found;
  const right = unlock(found, key);
  // SQLite's files are beside the one that a link points to.
  const path = existsSync(database) ? realpathSync(database) : database;
  const folder = dirname(path);
  try {
    if (!existsSync(path)) mkdirSync(folder, { recursive: true, mode: 0o700 });
    return await withMigrationLock(path, lockTimeoutMs, async () => {
      // Before the copy is made, which may take long.
      lockOld(path)?.close();
      await requireSameBytes(data, manifest);
      requireRoom(folder, manifest.bytes, folder);
      const copy = `${path}.restore-partial`;
      removeDatabase(copy);
      try {
        if (right) openSealedFile(data, copy, right);
        else {
          copyPrivately(data, copy);
          await requireSameBytes(copy, manifest);
        }
        await proveContent(copy, manifest, expected, onRows);
        return { manifest, kept: exchange(path, copy) };
      } finally {
        removeDatabase(copy);
      }
    });
  } catch (error) {
    throw translateFileError(error);
  }
}

function copyPrivately(from: string, to: string): void {
  copyFileSync(from, to, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE);
  chmodSync(to, 0o600);
  flush(to);
}

function exchange(path: string, copy: string): string | undefined {
  const lock = lockOld(path);
  try {
    const kept = keepOld(path);
    renameSync(copy, path);
    flush(dirname(path));
    return kept;
  } finally {
    lock?.close();
  }
}

/**
 * Gives the old files a second name, and then takes their own: whenever the power goes, they are there
 * together, no database is without its log, and no log beside a database that it is not of.
 */
function keepOld(path: string): string | undefined {
  const there = [...LOGS, ""].filter((suffix) => isTaken(path + suffix));
  if (there.length > 0) {
    const kept = `${path}.before-restore-${nameByTime(systemClock())}`;
    for (const suffix of there) linkSync(path + suffix, kept + suffix);
    flush(dirname(path));
    removeDatabase(path);
    return kept;
  }
  removeDatabase(path);
  return undefined;
}

/**
 * Keeps everybody from opening the database until it is closed; undefined if there is nothing to lock.
 * The file is opened by a second name, a link, because SQLite's locks are on the file and its log is
 * found by its name: under that name there is none, so that nothing is written, and the log stays.
 * @throws StoreError DATABASE_IN_USE if somebody has it open.
 */
function lockOld(path: string): Connection | undefined {
  if (!statSync(path, { throwIfNoEntry: false })?.isFile()) {
    if (!isTaken(path)) return undefined;
    throw new StoreError("DATABASE_UNAVAILABLE", `${path} is not a file`);
  }
  const link = join(dirname(path), `.${basename(path)}.restore-lock`);
  removeDatabase(link);
  linkSync(path, link);
  let connection: Connection | undefined;
  try {
    connection = openConnection(link, { busyTimeoutMs: 0 });
    connection.pragma("locking_mode = EXCLUSIVE");
    connection.exec("BEGIN EXCLUSIVE");
    connection.exec("ROLLBACK");
    return connection;
  } catch (error) {
    connection?.close();
    // What is no database cannot be locked, and is what a restore is for.
    if (isBusy(error) || processesWithLocks(path).length > 0) throw inUse(path, error);
    return undefined;
  } finally {
    removeDatabase(link);
  }
}

function inUse(path: string, cause: unknown): StoreError {
  const message = `${path} is open in another process: stop what serves or reads it, then restore`;
  return new StoreError("DATABASE_IN_USE", message, { cause });
}
