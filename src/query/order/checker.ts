// The text of an order_by (AIP-132) → the terms that rows are sorted by, each with its kind of value.
// The meaning is in docs/filtering.md. Knows descriptors and which table has which field, but no SQL.

import type { DescField, DescMessage } from "@bufbuild/protobuf";
import type { ResourcePlan } from "../../schema/plan.ts";
import { hideInPath } from "../../schema/redaction.ts";
import type { Leaf } from "../../schema/types/leaf.ts";
import { describeLeaf } from "../filter/kinds.ts";
import { shapeInTable } from "../filter/place.ts";
import { type OrderField, orderError, parseOrder } from "./parser.ts";

/** A field that rows are sorted by. */
export interface OrderTerm extends OrderField {
  /** The fields on the way from the resource, the one that is sorted by last. */
  readonly steps: readonly [DescField, ...DescField[]];
  readonly leaf: Leaf;
}

/**
 * Reads an order_by, the most significant term first; an empty one has none.
 * @throws StoreError INVALID_FIELD, for `order_by`, if there is no such field or no order of it.
 */
export function checkOrder(plan: ResourcePlan, text: string): readonly OrderTerm[] {
  return parseOrder(text).map((field) => ({ ...field, ...checkPath(plan, field.path) }));
}

function checkPath(plan: ResourcePlan, written: string): Pick<OrderTerm, "steps" | "leaf"> {
  const path = hideInPath(plan.desc, written);
  let desc: DescMessage | undefined = plan.desc;
  let leaf: Leaf | undefined;
  const steps: DescField[] = [];
  for (const name of written.split(".")) {
    const field: DescField | undefined = desc?.fields.find((candidate) => candidate.name === name);
    if (!field) throw orderError(`${path} is no field of ${plan.desc.name}`);
    const shape = shapeInTable(steps.length === 0 ? plan : undefined, field);
    if (shape.shape !== "leaf" && shape.shape !== "message") {
      throw orderError(`${path}: ${field.name} has no order`);
    }
    steps.push(field);
    leaf = shape.leaf;
    desc = shape.shape === "message" ? shape.desc : undefined;
  }
  const [first, ...rest] = steps;
  if (!first || !leaf) throw orderError(`${path} is a message; name one of its fields`);
  if (leaf.kind === "value" || leaf.kind === "bytes") {
    throw orderError(`${path} is ${describeLeaf(leaf)}, which has no order`);
  }
  return { steps: [first, ...rest], leaf };
}
