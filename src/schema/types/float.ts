// Doubles and floats: REAL in a column, which has no NaN and no -0; JSON has strings for what is no
// number there. A float that another program wrote with few digits is the nearest one.

import type { JsonValue } from "@bufbuild/protobuf";
import { type Bounds, exactly, signOf } from "./bounds.ts";
import { type ColumnCodec, Unrepresentable } from "./column-codec.ts";
import { doublesOfFloat } from "./doubles.ts";
import type { ScalarKind } from "./kind.ts";
import { BadLiteral, type LeafKind, type Value } from "./leaf.ts";

type Round = (value: number) => number;

function floatCodec(round: Round): ColumnCodec {
  return {
    affinities: ["REAL"],
    encode(value) {
      const number = value as number;
      // SQLite keeps NaN as NULL and -0 as 0.
      if (Number.isNaN(number)) throw new Unrepresentable("must not be NaN");
      if (Object.is(number, -0)) throw new Unrepresentable("must not be -0");
      return round(number);
    },
    decode(value) {
      if (typeof value !== "number") throw new Unrepresentable("must be a REAL");
      return expectRounded(value, round);
    },
  };
}

/** The nearest number of the type: the shortest text of a float is another double than the float. */
function expectRounded(value: number, round: Round): number {
  const rounded = round(value);
  if (Number.isFinite(value) && !Number.isFinite(rounded)) {
    throw new Unrepresentable("must be a number that a float can hold");
  }
  return rounded;
}

/** As JSON writes numbers. */
const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

const NAMED_NUMBERS: ReadonlySet<JsonValue> = new Set(["NaN", "Infinity", "-Infinity"]);

function readJson(json: JsonValue): number {
  if (NAMED_NUMBERS.has(json)) return Number(json);
  const isText = typeof json === "string" && NUMBER.test(json);
  const value = typeof json === "number" || isText ? Number(json) : Number.NaN;
  if (!Number.isFinite(value)) throw new Unrepresentable("must be a number that a double can hold");
  return value;
}

const isPlain = (value: unknown) => Number.isFinite(value) && !Object.is(value, -0);

/** Strings for what JSON has no number for; JSON.stringify would also turn -0 into 0. */
function writeJson(value: unknown): string {
  return isPlain(value) ? String(value) : `"${Object.is(value, -0) ? "-0" : value}"`;
}

function floatType(round: Round, kind: "double" | "float"): ScalarKind {
  const codec = floatCodec(round);
  return {
    column: { codec: () => codec },
    leaf: { kind },
    isZero: (value) => Object.is(value, 0),
    readJson: (json) => expectRounded(readJson(json), round),
    writeJson,
    writeExact: (value) =>
      isPlain(value) && round(value as number) === value ? `${value}` : undefined,
    key: undefined,
  };
}

const asDouble: Round = (value) => value;

export const double: ScalarKind = floatType(asDouble, "double");
export const float: ScalarKind = floatType(Math.fround, "float");

const LITERAL = /^-?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$/;

/** The number of a literal; undefined if it is none. @throws BadLiteral if it is beyond the type. */
export function readNumber(text: string, round: Round = asDouble): number | undefined {
  if (!LITERAL.test(text)) return undefined;
  const value = round(Number(text));
  if (!Number.isFinite(value)) throw new BadLiteral("the number is too large");
  // -0 and 0 are one value.
  return value + 0;
}

function readLiteral(text: string, round: Round): Value {
  const value = NAMED_NUMBERS.has(text) ? Number(text) : readNumber(text, round);
  if (value === undefined) throw new BadLiteral("a number such as 1.5 is expected");
  return ofDouble(value, round === Math.fround);
}

/** A NaN is above all numbers, and no column keeps it. */
function ofDouble(value: number, isFloat: boolean): Value {
  if (Number.isNaN(value)) {
    const bounds = exactly("NaN");
    return { kind: "range", column: bounds, json: bounds, sign: 1, isUnkept: true };
  }
  const bounds = isFloat && Number.isFinite(value) ? boundsOfFloat(value) : exactly(value);
  return { kind: "range", column: bounds, json: bounds, sign: signOf(value) };
}

/** Another program may have written any of the doubles that the float is nearest to. */
function boundsOfFloat(value: number): Bounds {
  const { least, greatest } = doublesOfFloat(value);
  return { least: [least], greatest: [greatest] };
}

export const doubleLeaf: LeafKind<"double"> = {
  describe: () => "a number",
  isOrdered: true,
  isBare: true,
  read: ({ text }) => readLiteral(text, asDouble),
  zero: () => ofDouble(0, false),
  sample: () => "1",
};

export const floatLeaf: LeafKind<"float"> = {
  ...doubleLeaf,
  read: ({ text }) => readLiteral(text, Math.fround),
  zero: () => ofDouble(0, true),
};
