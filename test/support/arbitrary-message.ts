// Random messages of any type, made from its descriptor: every kind of field, unknown fields at any
// depth, and the values at the edges of each type.

import {
  create,
  type DescEnum,
  type DescField,
  type DescMessage,
  type Message,
  type Registry,
  ScalarType,
  toBinary,
} from "@bufbuild/protobuf";
import { type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import type { Arbitrary } from "fast-check";
import fc from "fast-check";
import type { ColumnOptions } from "../../gen/protostore/v1/options_pb.ts";
import { columnOf } from "../../src/schema/options.ts";

/** How messages are made. */
export interface ArbitraryOptions {
  readonly registry: Registry;
  /** True if columns get only what they can hold, and fields what their types allow. */
  readonly storable: boolean;
  /** True if no text has U+0000. */
  readonly hasNoNul?: boolean;
  /** The fields that are left as they are. */
  readonly skip?: (field: DescField) => boolean;
}

const MAX_DEPTH = 3;

/** Messages of a type. */
export function arbitraryMessage(desc: DescMessage, options: ArbitraryOptions): Arbitrary<Message> {
  // One seed per message keeps fast-check's own work small: 10,000 messages have a million values.
  return fc.integer().map((seed) => new ArbitraryMaker(seed, options).message(desc, 0).message);
}

/** A small generator of random numbers (mulberry32), so that a seed names its message. */
function randomOf(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Dates of all the kinds that google/type/date.proto allows. */
const DATES = [
  {},
  { year: 2024 },
  { year: 2024, month: 2 },
  { year: 2024, month: 2, day: 29 },
  { month: 2, day: 29 },
  { month: 12 },
  { year: 1, month: 1, day: 1 },
  { year: 9999, month: 12, day: 31 },
];

const AMOUNTS = [
  {},
  { units: 1n, nanos: 1 },
  { units: -7n, nanos: -999_999_999 },
  { units: 0n, nanos: -10_000_000 },
  { units: 2n ** 63n - 1n, nanos: 999_999_999 },
  { units: -(2n ** 63n) },
];

/** Makes messages and their parts from a seed. */
export class ArbitraryMaker {
  readonly #random: () => number;
  readonly #options: ArbitraryOptions;

  constructor(seed: number, options: ArbitraryOptions) {
    this.#random = randomOf(seed);
    this.#options = options;
  }

  #chance(probability: number): boolean {
    return this.#random() < probability;
  }

  #below(limit: number): number {
    return Math.floor(this.#random() * limit);
  }

  #pick<T>(values: readonly T[]): T {
    return values[this.#below(values.length)] as T;
  }

  message(desc: DescMessage, depth: number): ReflectMessage {
    const special = this.#special(desc, depth);
    if (special) return reflect(desc, special);
    const message = reflect(desc, create(desc));
    for (const field of desc.fields) {
      if (this.#options.skip?.(field)) continue;
      const probability = columnOf(field) ? 0.8 : depth === 0 ? 0.35 : 0.3;
      if (this.#chance(probability)) this.#fill(message, field, depth);
    }
    if (this.#chance(0.15)) message.setUnknown(this.#unknown(desc));
    return message;
  }

  #fill(message: ReflectMessage, field: DescField, depth: number): void {
    if (field.message && depth >= MAX_DEPTH) return;
    switch (field.fieldKind) {
      case "list": {
        const list = message.get(field);
        for (let n = this.#below(4); n > 0; n--) list.add(this.#element(field, depth));
        return;
      }
      case "map": {
        const map = message.get(field);
        for (let n = this.#below(4); n > 0; n--) {
          map.set(this.#scalar(field.mapKey), this.#element(field, depth));
        }
        return;
      }
      default:
        message.set(field, this.#element(field, depth));
    }
  }

  #element(field: DescField, depth: number): unknown {
    const column = columnOf(field);
    if (column && this.#options.storable) return this.#storable(field, column);
    if (field.message) return this.message(field.message, depth + 1);
    if (field.enum) return this.#enum(field.enum);
    return this.#scalar(field.scalar as ScalarType);
  }

  /** A value that the field's column can hold. */
  #storable(field: DescField, column: ColumnOptions): unknown {
    switch (field.message?.typeName) {
      case "google.protobuf.Timestamp": {
        const { seconds, nanos } = this.#timestamp();
        const isCounted = column.timeFormat !== 0;
        return this.#of(field, { seconds, nanos: isCounted ? nanos - (nanos % 1_000_000) : nanos });
      }
      case "google.protobuf.Duration": {
        const milliseconds = this.#pick([
          0n,
          1n,
          -1n,
          343_719n,
          -315_576_000_000_000n,
          -999n,
          315_576_000_000_000n,
        ]);
        const nanos = Number(milliseconds % 1000n) * 1_000_000;
        return this.#of(field, { seconds: milliseconds / 1000n, nanos });
      }
      case "google.type.Date":
        return this.#of(field, {
          year: 1 + this.#below(9999),
          month: 1 + this.#below(12),
          day: 1 + this.#below(28),
        });
      case "google.type.Money": {
        const sign = this.#pick([1, -1]);
        const units = BigInt(this.#pick([0, 1, 7, 99_999_999, this.#below(99_999_999)]) * sign);
        const nanos = this.#below(100) * 10_000_000 * sign || 0;
        return this.#of(field, { currencyCode: column.currencyCode, units, nanos });
      }
    }
    if (field.enum) return this.#enum(field.enum);
    const value = this.#scalar(field.scalar as ScalarType);
    if (typeof value === "number") return Number.isNaN(value) || Object.is(value, -0) ? 1.5 : value;
    if (typeof value === "bigint") return BigInt.asIntN(64, value) < 0n && value > 0n ? 1n : value;
    if (typeof value === "string" && column.maxLength > 0) {
      return [...value].slice(0, column.maxLength).join("");
    }
    return value;
  }

  #of(field: DescField, init: object): ReflectMessage {
    const desc = field.message as DescMessage;
    const message = reflect(desc, create(desc, init as never));
    if (this.#chance(0.15)) message.setUnknown(this.#unknown(desc));
    return message;
  }

  #timestamp() {
    const seconds = this.#pick([
      0n,
      -62_135_596_800n,
      253_402_300_799n,
      BigInt(this.#below(2 ** 31)),
      -BigInt(this.#below(2 ** 31)),
    ]);
    return { seconds, nanos: this.#pick([0, 1, 999_999_999, 500_000_000, 123_000, 120_000_000]) };
  }

  /** Well-known types: often as they should be, sometimes with no JSON form. */
  #special(desc: DescMessage, depth: number): Message | undefined {
    const make = (init: object) => create(desc, init as never) as Message;
    switch (desc.typeName) {
      case "google.protobuf.Timestamp":
        return make(this.#isInRange() ? this.#timestamp() : { seconds: 2n ** 62n, nanos: -5 });
      case "google.protobuf.Duration":
        return make(
          this.#isInRange()
            ? { seconds: BigInt(this.#below(1000)), nanos: this.#below(1e9) }
            : { seconds: 2n ** 60n, nanos: -1 },
        );
      case "google.type.Date":
        return this.#isInRange() ? make(this.#pick(DATES)) : undefined;
      case "google.type.Money": {
        const currencyCode = this.#pick(["USD", "", "JPY"]);
        return this.#isInRange() ? make({ currencyCode, ...this.#pick(AMOUNTS) }) : undefined;
      }
      case "google.protobuf.FieldMask":
        return make({
          paths: [this.#pick(["a", "foo_bar", "a.b_c"]), this.#pick(["x", "fooBar", "a__b", ""])],
        });
      case "google.protobuf.Any":
        return make(this.#any(depth));
      case "google.protobuf.Struct":
        return make({ fields: this.#structFields(depth) });
      default:
        return undefined;
    }
  }

  #isInRange(): boolean {
    return this.#options.storable || this.#chance(0.9);
  }

  #structFields(depth: number): Record<string, Message> {
    const value = this.#options.registry.getMessage("google.protobuf.Value");
    if (!value || depth >= MAX_DEPTH) return {};
    const keys = ["a", "$wire", "$unknown", "__proto__", "é\u0000"];
    const count = this.#below(3);
    return Object.fromEntries(
      Array.from({ length: count }, () => [
        this.#text(this.#pick(keys)),
        this.#value(value, depth),
      ]),
    );
  }

  /** A Value with a kind: the library itself turns one without into null. */
  #value(desc: DescMessage, depth: number): Message {
    const cases = [
      { case: "nullValue", value: 0 },
      { case: "numberValue", value: this.#pick([0, -0, 1.5, 1e300, Number.NaN, Infinity]) },
      { case: "stringValue", value: this.#string() },
      { case: "boolValue", value: this.#chance(0.5) },
    ];
    const struct = this.#options.registry.getMessage("google.protobuf.Struct");
    if (struct && depth + 1 < MAX_DEPTH && this.#chance(0.2)) {
      const value = create(struct, { fields: this.#structFields(depth + 1) } as never);
      return create(desc, { kind: { case: "structValue", value } } as never);
    }
    return create(desc, { kind: this.#pick(cases) } as never);
  }

  #any(depth: number): { typeUrl: string; value: Uint8Array } {
    const names = [
      "google.protobuf.Timestamp",
      "google.protobuf.Value",
      "google.type.Money",
      "google.protobuf.Empty",
    ];
    const desc = this.#options.registry.getMessage(this.#pick(names));
    if (!desc || this.#chance(0.3)) {
      const typeUrl = this.#pick(["type.googleapis.com/no.such.Type", "", "x"]);
      return { typeUrl, value: this.#bytes() };
    }
    const value =
      desc.typeName === "google.protobuf.Value"
        ? this.#value(desc, depth)
        : this.message(desc, depth + 1).message;
    return { typeUrl: `type.googleapis.com/${desc.typeName}`, value: toBinary(desc, value) };
  }

  #unknown(desc: DescMessage) {
    const taken = new Set(desc.fields.map(({ number }) => number));
    const numbers = [1000, 5000, 536_870_911].filter((number) => !taken.has(number));
    return Array.from({ length: 1 + this.#below(2) }, () => {
      const no = this.#pick(numbers);
      const writer = new BinaryWriter();
      switch (this.#below(4)) {
        case 0:
          return { no, wireType: WireType.Varint, data: writer.uint64(2n ** 64n - 1n).finish() };
        case 1:
          return { no, wireType: WireType.Bit64, data: writer.fixed64(7n).finish() };
        case 2:
          return { no, wireType: WireType.Bit32, data: writer.fixed32(7).finish() };
        default:
          return {
            no,
            wireType: WireType.LengthDelimited,
            data: writer.bytes(this.#bytes()).finish(),
          };
      }
    });
  }

  #enum(desc: DescEnum): number {
    return this.#pick([...desc.values.map(({ number }) => number), 99, -(2 ** 31), 2 ** 31 - 1]);
  }

  #text(text: string): string {
    return this.#options.hasNoNul ? text.replaceAll("\0", "") : text;
  }

  #string(): string {
    return this.#text(this.#anyString());
  }

  #anyString(): string {
    return this.#pick([
      "",
      "a",
      // Equal to it by case, or but for spaces; and some that UTF-16 sorts otherwise than code points.
      "A",
      "a ",
      "aÿz",
      "aāz",
      "🎸a",
      "\uffee",
      "Björk Guðmundsdóttir",
      "\u0000\u0001\n\"\\'%;--",
      "$unknown",
      "__proto__",
      "日本語 🎸",
      "x".repeat(this.#below(60)),
      String(this.#below(1000)),
    ]);
  }

  #bytes(): Uint8Array<ArrayBuffer> {
    return Uint8Array.from({ length: this.#below(6) }, () => this.#below(256));
  }

  #scalar(type: ScalarType): string | number | bigint | boolean | Uint8Array {
    switch (type) {
      case ScalarType.STRING:
        return this.#string();
      case ScalarType.BYTES:
        return this.#bytes();
      case ScalarType.BOOL:
        return this.#chance(0.5);
      case ScalarType.DOUBLE:
        return this.#pick([
          0,
          -0,
          1.5,
          0.1,
          5e-324,
          1.7976931348623157e308,
          1e21,
          NaN,
          Infinity,
          -Infinity,
        ]);
      case ScalarType.FLOAT:
        return this.#pick([
          0,
          -0,
          1.5,
          Math.fround(0.1),
          Math.fround(3.4e38),
          NaN,
          Infinity,
          -Infinity,
        ]);
      case ScalarType.UINT32:
      case ScalarType.FIXED32:
        return this.#pick([0, 1, 2 ** 31, 2 ** 32 - 1]);
      case ScalarType.INT32:
      case ScalarType.SINT32:
      case ScalarType.SFIXED32:
        return this.#pick([0, 1, -1, -(2 ** 31), 2 ** 31 - 1]);
      case ScalarType.UINT64:
      case ScalarType.FIXED64:
        return this.#pick([0n, 1n, 2n ** 53n + 1n, 2n ** 63n - 1n, 2n ** 63n, 2n ** 64n - 1n]);
      default:
        return this.#pick([0n, 1n, -1n, 2n ** 53n + 1n, -(2n ** 63n), 2n ** 63n - 1n]);
    }
  }
}
