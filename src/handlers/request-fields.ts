// The fields that the requests of standard methods may have: with any other one, a client would ask for
// something that nobody does. Looks at descriptors only, when the server starts.

import type { DescMessage, DescMethod } from "@bufbuild/protobuf";
import { StoreError } from "../errors.ts";
import type { ResourcePlan } from "../schema/plan.ts";

/** A standard method by its verb. */
export type StandardVerb =
  | "Get"
  | "Create"
  | "Update"
  | "Delete"
  | "BatchGet"
  | "BatchCreate"
  | "BatchUpdate"
  | "BatchDelete";

const READ = ["read_mask", "view"];
const WRITE = ["request_id", "validate_only"];

/** What each of them heeds, beside the field that has the resource. */
const HEEDED: Readonly<Record<StandardVerb, readonly string[]>> = {
  Get: ["name", ...READ],
  Create: WRITE,
  Update: ["update_mask", "allow_missing", ...WRITE],
  Delete: ["name", "etag", "force", "allow_missing", ...WRITE],
  BatchGet: ["names", ...READ],
  BatchCreate: ["requests", ...WRITE],
  BatchUpdate: ["requests", ...WRITE],
  BatchDelete: ["requests", ...WRITE],
};

/**
 * Refuses a request with a field that would be ignored, such as a parent.
 * @throws StoreError INVALID_PLAN, naming the method, the request and the field.
 */
export function refuseIgnoredFields(
  method: DescMethod,
  verb: StandardVerb,
  request: DescMessage,
  plan: ResourcePlan,
): void {
  const hasResource = verb === "Create" || verb === "Update";
  const resource = request.fields.find(({ message, fieldKind }) => {
    return hasResource && fieldKind === "message" && message === plan.desc;
  });
  const heeded = new Set(HEEDED[verb]);
  if (resource) heeded.add(resource.name);
  if (resource && verb === "Create") heeded.add(`${resource.name}_id`);
  const ignored = request.fields.filter(({ name }) => !heeded.has(name));
  if (ignored.length === 0) return;
  const subject = `${method.parent.typeName}.${method.name}`;
  const names = ignored.map(({ name }) => name).join(", ");
  const reason = `${request.typeName} has fields that would be ignored: ${names}`;
  throw new StoreError("INVALID_PLAN", `${subject}: ${reason}; take them out, or write a handler`);
}
