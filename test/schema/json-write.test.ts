// The JSON of well-known types is the library's ProtoJSON wherever that is read back as it was, and
// their bytes wherever it is not: for single fields, in lists, in maps and in oneofs.

import {
  create,
  type DescField,
  fromJsonString,
  type Message,
  toBinary,
  toJsonString,
} from "@bufbuild/protobuf";
import { type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { hasSpecialJson } from "../../src/schema/json-special.ts";
import { writeJson } from "../../src/schema/json-write.ts";
import { ArbitraryMaker } from "../support/arbitrary-message.ts";
import { EVERYTHING, EVERYTHING_REGISTRY } from "../support/everything.ts";

/** Set SEED to run the same messages again; it is in the name of each test. */
const SEED = Number(process.env.SEED ?? Date.now() % 2 ** 31);

const registry = EVERYTHING_REGISTRY;
const fields = EVERYTHING.fields.filter(({ message }) => message && hasSpecialJson(message));

/** A message with this field alone. */
function make(only: DescField, seed: number): Message {
  const skip = (field: DescField) => field.parent === EVERYTHING && field !== only;
  return new ArbitraryMaker(seed, { registry, storable: false, skip }).message(EVERYTHING, 0)
    .message;
}

/** The library's ProtoJSON of a message, undefined if it is not read back as it was. */
function exactJson(message: Message): string | undefined {
  try {
    const text = toJsonString(EVERYTHING, message, { registry });
    const back = fromJsonString(EVERYTHING, text, { registry });
    const isSame = Buffer.compare(toBinary(EVERYTHING, back), toBinary(EVERYTHING, message)) === 0;
    return isSame ? text : undefined;
  } catch {
    return undefined;
  }
}

describe("the JSON of a well-known type", () => {
  for (const field of fields) {
    test(`is ProtoJSON or its bytes: ${field.name} (SEED=${SEED})`, () => {
      let exact = 0;
      const property = fc.property(fc.integer(), (seed) => {
        const message = make(field, seed);
        const target = reflect(EVERYTHING, message);
        target.setUnknown([]);
        const written = writeJson(message, [field], registry);
        const expected = exactJson(message);
        // A Struct may have this key itself: then only what is read back can tell.
        if (expected?.includes('{"$wire"')) return;
        if (expected === undefined) expect(written).toContain('{"$wire":"');
        else expect(written).toBe(expected);
        if (expected !== undefined && target.isSet(field)) exact++;
      });
      fc.assert(property, { numRuns: 300, seed: SEED });
      expect(exact).toBeGreaterThan(10);
    });
  }

  test("is its bytes at the edges of what is exact", () => {
    const edges: readonly [string, object, string][] = [
      ["j_timestamp", { seconds: -62_135_596_800n }, '"0001-01-01T00:00:00Z"'],
      ["j_timestamp", { seconds: -62_135_596_801n }, "$wire"],
      ["j_timestamp", { seconds: 253_402_300_799n, nanos: 1 }, '"9999-12-31T23:59:59.000000001Z"'],
      ["j_timestamp", { seconds: 253_402_300_800n }, "$wire"],
      ["j_timestamp", { nanos: -1 }, "$wire"],
      ["j_timestamp", { nanos: 1_000_000_000 }, "$wire"],
      ["j_duration", { nanos: -1_000 }, '"-0.000001s"'],
      ["j_duration", { seconds: -1n, nanos: -500_000_000 }, '"-1.500s"'],
      ["j_duration", { seconds: -1n, nanos: 1 }, "$wire"],
      ["j_duration", { seconds: 1n, nanos: -1 }, "$wire"],
      ["j_duration", { seconds: 315_576_000_000n, nanos: 1 }, '"315576000000.000000001s"'],
      ["j_duration", { seconds: -315_576_000_001n }, "$wire"],
      ["j_double_value", { value: -0 }, "$wire"],
      ["j_double_value", { value: Number.NaN }, '"NaN"'],
      ["j_float_value", { value: Math.fround(0.1) }, "0.10000000149011612"],
      ["j_string_value", { value: 'a"\\\u0000\u2028' }, '"a\\"\\\\\\u0000\u2028"'],
      ["j_int64_value", { value: -(2n ** 63n) }, '"-9223372036854775808"'],
      ["j_uint64_value", { value: 2n ** 64n - 1n }, '"18446744073709551615"'],
      ["j_uint32_value", { value: 2 ** 32 - 1 }, "4294967295"],
    ];
    for (const [name, init, expected] of edges) {
      const field = fields.find((candidate) => candidate.name === name) as DescField;
      const desc = field.message as NonNullable<DescField["message"]>;
      const target: ReflectMessage = reflect(EVERYTHING, create(EVERYTHING));
      target.set(field, reflect(desc, create(desc, init as never)));
      expect(writeJson(target.message, [field], registry), name).toContain(expected);
    }
  });

  test("is its bytes for a Struct that is deeper than a parser goes", () => {
    const field = fields.find(({ name }) => name === "j_struct") as DescField;
    const nest = (depth: number) => {
      let json: object = {};
      for (let i = 0; i < depth; i++) json = { a: json };
      return create(EVERYTHING, { jStruct: json } as never) as Message;
    };
    expect(writeJson(nest(90), [field], registry)).toContain('{"a":{"a":');
    expect(writeJson(nest(120), [field], registry)).toContain("$wire");
  });
});
