// Takes the requests of Create, Update and Delete apart, whether they are alone or in a batch.
// Gives operations; carries out none, and leaves the resources in them as bytes.

import type { DescField, DescMessage, Message } from "@bufbuild/protobuf";
import type { FieldMask } from "@bufbuild/protobuf/wkt";
import type { Operation } from "../database/database.ts";
import { invalidField } from "../errors.ts";
import type { ResourcePlan } from "../schema/plan.ts";
import { parseName } from "../schema/resource-name.ts";
import { type RawRequest, splitBy } from "./raw-request.ts";
import { boolField, stringField } from "./request-options.ts";

/** The operation that a request asks for; `item` is its path in a batch, empty if it is alone. */
export type ParseWrite = (request: RawRequest, item: string) => Operation;

/** How requests of one method, or of one kind of item in a batch, become operations. */
export interface WriteParser {
  readonly split: (bytes: Uint8Array) => RawRequest;
  readonly parse: ParseWrite;
}

/** Makes the parser of requests of type `desc` for the resource of `plan`. */
export type MakeParser = (desc: DescMessage, plan: ResourcePlan) => WriteParser;

/** Create (AIP-133). */
export const createParser: MakeParser = (desc, plan) => {
  const field = resourceField(desc, plan);
  const idField = `${field?.name}_id`;
  const { resource } = plan;
  const parse: ParseWrite = (request, item) => {
    const { message, path } = resourceIn(request, field, item);
    const id = stringField(desc, request.message, idField);
    if (id === "") return { kind: "create", plan, message, path, ...named(item) };
    // Zero and negative ids are in the files of others at most.
    if (!/^[1-9]\d*$/.test(id))
      throw invalidField(within(item, idField), "must be a positive number");
    const key = parseName(resource, `${resource.collection}/${id}`, within(item, idField));
    return { kind: "create", plan, message, path, key, ...named(item) };
  };
  return { split: splitBy(desc, field), parse };
};

/** Update (AIP-134). */
export const updateParser: MakeParser = (desc, plan) => {
  const field = resourceField(desc, plan);
  const parse: ParseWrite = (request, item) => {
    const { updateMask } = request.message as Message & { updateMask?: FieldMask };
    return {
      kind: "update",
      plan,
      ...resourceIn(request, field, item),
      mask: updateMask?.paths ?? [],
      allowMissing: boolField(desc, request.message, "allow_missing"),
      ...named(item),
    };
  };
  return { split: splitBy(desc, field), parse };
};

/** Delete (AIP-135). */
export const deleteParser: MakeParser = (desc, plan) => {
  const parse: ParseWrite = ({ message }, item) => {
    const name = stringField(desc, message, "name");
    return {
      kind: "delete",
      plan,
      key: parseName(plan.resource, name, within(item, "name")),
      etag: stringField(desc, message, "etag"),
      allowMissing: boolField(desc, message, "allow_missing"),
      force: boolField(desc, message, "force"),
      ...named(item),
    };
  };
  return { split: splitBy(desc, undefined), parse };
};

function resourceField(desc: DescMessage, plan: ResourcePlan): DescField | undefined {
  return desc.fields.find((field) => field.fieldKind === "message" && field.message === plan.desc);
}

function resourceIn(
  { left }: RawRequest,
  field: DescField | undefined,
  item: string,
): { message: Uint8Array; path: string } {
  const path = within(item, field?.name ?? "");
  const [first, ...others] = left;
  if (!first) throw invalidField(path, "is required");
  // A message that comes in several parts is what they are one after the other.
  return { message: others.length === 0 ? first : Buffer.concat(left), path };
}

function within(item: string, field: string): string {
  return item === "" ? field : `${item}.${field}`;
}

function named(item: string): { item?: string } {
  return item === "" ? {} : { item };
}
