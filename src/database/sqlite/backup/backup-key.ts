// The key of encrypted backups: how its file is read and made, and what is derived from it.
// Must not encrypt anything, nor let a key into a message.

import { createHmac, hkdfSync, randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { StoreError } from "../../../errors.ts";
import { flush } from "../../../flush.ts";

const KEY_BYTES = 32;
const HEX = /^[0-9a-f]{64}$/i;
const BASE64 = /^[A-Za-z0-9+/_-]{43}=?$/;

/** The key in the file at `path`, 32 bytes in base64 or hex. @throws StoreError INVALID_CONFIG */
export function readBackupKey(path: string): Uint8Array {
  let text: string;
  try {
    text = readFileSync(path, "utf8").trim();
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const message = `the key of the backups, ${path}, cannot be read (${code})`;
    throw new StoreError("INVALID_CONFIG", message, { cause });
  }
  if (HEX.test(text)) return Buffer.from(text, "hex");
  if (BASE64.test(text)) return Buffer.from(text, "base64");
  const rule = `it must have ${KEY_BYTES} bytes in base64 or hex, and nothing else`;
  throw new StoreError("INVALID_CONFIG", `${path} is no key of backups: ${rule}`);
}

/** Writes a new key to `path`, where nothing is, for its owner only. @throws StoreError INVALID_CONFIG */
export function makeBackupKey(path: string): Uint8Array {
  const key = randomBytes(KEY_BYTES);
  try {
    writeFileSync(path, `${key.toString("base64")}\n`, { flag: "wx", mode: 0o600 });
    flush(path);
    return key;
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    const reason = code === "EEXIST" ? "there is a file already" : `it cannot be written (${code})`;
    throw new StoreError("INVALID_CONFIG", `${path}: ${reason}`, { cause });
  }
}

/** What is derived from a key, by HKDF with SHA-256. */
type Purpose = "data" | "manifest" | "key id";

function derive(key: Uint8Array, salt: Uint8Array, purpose: Purpose): Buffer {
  return Buffer.from(hkdfSync("sha256", key, salt, `protostore-enc-1 ${purpose}`, KEY_BYTES));
}

const NO_SALT = new Uint8Array();
const KEY_ID_BYTES = 8;

/** What tells keys apart, 16 hex digits; it says nothing of the key. */
export function keyIdOf(key: Uint8Array): string {
  return derive(key, NO_SALT, "key id").toString("hex", 0, KEY_ID_BYTES);
}

/** The key of the data of one file, which has a salt of its own: no nonce is used twice with it. */
export function dataKeyOf(key: Uint8Array, salt: Uint8Array): Buffer {
  return derive(key, salt, "data");
}

/** What only those can tell of a manifest's text who have the key, in hex. */
export function macOf(key: Uint8Array, text: string): string {
  return createHmac("sha256", derive(key, NO_SALT, "manifest"))
    .update(text)
    .digest("hex");
}

/** @throws StoreError BACKUP_KEY_MISSING, BACKUP_KEY_WRONG */
export function requireKey(path: string, keyId: string, key: Uint8Array | undefined): Uint8Array {
  if (!key) {
    const message = `${path}: it is encrypted, with the key ${keyId}: --backup-key-file must name it`;
    throw new StoreError("BACKUP_KEY_MISSING", message);
  }
  const found = keyIdOf(key);
  if (found === keyId) return key;
  const message = `${path}: it is encrypted with the key ${keyId}, and not with ${found}`;
  throw new StoreError("BACKUP_KEY_WRONG", message);
}
