// The fields that many requests share: request_id, validate_only, allow_missing and the like. A
// request that does not have one of them is as if it were not set.

import type { DescMessage, Message } from "@bufbuild/protobuf";
import type { CommitOptions } from "../database/database.ts";
import { invalidField } from "../errors.ts";
import { digestRequest } from "../query/request-digest.ts";
import { accessOf } from "../schema/access.ts";
import type { CallContext } from "./handler.ts";

const UUID4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/i;

/** The value of a field of the request; undefined if the request has no such field. */
function fieldValue(desc: DescMessage, request: Message, name: string): unknown {
  const field = desc.fields.find((candidate) => candidate.name === name);
  if (!field) return undefined;
  return field.fieldKind === "message" ? undefined : accessOf(field).getAny(request);
}

/** A function that reads a string field of requests; empty if they have no such field. */
export function stringGetter(desc: DescMessage, name: string): (request: Message) => string {
  const field = desc.fields.find((candidate) => candidate.name === name);
  if (!field) return () => "";
  const { localName } = field;
  return (request) => (request as Message & Readonly<Record<string, string>>)[localName] ?? "";
}

/** The value of a string field; empty if the request has no such field. */
export function stringField(desc: DescMessage, request: Message, name: string): string {
  return (fieldValue(desc, request, name) as string | undefined) ?? "";
}

/** The value of a bool field; false if the request has no such field. */
export function boolField(desc: DescMessage, request: Message, name: string): boolean {
  return (fieldValue(desc, request, name) as boolean | undefined) ?? false;
}

/**
 * How the commit of a request is carried out.
 * @throws StoreError INVALID_FIELD if its request_id is no UUID of version 4.
 */
export function commitOptions(
  desc: DescMessage,
  request: Message,
  context: CallContext,
): CommitOptions {
  const { signal, deadlineMs, statements } = context;
  const limits = { signal, statements, ...(deadlineMs !== undefined && { deadlineMs }) };
  const validateOnly = boolField(desc, request, "validate_only");
  const id = stringField(desc, request, "request_id");
  if (id === "") return { ...limits, validateOnly };
  if (!UUID4.test(id)) throw invalidField("request_id", "must be a UUID of version 4");
  // UUIDs are the same whichever case they are written in, and so are the requests.
  const sameId = id.toLowerCase();
  const field = desc.fields.find(({ name }) => name === "request_id");
  if (field) accessOf(field).set(request, sameId);
  const identity = { id: sameId, digest: digestRequest(desc, request) };
  return { ...limits, validateOnly, request: identity };
}

/** @throws StoreError INVALID_FIELD if an item of a batch has options of its own. */
export function refuseItemOptions(desc: DescMessage, request: Message, item: string): void {
  for (const name of ["request_id", "validate_only"]) {
    if (fieldValue(desc, request, name)) {
      throw invalidField(`${item}.${name}`, "is the batch's to set");
    }
  }
}
