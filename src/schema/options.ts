// Reads the options of messages and fields: google.api's and protostore.v1's.
// Judges nothing: what they must say is the plan's business (plan.ts).

import { type DescField, type DescMessage, getOption, hasOption } from "@bufbuild/protobuf";
import { FieldBehavior, field_behavior } from "../../gen/google/api/field_behavior_pb.ts";
import {
  type ResourceDescriptor,
  resource,
  resource_reference,
} from "../../gen/google/api/resource_pb.ts";
import {
  type ColumnOptions,
  column,
  type TableOptions,
  table,
} from "../../gen/protostore/v1/options_pb.ts";

/** The table that stores the message, if it has one. */
export function tableOf(desc: DescMessage): TableOptions | undefined {
  return hasOption(desc, table) ? getOption(desc, table) : undefined;
}

/** The column that stores the field, if it has one of its own. */
export function columnOf(field: DescField): ColumnOptions | undefined {
  return hasOption(field, column) ? getOption(field, column) : undefined;
}

/** What makes the message a resource (AIP-123), if it is one. */
export function resourceOf(desc: DescMessage): ResourceDescriptor | undefined {
  return hasOption(desc, resource) ? getOption(desc, resource) : undefined;
}

/** The type of the resource whose name the field holds, if it holds one. */
export function referenceOf(field: DescField): string | undefined {
  return hasOption(field, resource_reference)
    ? getOption(field, resource_reference).type
    : undefined;
}

/** Options are decoded on every access, and every request asks for behaviors. */
const behaviors = new WeakMap<DescField, readonly FieldBehavior[]>();

/** True if the field has the behavior (AIP-203). */
export function hasBehavior(field: DescField, behavior: FieldBehavior): boolean {
  let known = behaviors.get(field);
  if (!known) {
    known = hasOption(field, field_behavior) ? getOption(field, field_behavior) : [];
    behaviors.set(field, known);
  }
  return known.includes(behavior);
}

export { FieldBehavior };
