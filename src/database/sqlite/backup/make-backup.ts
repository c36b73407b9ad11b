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
  isTaken,
  requireBackupName,
  requireRoom,
  withBackupFolder,
} from "./backup-folder.ts";
import { copyPages } from "./copy-pages.ts";
import { type BackupManifest, digestFile, newManifest, writeManifest } from "./manifest.ts";
import { type Expected, proveDatabase } from "./prove.ts";

/** What is to be backed up, and where to. */
export interface BackupOrder {
  readonly database: string;
  readonly folder: string;
  readonly name: string;
  /** How fast pages are copied; as fast as it goes if 0. */
  readonly bytesPerSecond: number;
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
  { database, folder, name, bytesPerSecond }: BackupOrder,
  expected: Expected,
  onProgress: (progress: BackupProgress) => void,
): Promise<BackupManifest> {
  requireBackupName(name);
  return await withBackupFolder(folder, async () => {
    const files = backupFiles(folder, name);
    // A manifest without its backup is what is left of one that was killed at its very end.
    if (isTaken(files.data)) throw exists(name);
    requireRoom(folder, sizeOf(database), dirname(database));
    try {
      createPrivate(files.partial);
      const createTime = timestamp(systemClock);
      await copyPages(database, files.partial, bytesPerSecond, (done, total) =>
        onProgress({ stage: "copying", done, total }),
      );
      flush(files.partial);
      const proof = await proveDatabase(files.partial, expected, (done, total) =>
        onProgress({ stage: "verifying", done, total }),
      );
      const digest = await digestFile(files.partial);
      const proofTime = timestamp(systemClock);
      const manifest = newManifest({ name, createTime, proofTime, ...digest, ...proof });
      writeManifest(files.partialManifest, manifest);
      // Where there is a backup there is its manifest, whenever the power goes.
      renameSync(files.partialManifest, files.manifest);
      flush(folder);
      renameSync(files.partial, files.data);
      flush(folder);
      return manifest;
    } finally {
      removeDatabase(files.partial);
    }
  });
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
