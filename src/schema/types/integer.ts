// Integers of 32 and 64 bits: INTEGER in a column; in JSON a number, or a string where a double would
// not be exact. A column cannot hold a uint64 above 2^63-1.

import type { JsonValue } from "@bufbuild/protobuf";
import { INT64_MAX, INT64_MIN } from "../sql-value.ts";
import { exactly, signOf } from "./bounds.ts";
import { type ColumnCodec, expectInRange, expectInteger, Unrepresentable } from "./column-codec.ts";
import type { ScalarKind } from "./kind.ts";
import { BadLiteral, type Leaf, type LeafKind, type Value } from "./leaf.ts";

const INT32_MIN = -(2n ** 31n);
const INT32_MAX = 2n ** 31n - 1n;
const UINT64_MAX = 2n ** 64n - 1n;

/** A 64-bit integer is a bigint, or a string if the field has jstype = JS_STRING. */
const isZero = (value: unknown) => value === 0 || value === 0n || value === "0";

function integer32(min: bigint, max: bigint): ScalarKind {
  const codec: ColumnCodec = {
    affinities: ["INTEGER", "NUMERIC"],
    encode: (value) => BigInt(value as number),
    decode: (value) => Number(expectInRange(expectInteger(value), min, max)),
  };
  const [least, greatest] = [Number(min), Number(max)];
  const isInRange = (value: unknown) =>
    Number.isInteger(value) && (value as number) >= least && (value as number) <= greatest;
  const readJson = (json: JsonValue) => Number(readInteger(json, min, max));
  return {
    column: { codec: () => codec },
    leaf: { kind: "int", min, max },
    isZero,
    readJson,
    writeJson: String,
    writeExact: (value) => (isInRange(value) ? String(value) : undefined),
    key: { isWritten: isDigits, read: readJson },
  };
}

function integer64(min: bigint, max: bigint, leaf: Leaf): ScalarKind {
  const codec: ColumnCodec = {
    affinities: ["INTEGER", "NUMERIC"],
    encode: (value) => expectInRange(BigInt(value as bigint | string), min, INT64_MAX),
    decode: (value) => expectInRange(expectInteger(value), min, INT64_MAX),
  };
  const isInRange = (value: unknown) => typeof value === "bigint" && value >= min && value <= max;
  const readJson = (json: JsonValue) => readInteger(json, min, max);
  return {
    column: { codec: () => codec },
    leaf,
    isZero,
    readJson,
    writeJson: (value) => `"${value}"`,
    writeExact: (value) => (isInRange(value) ? `"${value}"` : undefined),
    key: { isWritten: isDigits, read: readJson },
  };
}

export const int32: ScalarKind = integer32(INT32_MIN, INT32_MAX);
export const uint32: ScalarKind = integer32(0n, 2n ** 32n - 1n);
export const int64: ScalarKind = integer64(INT64_MIN, INT64_MAX, {
  kind: "int",
  min: INT64_MIN,
  max: INT64_MAX,
});
export const uint64: ScalarKind = integer64(0n, UINT64_MAX, { kind: "uint64" });

const DIGITS = /^(?:0|-?[1-9]\d{0,19})$/;

function isDigits(text: string): boolean {
  return DIGITS.test(text);
}

/** A JSON number beyond 2^53 has lost digits already, so only a string may be that large. */
function readInteger(json: JsonValue, min: bigint, max: bigint): bigint {
  const isExact =
    typeof json === "number"
      ? Number.isSafeInteger(json)
      : typeof json === "string" && isDigits(json);
  if (!isExact) {
    throw new Unrepresentable("must be an integer, as a string if it is beyond 2^53");
  }
  return expectInRange(BigInt(json as number | string), min, max);
}

function readLiteral(text: string, min: bigint, max: bigint): bigint {
  // Longer texts are out of range, and BigInt need not read them.
  const value = /^-?\d{1,30}$/.test(text) ? BigInt(text) : undefined;
  if (value === undefined) throw new BadLiteral("an integer such as 42 is expected");
  if (value < min || value > max) throw new BadLiteral(`it must be from ${min} to ${max}`);
  return value;
}

function signed(value: bigint): Value {
  const bounds = exactly(value);
  return { kind: "range", column: bounds, json: bounds, sign: signOf(value) };
}

/** 64-bit unsigned integers in JSON compare as text of so many digits, the width of the largest. */
export const UINT64_DIGITS = 20;

/** A column keeps them up to 2^63 - 1. */
function unsigned(value: bigint): Value {
  const column = exactly(value > INT64_MAX ? Number(value) : value);
  const json = exactly(String(value).padStart(UINT64_DIGITS, "0"));
  return { kind: "range", column, json, sign: signOf(value) };
}

export const intLeaf: LeafKind<"int"> = {
  describe: () => "an integer",
  isOrdered: true,
  isBare: true,
  read: ({ text }, { min, max }) => signed(readLiteral(text, min, max)),
  zero: () => signed(0n),
  sample: () => "1",
};

/** Of its own kind, since SQLite has no such integers above 2^63-1. */
export const uint64Leaf: LeafKind<"uint64"> = {
  ...intLeaf,
  read: ({ text }) => unsigned(readLiteral(text, 0n, UINT64_MAX)),
  zero: () => unsigned(0n),
};
