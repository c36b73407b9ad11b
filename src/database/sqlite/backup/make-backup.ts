// Makes a backup: a copy under a private name, proved row by row, that gets its name only then.
// Blocks its thread; who answers calls has it done by a thread of its own (backup-worker.ts).

import { renameSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { systemClock, timestamp } from "../../../clock.ts";
import { StoreError } from "../../../errors.ts";
import { flush } from "../../../flush.ts";
import { removeDatabase } from "../migrate/target.ts";
import {
  backupFiles,
  createPrivate,
  isOneDisk,
  isTaken,
  requireBackupName,
  requireRoom,
  withBackupFolder,
} from "./backup-folder.ts";
import { copyPages } from "./copy-pages.ts";
import { type BackupManifest, digestFile, newManifest, writeManifest } from "./manifest.ts";
import type { Prove } from "./prove.ts";
import { digestSealed, sealFile } from "./sealed-file.ts";
import { besideDatabase, withStaging } from "./staging.ts";

/** What is to be backed up, and where to. */
export interface BackupOrder {
  readonly database: string;
  readonly folder: string;
  readonly name: string;
  /** How fast pages are copied; as fast as it goes if 0. */
  readonly bytesPerSecond: number;
  /** What it is encrypted with; it is not if absent. */
  readonly key?: Uint8Array | undefined;
}

/** How far a backup is: bytes while it is copied, rows while they are checked. */
export interface BackupProgress {
  readonly stage: "copying" | "verifying";
  readonly done: number;
  readonly total: number;
}

/**
 * Makes a backup of a database, which others may be writing to.
 * @throws StoreError INVALID_FIELD, RESOURCE_EXISTS, BACKUP_RUNNING, BACKUP_UNAVAILABLE, DISK_FULL,
 * DATABASE_CORRUPT: then there is nothing of that name.
 */
export async function makeBackup(
  order: BackupOrder,
  prove: Prove,
  onProgress: (progress: BackupProgress) => void,
): Promise<BackupManifest> {
  const { database, folder, name, bytesPerSecond, key } = order;
  requireBackupName(name);

  /** Copies the database to the file, which is not there, and proves the copy. */
  async function copyAndProve(copy: string) {
    createPrivate(copy);
    const createTime = timestamp(systemClock);
    await copyPages(database, copy, bytesPerSecond, (done, total) =>
      onProgress({ stage: "copying", done, total }),
    );
    flush(copy);
    const proof = await prove(copy, (done, total) =>
      onProgress({ stage: "verifying", done, total }),
    );
    return { createTime, proofTime: timestamp(systemClock), ...proof };
  }

  return await withBackupFolder(folder, async () => {
    const files = backupFiles(folder, name);
    // A manifest without its backup is what is left of one that was killed at its very end.
    if (isTaken(files.data) || isTaken(files.sealed)) throw exists(name);
    requireRooms(order);
    try {
      const proved = key
        ? await withStaging(besideDatabase(database), async (copy) => {
            const facts = await copyAndProve(copy);
            sealAndCompare(copy, files.partial, key);
            return facts;
          })
        : await copyAndProve(files.partial);
      const { createTime, proofTime, ...proof } = proved;
      const digest = await digestFile(files.partial);
      const manifest = newManifest({ name, createTime, proofTime, ...digest, ...proof }, key);
      writeManifest(files.partialManifest, manifest);
      // Where there is a backup there is its manifest, whenever the power goes.
      renameSync(files.partialManifest, files.manifest);
      flush(folder);
      renameSync(files.partial, key ? files.sealed : files.data);
      flush(folder);
      return manifest;
    } finally {
      removeDatabase(files.partial);
    }
  });
}

/** @throws StoreError INTERNAL if what was encrypted cannot be had back. */
function sealAndCompare(copy: string, sealed: string, key: Uint8Array): void {
  const before = sealFile(copy, sealed, key);
  if (digestSealed(sealed, key) === before) return;
  throw new StoreError("INTERNAL", "the backup cannot be decrypted to what was encrypted");
}

/** For the backup, and for the plain copy that is there while one is encrypted. */
function requireRooms({ database, folder, key }: BackupOrder): void {
  const [bytes, dataFolder] = [sizeOf(database), dirname(database)];
  requireRoom(folder, bytes, dataFolder);
  if (!key) return;
  requireRoom(dataFolder, isOneDisk(folder, dataFolder) ? 2 * bytes : bytes, dataFolder);
}

/** The bytes of the file and its log, which may all be in the copy. */
function sizeOf(database: string): number {
  const size = (path: string) => statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  return size(database) + size(`${database}-wal`);
}

function exists(name: string): StoreError {
  const resource = { type: "protostore.v1/Backup", name };
  return new StoreError("RESOURCE_EXISTS", `there is a backup ${name} already`, { resource });
}
