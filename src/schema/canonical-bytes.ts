// Tells whether bytes are the ones that the protobuf library itself would write for the message that
// it reads from them. Decodes no values. Whatever it is not certain of counts as not canonical: that
// costs time, never exactness. A closure per field, made once, does the looking.

import { type DescField, type DescMessage, ScalarType } from "@bufbuild/protobuf";
import { WireType } from "@bufbuild/protobuf/wire";
import { FeatureSet_FieldPresence } from "@bufbuild/protobuf/wkt";
import { type Check, type Cursor, mapCheck, readUint, scalarCheck } from "./canonical-values.ts";
import { messageKind } from "./types/all-kinds.ts";

/** Called with each top-level field and where its tag begins, in order. */
type FieldVisitor = (number: number, start: number) => void;

/**
 * True if `bytes`, of which the library reads a message of this type, are what it would write for
 * that message: fields in order and once, none that are unknown or zero without presence, lists
 * packed, integers as short as can be.
 */
export function isCanonical(desc: DescMessage, bytes: Uint8Array, visit: FieldVisitor): boolean {
  const cursor = { bytes, pos: 0 };
  return hasCheckableType(desc) && checkFields(fieldChecks(desc), cursor, bytes.length, visit);
}

interface FieldCheck {
  readonly number: number;
  /** True if the next field may be the same again. */
  readonly repeats: boolean;
  /** A bit for each oneof of the message; 0 for a field outside of all. */
  readonly oneof: number;
  readonly check: Check;
}

/** By tag: number and wire type. */
type FieldChecks = ReadonlyMap<number, FieldCheck>;

const checksOfTypes = new WeakMap<DescMessage, Map<number, FieldCheck>>();

function fieldChecks(desc: DescMessage): FieldChecks {
  const known = checksOfTypes.get(desc);
  if (known) return known;
  const checks = new Map<number, FieldCheck>();
  // Before the fields are looked at: the message may contain itself.
  checksOfTypes.set(desc, checks);
  for (const field of desc.fields) {
    const found = checkOf(field);
    if (!found) continue;
    const [wireType, check] = found;
    const tag = field.number * 8 + wireType;
    const repeats = field.fieldKind === "list" && !field.packed;
    const oneof = field.oneof ? 1 << desc.oneofs.indexOf(field.oneof) : 0;
    checks.set(tag, { number: field.number, repeats, oneof, check });
  }
  return checks;
}

/** The library fails to write a message without its required fields, and 31 bits are 31 oneofs. */
function hasCheckableType({ fields, oneofs }: DescMessage): boolean {
  return (
    oneofs.length <= 31 &&
    fields.every(({ presence }) => presence !== FeatureSet_FieldPresence.LEGACY_REQUIRED)
  );
}

function checkFields(
  checks: FieldChecks,
  cursor: Cursor,
  end: number,
  visit?: FieldVisitor,
): boolean {
  let last = 0;
  let oneofs = 0;
  while (cursor.pos < end) {
    const start = cursor.pos;
    const field = checks.get(readUint(cursor));
    if (!field || field.number < last || (oneofs & field.oneof) !== 0) return false;
    if (field.number === last && !field.repeats) return false;
    last = field.number;
    oneofs |= field.oneof;
    visit?.(last, start);
    if (!field.check(cursor, end)) return false;
  }
  return cursor.pos === end;
}

/** The wire type of a field and the check of its value; undefined if it can never be certain. */
function checkOf(field: DescField): [WireType, Check] | undefined {
  switch (field.fieldKind) {
    case "list":
      return listCheck(field);
    case "map": {
      const value = elementCheck(field, false);
      if (field.mapKey !== ScalarType.STRING || !hasExactText(field) || !value) return undefined;
      return [WireType.LengthDelimited, mapCheck(field.number, ...value)];
    }
    case "message":
    case "enum":
    case "scalar":
      return elementCheck(field, field.presence === FeatureSet_FieldPresence.IMPLICIT);
  }
}

function listCheck(field: DescField & { fieldKind: "list" }): [WireType, Check] | undefined {
  const element = elementCheck(field, false);
  if (!element || !field.packed) return element;
  const [, check] = element;
  const packed: Check = (cursor) => {
    const length = readUint(cursor);
    const end = cursor.pos + length;
    if (length <= 0) return false;
    while (cursor.pos < end) if (!check(cursor, end)) return false;
    return cursor.pos === end;
  };
  return [WireType.LengthDelimited, packed];
}

function elementCheck(field: DescField, isImplicit: boolean): [WireType, Check] | undefined {
  if (field.message) {
    const check = messageCheck(field, field.message);
    return check && [WireType.LengthDelimited, check];
  }
  // A number that a closed enum does not know becomes an unknown field.
  if (field.enum) return field.enum.open ? scalarCheck(ScalarType.INT32, isImplicit) : undefined;
  if (field.scalar === ScalarType.STRING && !hasExactText(field)) return undefined;
  return scalarCheck(field.scalar as ScalarType, isImplicit);
}

/** Text that is not validated may be changed when it is read. */
function hasExactText(field: DescField): boolean {
  return "utf8Validation" in field && field.utf8Validation === true;
}

function messageCheck(field: DescField, desc: DescMessage): Check | undefined {
  const isGroup = "delimitedEncoding" in field && field.delimitedEncoding;
  // A Struct is kept as a JSON object, in which not all of it has a place.
  const isJson = messageKind(desc)?.isKeptAsJson;
  if (isGroup || isJson || !hasCheckableType(desc)) return undefined;
  const checks = fieldChecks(desc);
  return (cursor) => {
    const length = readUint(cursor);
    return length >= 0 && checkFields(checks, cursor, cursor.pos + length);
  };
}
