// What a field of a message is to a filter or an order: a value to compare, or something with parts.
// Knows descriptors only, neither columns nor JSON.

import { type DescEnum, type DescField, type DescMessage, ScalarType } from "@bufbuild/protobuf";
import { FeatureSet_FieldPresence } from "@bufbuild/protobuf/wkt";
import type { ResourceType } from "../../schema/resource-name.ts";
import { INT64_MAX, INT64_MIN } from "../../schema/sql-value.ts";

/** A value that can be compared. */
export type Leaf =
  | { readonly kind: "int"; readonly min: bigint; readonly max: bigint }
  | { readonly kind: "enum"; readonly desc: DescEnum }
  // The name of a resource, kept as the key of its row; `own` is the row's own name.
  | { readonly kind: "reference"; readonly resource: ResourceType; readonly own: boolean }
  | { readonly kind: SimpleKind };

type SimpleKind =
  | "text"
  | "uint64"
  | "double"
  | "float"
  | "bool"
  | "bytes"
  | "timestamp"
  | "duration"
  | "date"
  | "money"
  | "etag"
  // A google.protobuf.Value: whatever JSON is there.
  | "value";

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
    default:
      return elementShape(field);
  }
}

function elementShape(field: DescField): Shape {
  if (field.message) return messageShape(field.message);
  if (field.enum) return { shape: "leaf", leaf: { kind: "enum", desc: field.enum } };
  return { shape: "leaf", leaf: scalarLeaf(field.scalar as ScalarType) };
}

function messageShape(desc: DescMessage): Shape {
  const leaf = MESSAGE_LEAVES[desc.typeName];
  if (leaf) {
    const hasFields = leaf.kind === "date" || leaf.kind === "money";
    return hasFields ? { shape: "message", desc, leaf } : { shape: "leaf", leaf };
  }
  switch (desc.typeName) {
    case "google.protobuf.Struct":
      return { shape: "struct" };
    case "google.protobuf.ListValue":
      return { shape: "list", item: { shape: "leaf", leaf: { kind: "value" } } };
    case "google.protobuf.Any":
    case "google.protobuf.FieldMask":
      return { shape: "opaque" };
    default:
      return { shape: "message", desc };
  }
}

const INT32: Leaf = { kind: "int", min: -(2n ** 31n), max: 2n ** 31n - 1n };
const UINT32: Leaf = { kind: "int", min: 0n, max: 2n ** 32n - 1n };
const INT64: Leaf = { kind: "int", min: INT64_MIN, max: INT64_MAX };

/** True for the range of a 64-bit integer, which an INTEGER of SQLite cannot leave. */
export function isLongInteger(min: bigint, max: bigint): boolean {
  return min === INT64_MIN && max === INT64_MAX;
}

const SCALAR_LEAVES: Readonly<Record<ScalarType, Leaf>> = {
  [ScalarType.STRING]: { kind: "text" },
  [ScalarType.BYTES]: { kind: "bytes" },
  [ScalarType.BOOL]: { kind: "bool" },
  [ScalarType.DOUBLE]: { kind: "double" },
  [ScalarType.FLOAT]: { kind: "float" },
  [ScalarType.INT32]: INT32,
  [ScalarType.SINT32]: INT32,
  [ScalarType.SFIXED32]: INT32,
  [ScalarType.UINT32]: UINT32,
  [ScalarType.FIXED32]: UINT32,
  [ScalarType.INT64]: INT64,
  [ScalarType.SINT64]: INT64,
  [ScalarType.SFIXED64]: INT64,
  [ScalarType.UINT64]: { kind: "uint64" },
  [ScalarType.FIXED64]: { kind: "uint64" },
};

function scalarLeaf(type: ScalarType): Leaf {
  return SCALAR_LEAVES[type];
}

const MESSAGE_LEAVES: Readonly<Record<string, Leaf>> = {
  "google.protobuf.Timestamp": { kind: "timestamp" },
  "google.protobuf.Duration": { kind: "duration" },
  "google.protobuf.Value": { kind: "value" },
  "google.protobuf.BoolValue": { kind: "bool" },
  "google.protobuf.BytesValue": { kind: "bytes" },
  "google.protobuf.DoubleValue": { kind: "double" },
  "google.protobuf.FloatValue": { kind: "float" },
  "google.protobuf.Int32Value": INT32,
  "google.protobuf.Int64Value": INT64,
  "google.protobuf.StringValue": { kind: "text" },
  "google.protobuf.UInt32Value": UINT32,
  "google.protobuf.UInt64Value": { kind: "uint64" },
  "google.type.Date": { kind: "date" },
  "google.type.Money": { kind: "money" },
};

/** True if the field tells "not set" from its default. */
export function hasPresence(field: DescField): boolean {
  return field.presence !== FeatureSet_FieldPresence.IMPLICIT;
}

/** The kind of a value, as errors and documentation call it. */
export function describeLeaf(leaf: Leaf): string {
  return leaf.kind === "enum" ? `a ${leaf.desc.name}` : LEAF_NAMES[leaf.kind];
}

const LEAF_NAMES: Readonly<Record<Exclude<Leaf["kind"], "enum">, string>> = {
  int: "an integer",
  uint64: "an integer",
  double: "a number",
  float: "a number",
  text: "a string",
  bool: "a bool",
  bytes: "bytes",
  timestamp: "a Timestamp",
  duration: "a Duration",
  date: "a Date",
  money: "a Money",
  reference: "a resource name",
  etag: "an etag",
  value: "a JSON value",
};

const ORDERED: ReadonlySet<Leaf["kind"]> = new Set([
  "int",
  "uint64",
  "double",
  "float",
  "text",
  "timestamp",
  "duration",
  "date",
  "money",
  "value",
]);

/** True if one value can be less than another. */
export function isOrdered(leaf: Leaf): boolean {
  return ORDERED.has(leaf.kind);
}
