// read_mask and view (AIP-157): which part of a resource a read answers with.
// Decodes the bytes only if there is a part to leave out.

import {
  fromBinary,
  isUnknownEnum,
  type Message,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import type { FieldMaskSchema } from "@bufbuild/protobuf/wkt";
import { View, ViewSchema } from "../../gen/protostore/v1/view_pb.ts";
import { invalidField } from "../errors.ts";
import { applyReadMask, basicMask, type ReadMask, resolveReadMask } from "../query/read-mask.ts";
import type { ResourcePlan } from "../schema/plan.ts";

/** Cuts the bytes of a resource down to what was asked for. */
export type Shape = (bytes: Uint8Array) => Uint8Array;

interface ReadRequest {
  readonly readMask?: MessageShape<typeof FieldMaskSchema>;
  readonly view?: View;
}

/**
 * How the resources of a read are cut; as they are, if the request asks for everything.
 * @throws StoreError INVALID_FIELD for a mask or a view that cannot be.
 */
export function readShape(plan: ResourcePlan, request: Message): Shape {
  const { readMask, view = View.VIEW_UNSPECIFIED } = request as Message & ReadRequest;
  if (isUnknownEnum(ViewSchema, view)) {
    throw invalidField("view", `${view} is no view`);
  }
  const paths = readMask?.paths ?? [];
  if (paths.length > 0 && view !== View.VIEW_UNSPECIFIED) {
    throw invalidField("view", "does not go with read_mask");
  }
  if (paths.length > 0) return cut(plan, resolveReadMask(plan, paths));
  return view === View.BASIC ? cut(plan, basicMask(plan)) : (bytes) => bytes;
}

function cut(plan: ResourcePlan, mask: ReadMask): Shape {
  const { desc } = plan;
  return (bytes) => toBinary(desc, applyReadMask(plan, fromBinary(desc, bytes), mask));
}
