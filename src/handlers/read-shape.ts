// read_mask and view (AIP-157): which part of a resource a read answers with.
// Cuts nothing itself.

import { isUnknownEnum, type Message, type MessageShape } from "@bufbuild/protobuf";
import type { FieldMaskSchema } from "@bufbuild/protobuf/wkt";
import { View, ViewSchema } from "../../gen/protostore/v1/view_pb.ts";
import { invalidField } from "../errors.ts";
import { basicPaths, resolveReadMask } from "../query/read-mask.ts";
import type { ResourcePlan } from "../schema/plan.ts";

interface ReadRequest {
  readonly readMask?: MessageShape<typeof FieldMaskSchema>;
  readonly view?: View;
}

/**
 * The paths of what a read asks for; undefined if that is everything.
 * @throws StoreError INVALID_FIELD for a mask or a view that cannot be.
 */
export function readPaths(plan: ResourcePlan, request: Message): readonly string[] | undefined {
  const { readMask, view = View.VIEW_UNSPECIFIED } = request as Message & ReadRequest;
  const paths = readMask?.paths ?? [];
  if (paths.length === 0 && view === View.VIEW_UNSPECIFIED) return undefined;
  if (isUnknownEnum(ViewSchema, view)) {
    throw invalidField("view", `${view} is no view`);
  }
  if (paths.length === 0) return view === View.BASIC ? basicPaths(plan) : undefined;
  if (view !== View.VIEW_UNSPECIFIED) throw invalidField("view", "does not go with read_mask");
  return resolveReadMask(plan, paths).isEverything ? undefined : paths;
}
