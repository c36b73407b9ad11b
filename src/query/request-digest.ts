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

/** The digests of requests that say nothing but how they are paged: most are so. */
const plainDigests = new WeakMap<DescMessage, RequestDigest>();

/** The digest of a List or Search request. */
export function digestPagedRequest(desc: DescMessage, request: Message): RequestDigest {
  const source = reflect(desc, request);
  const said = desc.fields.filter(({ name }) => !PAGING_FIELDS.has(name));
  const set = said.filter((field) => source.isSet(field));
  const known = set.length === 0 ? plainDigests.get(desc) : undefined;
  if (known) return known;
  const copy = reflect(desc);
  for (const field of set) copy.set(field, source.get(field));
  const digest = digestRequest(desc, copy.message);
  if (set.length === 0) plainDigests.set(desc, digest);
  return digest;
}

/** The digest of everything in a request. */
export function digestRequest(desc: DescMessage, request: Message): RequestDigest {
  const hash = createHash("sha256").update(`${desc.typeName}\n`);
  return hash.update(canonicalBytes(desc, request)).digest();
}
