// The text of a value → the value, by the kind of the field that it is compared with.
// Accepts one spelling per kind, listed in docs/filtering.md; says of others what is expected.

import { parseName, type ResourceType } from "../../schema/resource-name.ts";
import type { Literal } from "./ast.ts";
import { type Decimal, parseDecimal, scaleDecimal } from "./decimal.ts";
import { describeLeaf, type Leaf } from "./kinds.ts";

/** A value to compare with. */
export type Value =
  /** Pieces between wildcards; a single piece is a text without. */
  | { readonly kind: "text"; readonly pieces: readonly string[] }
  | { readonly kind: "integer"; readonly value: bigint }
  | { readonly kind: "number"; readonly value: number }
  | { readonly kind: "bool"; readonly value: boolean }
  | { readonly kind: "bytes"; readonly value: Uint8Array }
  | { readonly kind: "enum"; readonly number: number; readonly names: readonly string[] }
  /** In UTC, `YYYY-MM-DD HH:MM:SS.nnnnnnnnn`. */
  | { readonly kind: "timestamp"; readonly value: string }
  /** Nanoseconds. */
  | { readonly kind: "duration"; readonly nanos: bigint }
  /** `YYYY-MM-DD` */
  | { readonly kind: "date"; readonly value: string }
  | { readonly kind: "money"; readonly amount: Decimal }
  /** The key of a row, null of none; or a revision. */
  | { readonly kind: "key"; readonly key: bigint | null }
  | { readonly kind: "json"; readonly value: string | number | boolean | null };

/** Thrown for a literal that is no value of its field; the caller knows the place. */
export class BadLiteral extends Error {}

/**
 * The value of a literal.
 * @throws BadLiteral
 */
export function readLiteral(leaf: Leaf, literal: Literal): Value {
  const isText = leaf.kind === "text" || (leaf.kind === "value" && literal.quoted);
  if (!isText && literal.pieces.length > 1) throw new BadLiteral("* is for strings");
  if (literal.quoted && UNQUOTED.has(leaf.kind)) {
    throw new BadLiteral(`${describeLeaf(leaf)} is written without quotes`);
  }
  return readers[leaf.kind](literal, leaf as never);
}

const UNQUOTED: ReadonlySet<Leaf["kind"]> = new Set([
  "int",
  "uint64",
  "double",
  "float",
  "bool",
  "money",
]);

type Readers = {
  readonly [K in Leaf["kind"]]: (
    literal: Literal,
    leaf: Extract<Leaf, { readonly kind: K }>,
  ) => Value;
};

const readers: Readers = {
  text: ({ pieces }) => ({ kind: "text", pieces }),
  int: ({ text }, { min, max }) => readInteger(text, min, max),
  uint64: ({ text }) => readInteger(text, 0n, 2n ** 64n - 1n),
  double: ({ text }) => readNumber(text, (value) => value),
  float: ({ text }) => readNumber(text, Math.fround),
  bool: ({ text }) => {
    if (text !== "true" && text !== "false") throw new BadLiteral("a bool is true or false");
    return { kind: "bool", value: text === "true" };
  },
  bytes: ({ text }) => readBytes(text),
  enum: ({ text }, { desc }) => {
    const number = desc.values.find(({ name }) => name === text)?.number;
    if (number === undefined) {
      const names = desc.values.slice(0, 5).map(({ name }) => name);
      const more = desc.values.length > names.length ? ", …" : "";
      throw new BadLiteral(`${desc.name} has no such value; it has ${names.join(", ")}${more}`);
    }
    const names = desc.values.filter((value) => value.number === number).map(({ name }) => name);
    return { kind: "enum", number, names };
  },
  timestamp: ({ text }) => ({ kind: "timestamp", value: readTimestamp(text) }),
  duration: ({ text }) => readDuration(text),
  date: ({ text }) => {
    if (!isDate(text)) throw new BadLiteral('a Date is a day such as "2024-05-01"');
    return { kind: "date", value: text };
  },
  money: ({ text }) => {
    const amount = parseDecimal(text);
    if (!amount) throw new BadLiteral("a Money is compared with a decimal number such as 0.99");
    const [floor] = scaleDecimal(amount, 0);
    if (floor < -(2n ** 63n) || floor >= 2n ** 63n) throw new BadLiteral("the amount is too large");
    return { kind: "money", amount };
  },
  reference: ({ text }, { resource, own }) => ({ kind: "key", key: readName(text, resource, own) }),
  etag: ({ text }) => ({ kind: "key", key: readEtag(text) }),
  value: ({ text, quoted, pieces }) =>
    pieces.length > 1
      ? { kind: "text", pieces }
      : { kind: "json", value: readJsonValue(text, quoted) },
};

