// The format of an encrypted backup, protostore-enc-1: AES-256-GCM in chunks, so that no more than one is in
// memory, and none can be changed, left out, repeated or moved. docs/backups.md describes it for others.

import { createCipheriv, createDecipheriv, createHash, randomBytes } from "node:crypto";
import { closeSync, fstatSync, fsyncSync, openSync, readSync, writeSync } from "node:fs";
import { StoreError } from "../../../errors.ts";
import { dataKeyOf, keyIdOf, requireKey } from "./backup-key.ts";

export const SEALED_FORMAT = "protostore-enc-1";

/** The bytes of a chunk before it is encrypted; the last one may have fewer. */
export const CHUNK_BYTES = 64 * 1024;
const TAG_BYTES = 16;
const CIPHER = "aes-256-gcm";

/** Where the parts of the header begin. All of it is authenticated with every chunk. */
const AT = { chunkBytes: 16, keyId: 20, salt: 28, noncePrefix: 60 } as const;
export const HEADER_BYTES = 67;

/** Encrypts a file that nobody changes to `to`, where nothing is; the SHA-256 of what it read, in hex. */
export function sealFile(from: string, to: string, key: Uint8Array): string {
  const header = newHeader(key);
  const hash = createHash("sha256");
  withFiles(from, to, (source, target) => {
    const cipherKey = dataKeyOf(key, header.subarray(AT.salt, AT.noncePrefix));
    const buffer = Buffer.alloc(CHUNK_BYTES);
    const size = fstatSync(source).size;
    writeAll(target, header);
    forChunks(size, CHUNK_BYTES, (index, bytes, isLast) => {
      const chunk = readAll(source, buffer.subarray(0, bytes));
      hash.update(chunk);
      const cipher = createCipheriv(CIPHER, cipherKey, nonceOf(header, index, isLast));
      cipher.setAAD(header);
      writeAll(target, cipher.update(chunk));
      cipher.final();
      writeAll(target, cipher.getAuthTag());
    });
    fsyncSync(target);
  });
  return hash.digest("hex");
}

/**
 * Decrypts the file `from` to `to`, where nothing is, for its owner only.
 * @throws StoreError BACKUP_INVALID, BACKUP_KEY_WRONG: then a part of it may be at `to`.
 */
export function openSealedFile(from: string, to: string, key: Uint8Array): void {
  withFiles(from, to, (source, target) => {
    readChunks(from, source, key, (chunk) => writeAll(target, chunk));
    fsyncSync(target);
  });
}

/** The SHA-256, in hex, of what is encrypted in a file. @throws StoreError as `openSealedFile` */
export function digestSealed(path: string, key: Uint8Array): string {
  const hash = createHash("sha256");
  const source = openSync(path, "r");
  try {
    readChunks(path, source, key, (chunk) => hash.update(chunk));
  } finally {
    closeSync(source);
  }
  return hash.digest("hex");
}

function readChunks(
  path: string,
  source: number,
  key: Uint8Array,
  onChunk: (chunk: Buffer) => void,
): void {
  const size = fstatSync(source).size - HEADER_BYTES;
  const last = size % (CHUNK_BYTES + TAG_BYTES);
  if (size < TAG_BYTES || (last !== 0 && last < TAG_BYTES)) throw invalid(path, "it is cut");
  const header = readAll(source, Buffer.alloc(HEADER_BYTES));
  const { chunkBytes, keyId, salt } = AT;
  const isOurs =
    header.toString("latin1", 0, chunkBytes) === SEALED_FORMAT &&
    header.readUInt32BE(chunkBytes) === CHUNK_BYTES;
  if (!isOurs) throw invalid(path, `it is not of the format ${SEALED_FORMAT}`);
  requireKey(path, header.toString("hex", keyId, salt), key);
  const cipherKey = dataKeyOf(key, header.subarray(salt, AT.noncePrefix));
  const buffer = Buffer.alloc(CHUNK_BYTES + TAG_BYTES);
  forChunks(size, buffer.length, (index, bytes, isLast) => {
    const chunk = readAll(source, buffer.subarray(0, bytes));
    const options = { authTagLength: TAG_BYTES };
    const nonce = nonceOf(header, index, isLast);
    const decipher = createDecipheriv(CIPHER, cipherKey, nonce, options);
    decipher.setAAD(header).setAuthTag(chunk.subarray(bytes - TAG_BYTES));
    const plain = decipher.update(chunk.subarray(0, bytes - TAG_BYTES));
    try {
      decipher.final();
    } catch (cause) {
      throw invalid(path, `its chunk ${index} is not the one that was written`, cause);
    }
    onChunk(plain);
  });
}

function newHeader(key: Uint8Array): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header.write(SEALED_FORMAT, "latin1");
  header.writeUInt32BE(CHUNK_BYTES, AT.chunkBytes);
  header.write(keyIdOf(key), AT.keyId, "hex");
  // The salt and the beginning of every nonce.
  randomBytes(HEADER_BYTES - AT.salt).copy(header, AT.salt);
  return header;
}

/** The beginning that the header has, the number of the chunk, and whether there is none after it. */
function nonceOf(header: Buffer, index: number, isLast: boolean): Buffer {
  const nonce = Buffer.alloc(12);
  header.copy(nonce, 0, AT.noncePrefix);
  nonce.writeUInt32BE(index, 7);
  nonce.writeUInt8(isLast ? 1 : 0, 11);
  return nonce;
}

/** Nothing at all is one empty chunk. */
function forChunks(
  size: number,
  chunkBytes: number,
  action: (index: number, bytes: number, isLast: boolean) => void,
): void {
  const count = Math.max(1, Math.ceil(size / chunkBytes));
  for (let index = 0; index < count; index++) {
    const isLast = index === count - 1;
    action(index, isLast ? size - index * chunkBytes : chunkBytes, isLast);
  }
}

function withFiles(from: string, to: string, action: (from: number, to: number) => void): void {
  const source = openSync(from, "r");
  try {
    const target = openSync(to, "wx", 0o600);
    try {
      action(source, target);
    } finally {
      closeSync(target);
    }
  } finally {
    closeSync(source);
  }
}

function readAll(source: number, buffer: Buffer): Buffer {
  for (let done = 0; done < buffer.length; ) {
    const count = readSync(source, buffer, done, buffer.length - done, null);
    if (count === 0) throw new StoreError("BACKUP_INVALID", "the file has become shorter");
    done += count;
  }
  return buffer;
}

function writeAll(target: number, bytes: Buffer): void {
  for (let done = 0; done < bytes.length; ) {
    done += writeSync(target, bytes, done, bytes.length - done);
  }
}

function invalid(path: string, reason: string, cause?: unknown): StoreError {
  return new StoreError("BACKUP_INVALID", `${path}: ${reason}`, { cause });
}
