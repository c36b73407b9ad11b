// All kinds of fields. A kind is a file beside this one and its line here, and nothing else.
// Whoever works with many values looks a kind up once per field.

import { type DescField, type DescMessage, ScalarType } from "@bufbuild/protobuf";
import { bool, boolLeaf } from "./bool.ts";
import { bytes, bytesLeaf } from "./bytes.ts";
import { date, dateLeaf } from "./date.ts";
import { duration, durationLeaf } from "./duration.ts";
import { enumColumn, enumLeaf } from "./enum.ts";
import { double, doubleLeaf, float, floatLeaf } from "./float.ts";
import { int32, int64, intLeaf, uint32, uint64, uint64Leaf } from "./integer.ts";
import type { ColumnForm, MessageKind, ScalarKind } from "./kind.ts";
import type { Leaf, LeafKind } from "./leaf.ts";
import { any, fieldMask } from "./library-json.ts";
import { money, moneyLeaf } from "./money.ts";
import { latLng, timeOfDay } from "./ranged.ts";
import { etagLeaf, referenceLeaf } from "./reference.ts";
import { string, textLeaf } from "./string.ts";
import { listValue, struct, value, valueLeaf } from "./struct.ts";
import { timestamp, timestampLeaf } from "./timestamp.ts";
import { WRAPPERS } from "./wrappers.ts";

/** The kinds of scalars; those that share one differ in their bytes only. */
export const SCALARS: Readonly<Record<ScalarType, ScalarKind>> = {
  [ScalarType.BOOL]: bool,
  [ScalarType.BYTES]: bytes,
  [ScalarType.DOUBLE]: double,
  [ScalarType.FLOAT]: float,
  [ScalarType.FIXED32]: uint32,
  [ScalarType.FIXED64]: uint64,
  [ScalarType.INT32]: int32,
  [ScalarType.INT64]: int64,
  [ScalarType.SFIXED32]: int32,
  [ScalarType.SFIXED64]: int64,
  [ScalarType.SINT32]: int32,
  [ScalarType.SINT64]: int64,
  [ScalarType.STRING]: string,
  [ScalarType.UINT32]: uint32,
  [ScalarType.UINT64]: uint64,
};

/** The messages that are more than objects of their fields. */
export const MESSAGES: readonly MessageKind[] = [
  timestamp,
  duration,
  ...WRAPPERS,
  struct,
  value,
  listValue,
  any,
  fieldMask,
  date,
  money,
  timeOfDay,
  latLng,
];

/** The kinds of values that filters compare. */
export const LEAVES: { readonly [K in Leaf["kind"]]: LeafKind<K> } = {
  bool: boolLeaf,
  bytes: bytesLeaf,
  date: dateLeaf,
  double: doubleLeaf,
  duration: durationLeaf,
  enum: enumLeaf,
  etag: etagLeaf,
  float: floatLeaf,
  int: intLeaf,
  money: moneyLeaf,
  reference: referenceLeaf,
  text: textLeaf,
  timestamp: timestampLeaf,
  uint64: uint64Leaf,
  value: valueLeaf,
};

const byName = new Map(MESSAGES.map((type) => [type.typeName, type]));

/** What is special of a message; undefined for one that is just an object of its fields. */
export function messageKind({ typeName }: DescMessage): MessageKind | undefined {
  return byName.get(typeName);
}

/** True for the messages of google.protobuf, which have no options of this service in them. */
export function isWellKnown({ typeName }: DescMessage): boolean {
  return typeName.startsWith("google.protobuf.");
}

/** How a column keeps the field; undefined if a field of its kind cannot be a column. */
export function columnForm(field: DescField): ColumnForm | undefined {
  switch (field.fieldKind) {
    case "scalar":
      return SCALARS[field.scalar].column;
    case "enum":
      return enumColumn(field.enum);
    case "message":
      return messageKind(field.message)?.column;
    case "list":
    case "map":
      return undefined;
  }
}

/** How values of the leaf are written in a filter. */
export function leafKind(leaf: Leaf): LeafKind<Leaf["kind"]> {
  return LEAVES[leaf.kind] as LeafKind<Leaf["kind"]>;
}