function readInteger(text: string, min: bigint, max: bigint): Value {
  // Longer texts are out of range, and BigInt need not read them.
  const value = /^-?\d{1,30}$/.test(text) ? BigInt(text) : undefined;
  if (value === undefined) throw new BadLiteral("an integer such as 42 is expected");
  if (value < min || value > max) throw new BadLiteral(`it must be from ${min} to ${max}`);
  return { kind: "integer", value };
}

const NUMBER = /^-?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$/;
const NUMBER_NAMES: ReadonlySet<string> = new Set(["NaN", "Infinity", "-Infinity"]);

function readNumber(text: string, round: (value: number) => number): Value {
  if (NUMBER_NAMES.has(text)) return { kind: "number", value: Number(text) };
  if (!NUMBER.test(text)) throw new BadLiteral("a number such as 1.5 is expected");
  const value = round(Number(text));
  if (!Number.isFinite(value)) throw new BadLiteral("the number is too large");
  // -0 and 0 are one value.
  return { kind: "number", value: value + 0 };
}

function readBytes(text: string): Value {
  const value = Buffer.from(text, "base64");
  if (value.toString("base64") !== text) throw new BadLiteral("bytes are written in base64");
  return { kind: "bytes", value: new Uint8Array(value) };
}

const TIMESTAMP =
  /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(?:Z|([+-])([01]\d|2[0-3]):([0-5]\d))$/;
const TIME = /^(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d$/;

function readTimestamp(text: string): string {
  const [, date = "", time = "", fraction = "", sign, hours, minutes] = TIMESTAMP.exec(text) ?? [];
  const expected = "a Timestamp is written as in 2024-05-01T12:30:00Z or 2024-05-01T12:30:00+02:00";
  if (!isDate(date) || !TIME.test(time)) throw new BadLiteral(expected);
  const offsetMs = (Number(hours ?? 0) * 60 + Number(minutes ?? 0)) * 60_000;
  const local = Date.parse(`${date}T${time}Z`);
  const utc = new Date(sign === "-" ? local + offsetMs : local - offsetMs).toISOString();
  if (!/^\d{4}-/.test(utc) || utc.startsWith("0000")) {
    throw new BadLiteral("a Timestamp is from the year 1 to the year 9999");
  }
  return `${utc.slice(0, 10)} ${utc.slice(11, 19)}.${fraction.padEnd(9, "0")}`;
}

function isDate(text: string): boolean {
  if (!/^\d{4}-\d\d-\d\d$/.test(text) || text.startsWith("0000")) return false;
  const time = Date.parse(`${text}T00:00:00Z`);
  return !Number.isNaN(time) && new Date(time).toISOString().startsWith(text);
}

function readName(text: string, resource: ResourceType, own: boolean): bigint | null {
  if (text === "" && !own) return null;
  try {
    return parseName(resource, text, "filter");
  } catch {
    throw new BadLiteral(`a name such as ${resource.collection}/7 is expected`);
  }
}

/** The revision that an etag is made of (schema/row.ts); one that no row has if it is none. */
function readEtag(text: string): bigint {
  return /^"(?:0|[1-9]\d{0,17})"$/.test(text) ? BigInt(text.slice(1, -1)) : -1n;
}

/** The range that google.protobuf.Duration has, in seconds. */
const DURATION_SECONDS_MAX = 315_576_000_000n;

function readDuration(text: string): Value {
  const match = /^(-?)(\d{1,12})(?:\.(\d{1,9}))?s$/.exec(text);
  if (!match) throw new BadLiteral("a Duration is written in seconds, as in 20s or 1.5s");
  const [, sign, seconds = "", fraction = ""] = match;
  const nanos = BigInt(seconds + fraction.padEnd(9, "0"));
  if (nanos > DURATION_SECONDS_MAX * 1_000_000_000n) {
    throw new BadLiteral("a Duration is at most 10,000 years");
  }
  return { kind: "duration", nanos: sign ? -nanos : nanos };
}

/** Without quotes: null, true, false, a number or else a string, as in JSON. */
function readJsonValue(text: string, quoted: boolean): string | number | boolean | null {
  if (quoted) return text;
  if (text === "null") return null;
  if (text === "true" || text === "false") return text === "true";
  if (!NUMBER.test(text)) return text;
  const value = Number(text);
  if (!Number.isFinite(value)) throw new BadLiteral("the number is too large");
  return value + 0;
}
