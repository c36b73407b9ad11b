// What a field of a message is to a filter or an order: a value to compare, or something with parts.
// Knows descriptors only, neither columns nor JSON; what kinds there are is told by schema/types/.

import type { DescField, DescMessage, ScalarType } from "@bufbuild/protobuf";
import { FeatureSet_FieldPresence } from "@bufbuild/protobuf/wkt";
import { INT64_MAX, INT64_MIN } from "../../schema/sql-value.ts";
import { leafKind, messageKind, SCALARS } from "../../schema/types/all-kinds.ts";
import type { Leaf } from "../../schema/types/leaf.ts";

/** What is at the end of a path. */
export type Shape =
  | { readonly shape: "leaf"; readonly leaf: Leaf }
  // Date and Money have fields and are compared as a whole too.
  | { readonly shape: "message"; readonly desc: DescMessage; readonly leaf?: Leaf }
  | { readonly shape: "list"; readonly item: Shape }
  | { readonly shape: "map"; readonly key: ScalarType; readonly value: Shape }
  | { readonly shape: "struct" }
  // Only its presence can be asked for.
  | { readonly shape: "opaque" };

/** The shape of a field. */
export function shapeOf(field: DescField): Shape {
  switch (field.fieldKind) {
    case "list":
      return { shape: "list", item: elementShape(field) };
    case "map":
      return { shape: "map", key: field.mapKey, value: elementShape(field) };
    case "message":
    case "enum":
    case "scalar":
      return elementShape(field);
  }
}

function elementShape(field: DescField): Shape {
  if (field.message) return messageShape(field.message);
  if (field.enum) return { shape: "leaf", leaf: { kind: "enum", desc: field.enum } };
  return { shape: "leaf", leaf: SCALARS[field.scalar as ScalarType].leaf };
}

/** A member of a Struct, or an element of a ListValue. */
export const JSON_VALUE: Shape = { shape: "leaf", leaf: { kind: "value" } };

function messageShape(desc: DescMessage): Shape {
  const { leaf, inside = "fields" } = messageKind(desc) ?? {};
  switch (inside) {
    case "fields":
      return { shape: "message", desc, ...(leaf && { leaf }) };
    case "members":
      return { shape: "struct" };
    case "items":
      return { shape: "list", item: JSON_VALUE };
    case "nothing":
      return leaf ? { shape: "leaf", leaf } : { shape: "opaque" };
  }
}

/** True for the range of a 64-bit integer, which an INTEGER of SQLite cannot leave. */
export function isLongInteger(min: bigint, max: bigint): boolean {
  return min === INT64_MIN && max === INT64_MAX;
}

/** True if the field tells "not set" from its default. */
export function hasPresence(field: DescField): boolean {
  return field.presence !== FeatureSet_FieldPresence.IMPLICIT;
}

/** The kind of a value, as errors and documentation call it. */
export function describeLeaf(leaf: Leaf): string {
  return leafKind(leaf).describe(leaf);
}

/** True if one value can be less than another. */
export function isOrdered(leaf: Leaf): boolean {
  return leafKind(leaf).isOrdered;
}
