// Digests of requests: the same request has the same digest, whichever way it was encoded.
// Pure.

import { createHash } from "node:crypto";
import type { DescMessage, Message } from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import { canonicalBytes } from "./canonical.ts";

/** The digest of a request. */
export type RequestDigest = Uint8Array;

/** The fields that may differ between the pages of one list (AIP-158). */
const PAGING_FIELDS = new Set(["page_size", "page_token", "skip", "include_total_size"]);

/** The digest of a List or Search request. */
export function digestPagedRequest(desc: DescMessage, request: Message): RequestDigest {
  const copy = reflect(desc);
  const source = reflect(desc, request);
  for (const field of desc.fields) {
    if (!PAGING_FIELDS.has(field.name) && source.isSet(field)) copy.set(field, source.get(field));
  }
  return digestRequest(desc, copy.message);
}

/** The digest of everything in a request. */
export function digestRequest(desc: DescMessage, request: Message): RequestDigest {
  const hash = createHash("sha256").update(`${desc.typeName}\n`);
  return hash.update(canonicalBytes(desc, request)).digest();
}
