// Proves a backup once more: that its file is the one of its manifest, and that all of its rows are whole.
// Changes nothing but the time of the proof in the manifest.

import { renameSync, rmSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { systemClock, timestamp } from "../../../clock.ts";
import { StoreError } from "../../../errors.ts";
import { flush } from "../../../flush.ts";
import { backupFiles, isBackupName } from "./backup-folder.ts";
import { type BackupManifest, digestFile, readManifest, writeManifest } from "./manifest.ts";
import { type Expected, proveDatabase } from "./prove.ts";

/** A backup on the disk. */
export interface FoundBackup {
  readonly data: string;
  readonly manifestPath: string;
  readonly manifest: BackupManifest;
}

/**
 * The backup of the file at `path`, which may be its database or its manifest.
 * @throws StoreError BACKUP_INVALID
 */
export async function findBackup(path: string): Promise<FoundBackup> {
  const name = basename(path).replace(/\.(?:db|json)$/, "");
  if (!isBackupName(name)) throw invalid(path, "it has not the name of a backup");
  const { data, manifest: manifestPath } = backupFiles(dirname(path), name);
  const manifest = await readManifest(manifestPath);
  // A renamed backup is one all the same; one beside another's manifest is told by its bytes.
  return { data, manifestPath, manifest };
}

/** The databases in a folder of backups, be there a manifest or not, in the order of their names. */
export async function findDatabases(folder: string): Promise<readonly string[]> {
  const names = await readdir(folder);
  const found = names.filter((name) => name.endsWith(".db") && !name.startsWith("."));
  return found.sort().map((name) => join(folder, name));
}

/**
 * Compares a file with the manifest of a backup.
 * @throws StoreError BACKUP_INVALID if it has other bytes.
 */
export async function requireSameBytes(path: string, manifest: BackupManifest): Promise<void> {
  const { bytes, sha256 } = await digestFile(path).catch((cause: NodeJS.ErrnoException) => {
    throw invalid(path, `it cannot be read (${cause.code})`, cause);
  });
  if (bytes !== manifest.bytes) {
    throw invalid(path, `it has ${bytes} bytes, and not the ${manifest.bytes} of its manifest`);
  }
  if (sha256 !== manifest.sha256) {
    throw invalid(path, `its SHA-256 is ${sha256}, and not the one of its manifest`);
  }
}

/**
 * Proves the file at `path`, which is the backup or a copy of it; blocks its thread.
 * @throws StoreError BACKUP_INVALID, or as `proveDatabase`.
 */
export async function proveBackup(
  path: string,
  manifest: BackupManifest,
  expected: Expected,
  onRows: (done: number, total: number) => void,
): Promise<void> {
  await requireSameBytes(path, manifest);
  const { revision, schemaVersion, rows, findings } = await proveDatabase(path, expected, onRows);
  const known = {
    revision: manifest.revision,
    schemaVersion: manifest.schemaVersion,
    rows: { ...manifest.rows },
    findings: manifest.findings,
  };
  if (isDeepStrictEqual({ revision, schemaVersion, rows, findings }, known)) return;
  throw invalid(path, "its revision, version or rows are not those of its manifest");
}

/** Notes the time of a proof, where it can be written; the proof is good without. */
export function noteProof({ manifestPath, manifest }: FoundBackup): void {
  const partial = backupFiles(dirname(manifestPath), manifest.name).partialManifest;
  try {
    rmSync(partial, { force: true });
    writeManifest(partial, { ...manifest, proofTime: timestamp(systemClock) });
    renameSync(partial, manifestPath);
    flush(dirname(manifestPath));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "EROFS" && code !== "EACCES" && code !== "EPERM") throw error;
  }
}

function invalid(path: string, reason: string, cause?: unknown): StoreError {
  return new StoreError("BACKUP_INVALID", `${path}: ${reason}`, { cause });
}
