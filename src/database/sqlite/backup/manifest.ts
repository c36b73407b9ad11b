// What is known of a backup, in the JSON file beside it.
// Must not open the backup itself but to hash its bytes.

import { createHash } from "node:crypto";
import { createReadStream, writeFileSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { basename } from "node:path";
import { StoreError } from "../../../errors.ts";
import { flush } from "../../../flush.ts";
import { backupFiles, isBackupName } from "./backup-folder.ts";
import { keyIdOf, macOf } from "./backup-key.ts";
import { SEALED_FORMAT } from "./sealed-file.ts";

const FORMAT = "protostore-backup-1";

/** One backup, as it was when it was made; but for `proofTime`. Times are RFC 3339, in UTC. */
export interface BackupManifest {
  readonly format: typeof FORMAT;
  readonly name: string;
  /** When the copy was begun: it has all that was acknowledged before. */
  readonly createTime: string;
  /** When `proof` was last found to hold. */
  readonly proofTime: string;
  /** What was checked of the rows; all if it is not said. */
  readonly proof?: ProofKind;
  /** Of the file as it is, encrypted or not. */
  readonly bytes: number;
  /** In hex. */
  readonly sha256: string;
  /** The newest commit that it has; a decimal, since JSON's numbers end at 2^53. */
  readonly revision: string;
  readonly schemaVersion: string;
  /** How many rows each table has. */
  readonly rows: Readonly<Record<string, number>>;
  /** How many things `verify` finds in it that are in the database too, such as references to nothing. */
  readonly findings: number;
  /** How the database is encrypted; it is not if absent. */
  readonly encryption?: Encryption;
  /** Of all of the above, for who has the key: only of one that is encrypted. In hex. */
  readonly mac?: string;
}

/**
 * What was checked of each row: `rows`, its columns, JSON, bytes and checksum against each other;
 * `checksums`, that its bytes are those that were stored, since nobody knew what its columns mean.
 */
export type ProofKind = "rows" | "checksums";

/** How a backup is encrypted. */
interface Encryption {
  readonly format: typeof SEALED_FORMAT;
  readonly keyId: string;
}

/** What is known of a backup, without what follows from it. */
export type BackupFacts = Omit<BackupManifest, "format" | "encryption" | "mac">;

/** The manifest of these facts; with a key, of a backup that is encrypted with it. */
export function newManifest(facts: BackupFacts, key?: Uint8Array): BackupManifest {
  const manifest = { format: FORMAT, ...facts } as const;
  if (!key) return manifest;
  const encryption = { format: SEALED_FORMAT, keyId: keyIdOf(key) } as const;
  return withMac({ ...manifest, encryption }, key);
}

/** The same with the proof that was found now. */
export function withProof(
  manifest: BackupManifest,
  proof: Pick<BackupManifest, "proof" | "proofTime" | "findings">,
  key: Uint8Array | undefined,
): BackupManifest {
  const proved = { ...manifest, ...proof };
  return key && manifest.encryption ? withMac(proved, key) : proved;
}

function withMac({ mac: _, ...manifest }: BackupManifest, key: Uint8Array): BackupManifest {
  return { ...manifest, mac: macOf(key, JSON.stringify(manifest)) };
}

/** True if whoever wrote it had the key. */
export function hasRightMac(manifest: BackupManifest, key: Uint8Array): boolean {
  return withMac(manifest, key).mac === manifest.mac;
}

/** True if all that can be checked of its rows was. */
export function isFullyProved({ proof = "rows" }: Pick<BackupManifest, "proof">): boolean {
  return proof === "rows";
}

/** Where the database of the backup is, encrypted or not. */
export function dataPathOf(folder: string, { name, encryption }: BackupManifest): string {
  const { data, sealed } = backupFiles(folder, name);
  return encryption ? sealed : data;
}

/** Writes it to `path`, where nothing is, for its owner only; it is on the disk then. */
export function writeManifest(path: string, manifest: BackupManifest): void {
  writeFileSync(path, `${JSON.stringify(manifest, undefined, 2)}\n`, { flag: "wx", mode: 0o600 });
  flush(path);
}

/** @throws StoreError BACKUP_INVALID if there is none, or one of something else. */
export async function readManifest(path: string): Promise<BackupManifest> {
  try {
    return parseManifest(await readFile(path, "utf8"));
  } catch (cause) {
    const reason =
      (cause as NodeJS.ErrnoException).code === "ENOENT"
        ? "there is no manifest: what is not a whole backup is not taken for one"
        : "it is no manifest of a backup";
    throw new StoreError("BACKUP_INVALID", `${path}: ${reason}`, { cause });
  }
}

function parseManifest(text: string): BackupManifest {
  const found = JSON.parse(text) as BackupManifest;
  const isOurs =
    found.format === FORMAT &&
    isBackupName(found.name) &&
    [found.createTime, found.proofTime].every((time) => !Number.isNaN(Date.parse(time))) &&
    Number.isSafeInteger(found.bytes) &&
    /^[0-9a-f]{64}$/.test(found.sha256) &&
    [found.revision, found.schemaVersion].every((number) => /^\d+$/.test(number)) &&
    typeof found.rows === "object" &&
    Number.isSafeInteger(found.findings) &&
    isOneOf(found.proof, [undefined, "rows", "checksums"]) &&
    isOneOf(found.encryption?.format, [undefined, SEALED_FORMAT]) &&
    (found.encryption === undefined || typeof found.encryption.keyId === "string");
  if (!isOurs) throw new TypeError("it has not the fields of a manifest");
  return found;
}

function isOneOf<T>(value: T, values: readonly T[]): boolean {
  return values.includes(value);
}

/** The backups in the folder that have a manifest, the newest first; none if there is no folder. */
export async function listBackups(folder: string): Promise<readonly BackupManifest[]> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw error;
  });
  const there = new Set(names);
  const whole = names
    .filter((name) => name.endsWith(".json"))
    .map((name) => name.slice(0, -".json".length))
    .filter((name) => isBackupName(name));
  const read = whole.map(async (name) => {
    const manifest = await readManifest(backupFiles(folder, name).manifest).catch(() => undefined);
    const isWhole = manifest?.name === name && there.has(basename(dataPathOf(folder, manifest)));
    return isWhole ? [manifest] : [];
  });
  return (await Promise.all(read)).flat().sort((a, b) => (a.createTime < b.createTime ? 1 : -1));
}

/** The SHA-256 of a file, in hex, and how many bytes it has. */
export async function digestFile(path: string): Promise<Pick<BackupManifest, "sha256" | "bytes">> {
  const hash = createHash("sha256");
  let bytes = 0;
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
    hash.update(chunk);
    bytes += chunk.length;
  }
  return { sha256: hash.digest("hex"), bytes };
}
