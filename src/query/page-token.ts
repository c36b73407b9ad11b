// Page tokens (AIP-158): where the next page begins, sealed so that a client can neither read nor
// make one, and bound to the request that it is of. Pure; the key is given.

import {
  createCipheriv,
  createDecipheriv,
  createSecretKey,
  type KeyObject,
  randomFillSync,
} from "node:crypto";
import { BinaryReader, BinaryWriter } from "@bufbuild/protobuf/wire";
import { invalidField } from "../errors.ts";
import type { SqlValue } from "../schema/sql-value.ts";
import type { RequestDigest } from "./request-digest.ts";

const CIPHER = "aes-256-gcm";
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** Nonces are made some at a time: to ask for random bytes takes far longer than to make a few more. */
const NONCES_BYTES = 256 * NONCE_BYTES;

/** Seals and opens page tokens with one key. */
export interface PageTokens {
  /** The token of the page after the row with these values of the sort order. */
  seal(values: readonly SqlValue[], digest: RequestDigest): string;
  /**
   * The values after which the page begins; undefined for the first page, which has no token.
   * @throws StoreError INVALID_FIELD if the token is none of this request's.
   */
  open(token: string, digest: RequestDigest): readonly SqlValue[] | undefined;
}

/** Page tokens under a key of 32 bytes. */
export function createPageTokens(secret: Uint8Array): PageTokens {
  // A key that is bytes is made an object for each token, which takes longer than the sealing.
  const key = createSecretKey(secret);
  const nonces = Buffer.alloc(NONCES_BYTES);
  let used = NONCES_BYTES;

  /** Valid until the next one is asked for. */
  function nextNonce(): Buffer {
    if (used === NONCES_BYTES) {
      randomFillSync(nonces);
      used = 0;
    }
    used += NONCE_BYTES;
    return nonces.subarray(used - NONCE_BYTES, used);
  }

  return {
    seal(values, digest) {
      const nonce = nextNonce();
      const cipher = createCipheriv(CIPHER, key, nonce).setAAD(digest);
      const sealed = Buffer.concat([cipher.update(encodeValues(values)), cipher.final()]);
      return Buffer.concat([nonce, sealed, cipher.getAuthTag()]).toString("base64url");
    },

    open(token, digest) {
      if (token === "") return undefined;
      const bytes = Buffer.from(token, "base64url");
      const values = bytes.toString("base64url") === token ? unseal(key, bytes, digest) : undefined;
      if (!values) throw invalidField("page_token", "is not a token that such a request was given");
      return values;
    },
  };
}

function unseal(key: KeyObject, bytes: Buffer, digest: RequestDigest): SqlValue[] | undefined {
  if (bytes.length < NONCE_BYTES + TAG_BYTES) return undefined;
  const nonce = bytes.subarray(0, NONCE_BYTES);
  const decipher = createDecipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES });
  decipher.setAAD(digest).setAuthTag(bytes.subarray(-TAG_BYTES));
  try {
    const sealed = bytes.subarray(NONCE_BYTES, -TAG_BYTES);
    return decodeValues(Buffer.concat([decipher.update(sealed), decipher.final()]));
  } catch {
    // Not sealed with this key for this request: which of the two, nobody needs to know.
    return undefined;
  }
}

const NULL = 0;
const INTEGER = 1;
const REAL = 2;
const TEXT = 3;
const BLOB = 4;

function encodeValues(values: readonly SqlValue[]): Uint8Array {
  const writer = new BinaryWriter();
  for (const value of values) {
    if (value === null) writer.uint32(NULL);
    else if (typeof value === "bigint") writer.uint32(INTEGER).sint64(value);
    else if (typeof value === "number") writer.uint32(REAL).double(value);
    else if (typeof value === "string") writer.uint32(TEXT).string(value);
    else writer.uint32(BLOB).bytes(value);
  }
  return writer.finish();
}

function decodeValues(bytes: Uint8Array): SqlValue[] {
  const reader = new BinaryReader(bytes);
  const values: SqlValue[] = [];
  while (reader.pos < reader.len) values.push(decodeValue(reader));
  return values;
}

function decodeValue(reader: BinaryReader): SqlValue {
  switch (reader.uint32()) {
    case INTEGER:
      return BigInt(reader.sint64());
    case REAL:
      return reader.double();
    case TEXT:
      return reader.string();
    case BLOB:
      return reader.bytes();
    default:
      return null;
  }
}
