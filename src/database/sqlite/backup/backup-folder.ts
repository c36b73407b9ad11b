// A folder of backups: what a backup may be called, where its files are, the lock on the folder, and
// what an interrupted backup has left. Must not open a database but the lock.

import { closeSync, lstatSync, mkdirSync, openSync, readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { invalidField, StoreError } from "../../../errors.ts";
import { isBusy, isSqliteError } from "../connection/connection.ts";
import { freeBytesOf } from "../connection/media.ts";
import { openLock } from "../migrate/lock.ts";

const NAME = /^[a-z0-9][a-z0-9._-]{0,63}$/;

/** True for what a backup may be called: no name leads out of its folder, or hides in it. */
export function isBackupName(text: string): boolean {
  return NAME.test(text);
}

/** Refuses any other name. @throws StoreError INVALID_FIELD */
export function requireBackupName(name: string): void {
  if (isBackupName(name)) return;
  const rule = "must be 1 to 64 of a-z, 0-9, dot, underscore and hyphen, and begin with a-z or 0-9";
  throw invalidField("name", rule);
}

/** The name of a backup that was given none: it sorts by time. */
export function nameByTime(timeMs: number): string {
  return new Date(timeMs).toISOString().replaceAll(/[-:.]/g, "").toLowerCase();
}

/** The files of one backup. */
export interface BackupFiles {
  /** The database; it is there only once all has been proved. */
  readonly data: string;
  /** The same of one that is encrypted. */
  readonly sealed: string;
  readonly manifest: string;
  /** The database until then. */
  readonly partial: string;
  readonly partialManifest: string;
}

const PARTIAL = /^\..+\.protostore-partial(?:\.json|-wal|-shm|-journal)?$/;
const LOCK_NAME = ".protostore-backups";

/** Where the files of the backup `name` are. */
export function backupFiles(folder: string, name: string): BackupFiles {
  const partial = join(folder, `.${name}.protostore-partial`);
  return {
    data: join(folder, `${name}.db`),
    sealed: join(folder, `${name}.db.enc`),
    manifest: join(folder, `${name}.json`),
    partial,
    partialManifest: `${partial}.json`,
  };
}

/**
 * Runs `action` while nobody else makes or removes backups in the folder, which is made if it is absent.
 * What a backup that was killed has left there is removed first: it is nobody's.
 * @throws StoreError BACKUP_RUNNING, BACKUP_UNAVAILABLE, or what `action` throws.
 */
export async function withBackupFolder<T>(folder: string, action: () => Promise<T>): Promise<T> {
  const lock = lockFolder(folder);
  try {
    for (const name of readdirSync(folder)) {
      if (PARTIAL.test(name)) rmSync(join(folder, name), { force: true });
    }
    return await action();
  } catch (error) {
    throw translateFileError(error);
  } finally {
    lock.close();
  }
}

function lockFolder(folder: string) {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    return openLock(join(folder, LOCK_NAME));
  } catch (error) {
    if (!isBusy(error)) throw translateFileError(error);
    throw new StoreError("BACKUP_RUNNING", "another backup is being made", { cause: error });
  }
}

/** What went wrong with files becomes an error that says nothing of where they are. */
export function translateFileError(error: unknown): unknown {
  if (error instanceof StoreError && error.code !== "DATABASE_UNAVAILABLE") return error;
  if (isSqliteError(error)) return error;
  const { code } = (error instanceof StoreError ? error.details.cause : error) as {
    readonly code?: unknown;
  };
  if (typeof code !== "string") return error;
  if (code === "ENOSPC" || code === "EDQUOT") return noRoom(error);
  const message = `the backup cannot be read or written (${code})`;
  return new StoreError("BACKUP_UNAVAILABLE", message, { cause: error });
}

function noRoom(cause?: unknown): StoreError {
  return new StoreError("DISK_FULL", "the disk has no room for the backup", { cause });
}

/** What stays free on the disk of the data, for its log and its rows, beside a backup. */
const SPARE_BYTES = 64 * 1024 * 1024;

/** @throws StoreError DISK_FULL if a copy of `bytes` would fill the disk of `folder`. */
export function requireRoom(folder: string, bytes: number, dataFolder: string): void {
  const isDataDisk = isOneDisk(folder, dataFolder);
  if (freeBytesOf(folder) < bytes + (isDataDisk ? SPARE_BYTES : 0)) throw noRoom();
}

/** True if what is written to one of the folders takes the room of the other. */
export function isOneDisk(folder: string, other: string): boolean {
  return statSync(folder).dev === statSync(other).dev;
}

/** True if there is anything of that name, be it a link to nothing. */
export function isTaken(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

/** Makes a file that is there for its owner only, and was not there before, nor a link. */
export function createPrivate(path: string): void {
  closeSync(openSync(path, "wx", 0o600));
}
