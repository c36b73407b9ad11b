// Proves a backup once more: that its file is the one of its manifest, and that all of its rows are whole.
// Changes nothing but the time of the proof in the manifest.

import { renameSync, rmSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { systemClock, timestamp } from "../../../clock.ts";
import { StoreError } from "../../../errors.ts";
import { flush } from "../../../flush.ts";
import { backupFiles, isBackupName, requireRoom } from "./backup-folder.ts";
import { requireKey } from "./backup-key.ts";
import {
  type BackupManifest,
  digestFile,
  hasRightMac,
  isFullyProved,
  readManifest,
  withProof,
  writeManifest,
} from "./manifest.ts";
import { type Expected, type Proof, proveDatabase } from "./prove.ts";
import { openSealedFile } from "./sealed-file.ts";
import { amongTemporary, withStaging } from "./staging.ts";

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
  const name = basename(path).replace(/\.(?:db|db\.enc|json)$/, "");
  if (!isBackupName(name)) throw invalid(path, "it has not the name of a backup");
  const { data, sealed, manifest: manifestPath } = backupFiles(dirname(path), name);
  const manifest = await readManifest(manifestPath);
  // A renamed backup is one all the same; one beside another's manifest is told by its bytes.
  return { data: manifest.encryption ? sealed : data, manifestPath, manifest };
}

/** The databases in a folder of backups, be there a manifest or not, in the order of their names. */
export async function findDatabases(folder: string): Promise<readonly string[]> {
  const names = await readdir(folder);
  const found = names.filter((name) => /\.db(?:\.enc)?$/.test(name) && !name.startsWith("."));
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
 * Makes sure that the manifest of an encrypted backup was written by who has the key, which is returned;
 * undefined if it is not encrypted.
 * @throws StoreError BACKUP_INVALID, BACKUP_KEY_MISSING, BACKUP_KEY_WRONG
 */
export function unlock(
  { data, manifestPath, manifest }: FoundBackup,
  key: Uint8Array | undefined,
): Uint8Array | undefined {
  if (!manifest.encryption) return undefined;
  const right = requireKey(data, manifest.encryption.keyId, key);
  if (hasRightMac(manifest, right)) return right;
  throw invalid(manifestPath, "it was changed by somebody who has not the key");
}

/**
 * Proves a backup where it is; blocks its thread. What is encrypted is decrypted for that, to a file that
 * is removed.
 * @throws StoreError BACKUP_INVALID, BACKUP_KEY_MISSING, BACKUP_KEY_WRONG, DISK_FULL, or as `proveDatabase`.
 */
export async function proveBackup(
  found: FoundBackup,
  expected: Expected,
  key: Uint8Array | undefined,
  onRows: (done: number, total: number) => void,
): Promise<Proof> {
  const { data, manifest } = found;
  const right = unlock(found, key);
  await requireSameBytes(data, manifest);
  if (!right) return await proveContent(data, manifest, expected, onRows);
  const place = amongTemporary();
  requireRoom(place.folder, manifest.bytes, place.folder);
  return await withStaging(place, async (copy) => {
    openSealedFile(data, copy, right);
    return await proveContent(copy, manifest, expected, onRows);
  });
}

/**
 * Proves the database at `path`, and that it is the one that the manifest tells of.
 * @throws StoreError BACKUP_INVALID, or as `proveDatabase`.
 */
export async function proveContent(
  path: string,
  manifest: BackupManifest,
  expected: Expected,
  onRows: (done: number, total: number) => void,
): Promise<Proof> {
  const proof = await proveDatabase(path, expected, onRows);
  // Who made it without knowing what the rows mean could not count the same.
  const findings = isFullyProved(manifest) ? proof.findings : manifest.findings;
  const { revision, schemaVersion, rows } = proof;
  const known = {
    revision: manifest.revision,
    schemaVersion: manifest.schemaVersion,
    rows: { ...manifest.rows },
    findings: manifest.findings,
  };
  if (isDeepStrictEqual({ revision, schemaVersion, rows, findings }, known)) return proof;
  throw invalid(path, "its revision, version or rows are not those of its manifest");
}

/** Notes the time of a proof, where it can be written; the proof is good without. */
export function noteProof(
  { manifestPath, manifest }: FoundBackup,
  { proof = "rows", findings }: Proof,
  key: Uint8Array | undefined,
): void {
  const partial = backupFiles(dirname(manifestPath), manifest.name).partialManifest;
  const proved = { proof, proofTime: timestamp(systemClock), findings };
  try {
    rmSync(partial, { force: true });
    writeManifest(partial, withProof(manifest, proved, key));
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
