// Page tokens (AIP-158): where the next page of a List begins, bound to the request that it is of.
// Pure.

import { createHash } from "node:crypto";
import { type DescMessage, type Message, toBinary } from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import { invalidField } from "../errors.ts";

const VERSION = 1;
const KEY_BYTES = 8;
const SEAL_BYTES = 8;
/** Version, key, seal of both and of the request. */
const TOKEN_BYTES = 1 + KEY_BYTES + SEAL_BYTES;

/** Which rows a List request asks for: what its page_size and page_token do not change. */
export type RequestDigest = Uint8Array;

/** The digest of a List request. */
export function digestRequest(desc: DescMessage, request: Message): RequestDigest {
  const copy = reflect(desc);
  for (const field of desc.fields) {
    const isPaging = field.name === "page_size" || field.name === "page_token";
    const value = reflect(desc, request);
    if (!isPaging && value.isSet(field)) copy.set(field, value.get(field));
  }
  const hash = createHash("sha256").update(`${desc.typeName}\n`);
  return hash.update(toBinary(desc, copy.message)).digest();
}

/** The token of the page after the row with this key. */
export function formatPageToken(after: bigint, digest: RequestDigest): string {
  const token = Buffer.alloc(TOKEN_BYTES);
  token.writeUInt8(VERSION);
  token.writeBigInt64BE(after, 1);
  token.set(seal(token, digest), 1 + KEY_BYTES);
  return token.toString("base64url");
}

/** Binds a token to its request, and shows a token that was cut, mixed up or mistyped. */
function seal(token: Buffer, digest: RequestDigest): Buffer {
  const hash = createHash("sha256")
    .update(digest)
    .update(token.subarray(0, 1 + KEY_BYTES));
  return hash.digest().subarray(0, SEAL_BYTES);
}

/**
 * The key after which the page begins; null for the first page, which has an empty token.
 * @throws StoreError INVALID_FIELD if the token is none of this request's.
 */
export function parsePageToken(text: string, digest: RequestDigest): bigint | null {
  if (text === "") return null;
  const token = Buffer.from(text, "base64url");
  const isOurs =
    token.length === TOKEN_BYTES &&
    token.toString("base64url") === text &&
    token.readUInt8() === VERSION &&
    token.subarray(1 + KEY_BYTES).equals(seal(token, digest));
  if (!isOurs) throw invalidField("page_token", "is not a token that such a request was given");
  return token.readBigInt64BE(1);
}
