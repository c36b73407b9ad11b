// The JSON of scalars, enums and map keys → their values. One spelling has one meaning, which filters
// have in SQL too (database/sql/filter/json-sql.ts): what is not listed in docs/storage.md is refused.

import { type DescEnum, type JsonValue, type Registry, ScalarType } from "@bufbuild/protobuf";
import { Unrepresentable } from "./codec.ts";
import { INT64_MAX, INT64_MIN } from "./sql-value.ts";
import { findStoredValue } from "./stored-types.ts";

const INTEGER_RANGES: Readonly<Partial<Record<ScalarType, readonly [bigint, bigint]>>> = {
  [ScalarType.INT32]: [-(2n ** 31n), 2n ** 31n - 1n],
  [ScalarType.SINT32]: [-(2n ** 31n), 2n ** 31n - 1n],
  [ScalarType.SFIXED32]: [-(2n ** 31n), 2n ** 31n - 1n],
  [ScalarType.UINT32]: [0n, 2n ** 32n - 1n],
  [ScalarType.FIXED32]: [0n, 2n ** 32n - 1n],
  [ScalarType.INT64]: [INT64_MIN, INT64_MAX],
  [ScalarType.SINT64]: [INT64_MIN, INT64_MAX],
  [ScalarType.SFIXED64]: [INT64_MIN, INT64_MAX],
  [ScalarType.UINT64]: [0n, 2n ** 64n - 1n],
  [ScalarType.FIXED64]: [0n, 2n ** 64n - 1n],
};

const LONG_TYPES: ReadonlySet<ScalarType> = new Set([
  ScalarType.INT64,
  ScalarType.SINT64,
  ScalarType.SFIXED64,
  ScalarType.UINT64,
  ScalarType.FIXED64,
]);

/** The value of a scalar field. @throws Unrepresentable */
export function readScalar(type: ScalarType, json: JsonValue): unknown {
  switch (type) {
    case ScalarType.STRING:
      return expectString(json);
    case ScalarType.BYTES:
      return readBase64(json);
    case ScalarType.BOOL:
      if (typeof json !== "boolean") throw new Unrepresentable("must be true or false");
      return json;
    case ScalarType.DOUBLE:
      return readNumber(json);
    case ScalarType.FLOAT:
      return readFloat(json);
    default: {
      const value = readInteger(json, type);
      return LONG_TYPES.has(type) ? value : Number(value);
    }
  }
}

const DIGITS = /^(?:0|-?[1-9]\d{0,19})$/;

/** A JSON number beyond 2^53 has lost digits already, so only a string may be that large. */
function readInteger(json: JsonValue, type: ScalarType): bigint {
  const isExact = typeof json === "number" ? Number.isSafeInteger(json) : isDigits(json);
  const value = isExact ? BigInt(json as number | string) : undefined;
  const [min, max] = INTEGER_RANGES[type] ?? [0n, 0n];
  if (value === undefined) {
    throw new Unrepresentable("must be an integer, as a string if it is beyond 2^53");
  }
  if (value < min || value > max) throw new Unrepresentable(`must be from ${min} to ${max}`);
  return value;
}

function isDigits(json: JsonValue): boolean {
  return typeof json === "string" && DIGITS.test(json);
}

/** As JSON writes numbers. */
const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

const NAMED_NUMBERS: ReadonlySet<JsonValue> = new Set(["NaN", "Infinity", "-Infinity"]);

function readNumber(json: JsonValue): number {
  if (NAMED_NUMBERS.has(json)) return Number(json);
  const isText = typeof json === "string" && NUMBER.test(json);
  const value = typeof json === "number" || isText ? Number(json) : Number.NaN;
  if (!Number.isFinite(value)) throw new Unrepresentable("must be a number that a double can hold");
  return value;
}

/** The nearest number that a float can be: JSON has the shortest text for it. */
function readFloat(json: JsonValue): number {
  const value = readNumber(json);
  const rounded = Math.fround(value);
  if (Number.isFinite(value) && !Number.isFinite(rounded)) {
    throw new Unrepresentable("must be a number that a float can hold");
  }
  return rounded;
}

/** The number of an enum's value. @throws Unrepresentable */
export function readEnum(desc: DescEnum, json: JsonValue, registry: Registry): number {
  const number =
    typeof json === "number" && Number.isSafeInteger(json) && (json | 0) === json
      ? json
      : (desc.values.find((candidate) => candidate.name === json)?.number ??
        findStoredValue(registry, desc, String(json)));
  if (number === undefined || (!desc.open && desc.value[number] === undefined)) {
    throw new Unrepresentable(`must be a value of ${desc.typeName}`);
  }
  return number;
}

/** The key of a map. @throws Unrepresentable */
export function readMapKey(type: ScalarType, key: string): unknown {
  switch (type) {
    case ScalarType.STRING:
      return key;
    case ScalarType.BOOL:
      if (key !== "true" && key !== "false") throw new Unrepresentable("must be true or false");
      return key === "true";
    default:
      return readScalar(type, key);
  }
}

const BASE64 = /^[A-Za-z0-9+/_-]*={0,2}$/;

/** Base64 of either alphabet, with padding or without. @throws Unrepresentable */
export function readBase64(json: JsonValue | undefined): Uint8Array {
  const text = expectString(json);
  const bytes = Buffer.from(text, "base64");
  const digits = text.replace(/=+$/, "").replaceAll("-", "+").replaceAll("_", "/");
  // Buffer passes over what is not base64, and over bits that are beyond the last byte.
  if (!BASE64.test(text) || bytes.toString("base64").replace(/=+$/, "") !== digits) {
    throw new Unrepresentable("must be base64");
  }
  return new Uint8Array(bytes);
}

/** The value if it is a string. @throws Unrepresentable */
export function expectString(json: JsonValue | undefined): string {
  if (typeof json !== "string") throw new Unrepresentable("must be a string");
  return json;
}
