// Random filters for a message type: over every kind of field, with values at and near those that
// some stored message has, and texts that are no filters.

import {
  type DescField,
  type DescMessage,
  type Registry,
  ScalarType,
  toJson,
} from "@bufbuild/protobuf";
import type { ReflectMessage } from "@bufbuild/protobuf/reflect";
import { base64Encode } from "@bufbuild/protobuf/wire";
import { columnOf, referenceOf } from "../../../src/schema/options.ts";

/** Random numbers from 0 to 1 (mulberry32), so that a seed names a filter. */
export function randomOf(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The fields of the well-known types that have a literal of their own. */
interface Parts {
  readonly seconds: bigint;
  readonly nanos: number;
  readonly units: bigint;
  readonly year: number;
  readonly month: number;
  readonly day: number;
}

/** A date that every month has. */
const DAY = /^[1-9]\d{0,3}-(?:[1-9]|1[0-2])-(?:[1-9]|1\d|2[0-8])$/;

const DURATION_SECONDS_MAX = 315_576_000_000n;

const EQUALITY = ["=", "!=", ":"];
const ORDER = ["=", "!=", "<", "<=", ">", ">=", ":"];
const SPECIAL_MEMBERS = ["a", "é\0", "$unknown", "__proto__", "no such"];

/** Makes filters over `desc`, most of them about what is in one of `samples`. */
export class FilterMaker {
  readonly #random: () => number;
  readonly #desc: DescMessage;
  readonly #samples: readonly ReflectMessage[];
  readonly #registry: Registry;
  /** If given, it is in every string, key and member's name. */
  readonly #marker: string;

  constructor(
    seed: number,
    desc: DescMessage,
    samples: readonly ReflectMessage[],
    registry: Registry,
    marker = "",
  ) {
    this.#random = randomOf(seed);
    this.#desc = desc;
    this.#samples = samples;
    this.#registry = registry;
    this.#marker = marker;
  }

  chance(probability: number): boolean {
    return this.#random() < probability;
  }

  below(limit: number): number {
    return Math.floor(this.#random() * limit);
  }

  pick<T>(values: readonly T[]): T {
    return values[this.below(values.length)] as T;
  }

  /** A filter with one restriction or a few. */
  filter(depth = 0): string {
    const roll = this.#random();
    if (depth > 2 || roll < 0.55) return this.#term(depth);
    const count = 2 + this.below(2);
    const parts = Array.from({ length: count }, () => this.#term(depth));
    return parts.join(this.pick([" AND ", " OR ", " ", "  AND\n", " OR "]));
  }

  #term(depth: number): string {
    const roll = this.#random();
    if (depth < 3 && roll < 0.12) return `(${this.filter(depth + 1)})`;
    if (depth < 3 && roll < 0.2) return `NOT (${this.filter(depth + 1)})`;
    if (roll < 0.26) return `NOT ${this.#restriction()}`;
    if (roll < 0.3) return `-${this.#restriction()}`;
    if (roll < 0.33) return this.#quote(this.pick(["a", "Björk", "日本", "%", "X", "1", "gud"]));
    return this.#restriction();
  }

  #restriction(): string {
    return this.#inMessage(this.#desc, this.pick(this.#samples), "", false, 0);
  }

  #inMessage(
    desc: DescMessage,
    sample: ReflectMessage | undefined,
    prefix: string,
    repeated: boolean,
    depth: number,
  ): string {
    const set = sample ? desc.fields.filter((field) => sample.isSet(field)) : [];
    const field = this.pick(set.length > 0 && this.chance(0.75) ? set : desc.fields);
    const path = `${prefix}${field.name}`;
    const isSet = sample?.isSet(field) ?? false;
    if (field.fieldKind === "list") {
      const items = isSet ? [...(sample as ReflectMessage).get(field)] : [];
      if (this.chance(0.15)) return `${path}:*`;
      return this.#element(
        field,
        items.length > 0 ? this.pick(items) : undefined,
        path,
        true,
        depth,
      );
    }
    if (field.fieldKind === "map") {
      const entries = isSet ? [...(sample as ReflectMessage).get(field)] : [];
      if (this.chance(0.1)) return `${path}:*`;
      const entry = entries.length > 0 && this.chance(0.8) ? this.pick(entries) : undefined;
      const key = this.#key(field.mapKey, entry?.[0]);
      if (this.chance(0.2)) return `${path}:${key}`;
      return this.#element(field, entry?.[1], `${path}.${key}`, repeated, depth, true);
    }
    if (this.chance(0.1)) return `${path}:*`;
    const value = isSet || !field.message ? sample?.get(field) : undefined;
    return this.#element(field, value, path, repeated, depth);
  }

  #key(type: ScalarType, value: unknown): string {
    if (type === ScalarType.STRING) return this.#name(value === undefined ? "k" : String(value));
    if (value !== undefined) return this.chance(0.5) ? String(value) : `"${value}"`;
    return type === ScalarType.BOOL ? "true" : this.pick(["0", "1", "7", "4294967295"]);
  }

  #name(text: string): string {
    const name = this.#marker + text;
    return /^\w+$/.test(name) && this.chance(0.7) ? name : this.#quote(name);
  }

  /** A test of a value: a singular field's, or one in a list or map. */
  #element(
    field: DescField,
    value: unknown,
    path: string,
    repeated: boolean,
    depth: number,
    isKeyed = false,
  ): string {
    const message = value as ReflectMessage | undefined;
    const typeName = field.message?.typeName ?? "";
    switch (typeName) {
      case "google.protobuf.Struct":
      case "google.protobuf.Value":
        return this.#json(this.#jsonOf(message), path, repeated, typeName.endsWith("Struct"));
      case "google.protobuf.ListValue": {
        const list = this.#jsonOf(message);
        return `${path}:${this.#jsonLiteral(Array.isArray(list) ? this.pick(list) : 1)}`;
      }
      case "google.protobuf.Any":
      case "google.protobuf.FieldMask":
        return isKeyed || field.fieldKind !== "list" ? `${path}:*` : `${path}:*`;
    }
    if (field.message && !/^google\.protobuf\.(?!Empty)/.test(typeName)) {
      const isValue = typeName === "google.type.Date" || typeName === "google.type.Money";
      if (!isValue || this.chance(0.4)) {
        const isEnd = depth >= 4 || field.message.fields.length === 0 || this.chance(0.08);
        return isEnd
          ? `${path}:*`
          : this.#inMessage(field.message, message, `${path}.`, repeated, depth + 1);
      }
    }
    const operators = this.#operators(field);
    const operator = repeated ? ":" : this.pick(operators);
    const space = this.pick(["", "", " "]);
    return `${path}${space}${operator}${space}${this.#literal(field, value, operator)}`;
  }

  #operators(field: DescField): readonly string[] {
    if (field.enum || (field.name === "name" && field.number === 1)) return EQUALITY;
    if (field.name === "etag" || referenceOf(field)) return EQUALITY;
    const scalar = field.message ? field.message.fields[0]?.scalar : field.scalar;
    const isEquality = scalar === ScalarType.BOOL || scalar === ScalarType.BYTES;
    return isEquality ? EQUALITY : ORDER;
  }

  #literal(field: DescField, value: unknown, operator: string): string {
    if (field.message)
      return this.#messageLiteral(field.message, value as ReflectMessage, operator);
    if (field.enum) {
      const desc = field.enum;
      const own = desc.values.find(({ number }) => number === value);
      return own && this.chance(0.6) ? own.name : this.pick(desc.values).name;
    }
    const reference = referenceOf(field);
    if (field.name === "etag") return this.#quote(this.chance(0.9) ? String(value ?? "x") : "x");
    if (field.name === "name" && field.number === 1) {
      return `${String(value ?? "").split("/")[0] || "everythings"}/${1 + this.below(300)}`;
    }
    if (reference && columnOf(field)) {
      return value && this.chance(0.8) ? this.pick([`"${value}"`, `${value}`]) : '""';
    }
    return this.#scalar(field.scalar as ScalarType, value, operator);
  }

  #messageLiteral(desc: DescMessage, value: ReflectMessage | undefined, operator: string): string {
    const message = value?.message as unknown as Parts | undefined;
    const use = message !== undefined && this.chance(0.8);
    switch (desc.typeName) {
      case "google.protobuf.Timestamp": {
        const seconds = use ? message.seconds : 1_700_000_000n;
        if (seconds > 253_402_300_000n || seconds < -62_135_500_000n) return "9999-12-31T23:59:59Z";
        const nanos = String(use ? message.nanos : 0).padStart(9, "0");
        const date = new Date(Number(seconds) * 1000 + 7_200_000).toISOString().slice(0, 19);
        const utc = new Date(Number(seconds) * 1000).toISOString().slice(0, 19);
        const fraction = this.pick([`.${nanos}`, `.${nanos}`, "", ".5"]).replace("-", "");
        const text = this.chance(0.5) ? `${utc}${fraction}Z` : `${date}${fraction}+02:00`;
        return this.chance(0.5) ? `"${text}"` : text;
      }
      case "google.protobuf.Duration": {
        const isInRange =
          use && message.seconds < DURATION_SECONDS_MAX && message.seconds > -DURATION_SECONDS_MAX;
        const seconds = isInRange ? message.seconds : 20n;
        const nanos = use ? Math.abs(message.nanos) : 0;
        const digits = String(nanos).padStart(9, "0");
        const sign = use && seconds === 0n && message.nanos < 0 ? "-" : "";
        return `${sign}${seconds}${this.pick([`.${digits}`, `.${digits}`, "", ".000000001"])}s`;
      }
      case "google.type.Date": {
        const pad = (part: number, length: number) => String(part).padStart(length, "0");
        const isDay = use && DAY.test(`${message.year}-${message.month}-${message.day}`);
        if (!isDay) return "2024-05-01";
        return `"${pad(message.year, 4)}-${pad(message.month, 2)}-${pad(message.day, 2)}"`;
      }
      case "google.type.Money": {
        const nanos = use ? Math.abs(message.nanos) : 990_000_000;
        const units = use ? BigInt.asIntN(63, message.units) : 0n;
        const sign = units === 0n && use && message.nanos < 0 ? "-" : "";
        const digits = String(nanos % 1e9).padStart(9, "0");
        const trimmed = digits.replace(/0+$/, "");
        const fraction = this.pick([`.${digits}`, trimmed ? `.${trimmed}` : "", `.${digits}1`, ""]);
        return `${sign}${units}${fraction}`;
      }
      default: {
        const inner = desc.fields[0] as DescField;
        return this.#scalar(
          inner.scalar as ScalarType,
          use ? value?.get(inner) : undefined,
          operator,
        );
      }
    }
  }

  #scalar(type: ScalarType, value: unknown, operator: string): string {
    const use = value !== undefined && this.chance(0.75);
    switch (type) {
      case ScalarType.STRING:
        return this.#text(use ? String(value) : this.pick(["", "a", "ab", "Björk", "9"]), operator);
      case ScalarType.BOOL:
        return this.pick(["true", "false"]);
      case ScalarType.BYTES:
        return `"${use ? base64Encode(value as Uint8Array) : this.pick(["", "AA==", "AAEC"])}"`;
      case ScalarType.DOUBLE:
      case ScalarType.FLOAT:
        if (use) return Object.is(value, -0) ? "-0" : String(value);
        return this.pick(["0", "-1.5", "1e10", ".5", "0.1", "-Infinity", "NaN", "2."]);
      default: {
        const [min, max] = RANGES[type] ?? [-(2n ** 63n), 2n ** 63n - 1n];
        const near = use
          ? BigInt(value as bigint) + BigInt(this.below(3) - 1)
          : BigInt(this.below(9));
        return String(near < min ? min : near > max ? max : near);
      }
    }
  }

  #text(text: string, operator: string): string {
    const isPattern = (operator === "=" || operator === "!=") && this.chance(0.4);
    if (!isPattern) return this.#quote(this.#marker + text);
    const characters = Array.from(text);
    const [from, to] = [this.below(characters.length + 1), this.below(characters.length + 1)];
    const part = characters.slice(Math.min(from, to), Math.max(from, to)).join("");
    const inner = this.#quote(this.#marker + part).slice(1, -1);
    const quote = '"';
    const safe = inner.replace(/(?<!\\)"/g, '\\"');
    const letters = safe.includes("\\") ? [] : Array.from(safe);
    const half = letters.length >> 1;
    const middle = `${letters[0] ?? ""}*${letters[half] ?? ""}*${letters.at(-1) ?? ""}`;
    return (
      quote + this.pick([`${safe}*`, `*${safe}`, `*${safe}*`, middle, "*", `${safe}**`]) + quote
    );
  }

  /** In quotes, with what must be escaped, and now and then with what may be. */
  #quote(text: string): string {
    const quote = this.pick(['"', "'"]);
    const body = text
      .replaceAll("\\", "\\\\")
      .replaceAll("*", "\\*")
      .replaceAll(quote, `\\${quote}`)
      .replaceAll("\n", this.pick(["\n", "\\n"]))
      .replaceAll("\0", this.pick(["\0", "\\u0000"]));
    return quote + body + quote;
  }

  #jsonOf(message: ReflectMessage | undefined): unknown {
    try {
      return message && toJson(message.desc, message.message, { registry: this.#registry });
    } catch {
      return undefined;
    }
  }

  #json(json: unknown, path: string, repeated: boolean, isStruct: boolean): string {
    const isObject = typeof json === "object" && json !== null && !Array.isArray(json);
    const names = (isObject ? Object.keys(json) : []).filter((name) => name !== "$wire");
    const name = this.pick(names.length > 0 && this.chance(0.85) ? names : SPECIAL_MEMBERS);
    const goOn = isStruct || (isObject && this.chance(0.6));
    if (isStruct && this.chance(0.1)) return `${path}:${this.#name(name)}`;
    if (goOn) {
      const member = isObject ? (json as Record<string, unknown>)[name] : undefined;
      return this.#json(member, `${path}.${this.#name(name)}`, repeated, false);
    }
    if (this.chance(0.1)) return `${path}:*`;
    const operator = repeated ? ":" : this.pick(ORDER);
    const literal = this.#jsonLiteral(json);
    const isScale = /^["'\d-]/.test(literal);
    return `${path} ${/[<>]/.test(operator) && !isScale ? "=" : operator} ${literal}`;
  }

  #jsonLiteral(json: unknown): string {
    if (typeof json === "string" && this.chance(0.8)) return this.#quote(this.#marker + json);
    if (typeof json === "number" && this.chance(0.8)) return String(Object.is(json, -0) ? 0 : json);
    return this.pick(["null", "true", "false", "0", "1.5", '"a"', "'1'", "-3e2"]);
  }

  /** A filter that was damaged, or a text that is none. */
  broken(): string {
    const alphabet = ["(", ")", '"', "'", "*", ":", "=", "<", ">", "!", "-", ".", ",", " ", "\\"];
    const words = [
      "AND",
      "OR",
      "NOT",
      "name",
      "c_int32",
      "j_node",
      "1",
      "é",
      "\0",
      "🎸",
      "f(",
      "[0]",
    ];
    if (this.chance(0.3)) {
      const count = this.below(12);
      return Array.from({ length: count }, () => this.pick([...alphabet, ...words])).join("");
    }
    let text = this.filter();
    for (let n = 1 + this.below(3); n > 0; n--) {
      const at = this.below(text.length + 1);
      const gap = this.below(3);
      const added = this.chance(0.5) ? this.pick([...alphabet, ...words]) : "";
      text = text.slice(0, at) + added + text.slice(at + gap);
    }
    return text;
  }
}

const RANGES: Readonly<Partial<Record<ScalarType, readonly [bigint, bigint]>>> = {
  [ScalarType.INT32]: [-(2n ** 31n), 2n ** 31n - 1n],
  [ScalarType.SINT32]: [-(2n ** 31n), 2n ** 31n - 1n],
  [ScalarType.SFIXED32]: [-(2n ** 31n), 2n ** 31n - 1n],
  [ScalarType.UINT32]: [0n, 2n ** 32n - 1n],
  [ScalarType.FIXED32]: [0n, 2n ** 32n - 1n],
  [ScalarType.UINT64]: [0n, 2n ** 64n - 1n],
  [ScalarType.FIXED64]: [0n, 2n ** 64n - 1n],
};
