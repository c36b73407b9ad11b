// Read masks and views: an answer has what was asked for and nothing else.

import {
  clone,
  fromJson,
  type JsonObject,
  type JsonValue,
  type Message,
  toBinary,
} from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import { WireType } from "@bufbuild/protobuf/wire";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { RESOURCES } from "../../src/chinook/resources.ts";
import {
  applyReadMask,
  basicPaths,
  needsField,
  resolveReadMask,
} from "../../src/query/read-mask.ts";
import { planResources, type ResourcePlan } from "../../src/schema/plan.ts";
import {
  EVERYTHING,
  EVERYTHING_PLAN as PLAN,
  EVERYTHING_REGISTRY as registry,
} from "../support/everything.ts";
import { isOn, jsonOf, placesOf, randomPair, randomPaths, SEED, textOf } from "./mask-cases.ts";

const RUNS = { numRuns: 500, seed: SEED };

const message = (json: JsonValue) => fromJson(EVERYTHING, json, { registry });
const hex = (value: Message) => Buffer.from(toBinary(EVERYTHING, value)).toString("hex");
const read = (value: Message, paths?: readonly string[]): Message =>
  applyReadMask(PLAN, value, resolveReadMask(PLAN, paths));
const unknown = { no: 5000, wireType: WireType.Varint, data: Uint8Array.of(1) };

const isSame = (a: JsonValue | undefined, b: JsonValue) => JSON.stringify(a) === JSON.stringify(b);

const CURRENT: JsonObject = {
  name: "everythings/1",
  createTime: "2024-01-01T00:00:00Z",
  etag: '"1"',
  cString: "text",
  lines: [{ lineId: "1", cString: "a", jDouble: 1 }, { lineId: "2" }],
  jNode: { value: "1", child: { value: "2", number: 2 } },
  jMapString: { a: "1", "gift wrap": "2" },
  jMapSint32: { "1": { value: "1", number: 1 }, "-2": { value: "2" } },
  jChoiceString: "arm",
  jStruct: { a: 1, b: { c: 2, d: { e: 3 } } },
  jStructs: [{ a: 1, b: 1 }, { b: 2 }],
  jInt64Value: "7",
};

const CASES: readonly (readonly [string[], JsonObject])[] = [
  [["c_string"], { c_string: "text" }],
  [
    ["name", "create_time", "etag"],
    { name: "everythings/1", create_time: "2024-01-01T00:00:00Z", etag: '"1"' },
  ],
  [["j_string"], {}],
  [["j_node.child.number"], { j_node: { child: { number: 2 } } }],
  [
    ["j_node.child", "j_node.child.value", "j_node.number"],
    { j_node: { child: { value: "2", number: 2 } } },
  ],
  [["j_node.time"], { j_node: {} }],
  [["lines.*.j_double"], { lines: [{ j_double: 1 }, {}] }],
  [
    ["lines.*.line_id", "lines.*.c_string"],
    { lines: [{ line_id: "1", c_string: "a" }, { line_id: "2" }] },
  ],
  [["j_map_string.`gift wrap`", "j_map_string.none"], { j_map_string: { "gift wrap": "2" } }],
  [["j_map_string.none"], {}],
  [["j_map_sint32.*.number"], { j_map_sint32: { "1": { number: 1 }, "-2": {} } }],
  [
    ["j_map_sint32.*.number", "j_map_sint32.-2"],
    { j_map_sint32: { "1": { number: 1 }, "-2": { value: "2" } } },
  ],
  [["j_map_sint32.1.value"], { j_map_sint32: { "1": { value: "1" } } }],
  [["j_choice_string", "j_choice_int64"], { j_choice_string: "arm" }],
  [["j_choice_node.value"], {}],
  [["j_struct.a", "j_struct.b.d"], { j_struct: { a: 1, b: { d: { e: 3 } } } }],
  [["j_struct.a.x", "j_struct.none"], { j_struct: {} }],
  [["j_structs.*.a"], { j_structs: [{ a: 1 }, {}] }],
  [["j_int64_value"], { j_int64_value: "7" }],
];

describe("a read mask", () => {
  test.for(CASES)("of %j", ([paths, expected]) => {
    const current = message(CURRENT);
    expect(jsonOf(read(current, paths))).toEqual(expected);
    expect(jsonOf(read(current, [...paths, ...paths].reverse()))).toEqual(expected);
    // What was read is left as it was.
    expect(current).toEqual(message(CURRENT));
  });

  test.for([[undefined], [[]], [["*"]]])("of %j is everything, unknown fields too", ([paths]) => {
    const current = message(CURRENT);
    current.$unknown = [unknown];
    expect(read(current, paths)).toBe(current);
    expect(resolveReadMask(PLAN, paths).isEverything).toBe(true);
  });

  test("of fields has no unknown fields but those of whole messages", () => {
    const current = message(CURRENT) as Message & { jNode: Message & { child: Message } };
    for (const part of [current, current.jNode, current.jNode.child]) part.$unknown = [unknown];
    const result = read(current, ["c_string", "j_node.child"]) as typeof current;
    expect(result.$unknown ?? []).toEqual([]);
    expect(result.jNode.$unknown ?? []).toEqual([]);
    expect(result.jNode.child.$unknown).toEqual([unknown]);
  });

  test.for([
    [["nothing"]],
    [["jString"]],
    [["lines.0"]],
    [["lines.cString"]],
    [["lines.*"]],
    [["j_int64_value.value"]],
    [["create_time.seconds"]],
    [["*", "name"]],
    [[""]],
    [["j_map_string.`a"]],
    [["__proto__"]],
    [[`j_map_string.${"a".repeat(1025)}`]],
    [Array.from({ length: 257 }, () => "name")],
  ])("of %j names no field", ([paths]) => {
    expect(() => read(message(CURRENT), paths)).toThrow(/^read_mask: /);
  });
});

describe("a mask needs", () => {
  test.for([
    [undefined, ["c_string", "lines", "line.c_string", "line.c_money"]],
    [["lines"], ["lines", "line.c_string", "line.c_money"]],
    [["lines.*.c_string"], ["lines", "line.c_string"]],
    [["lines.*.j_node"], ["lines"]],
    [["c_string"], ["c_string"]],
    [["j_node.value"], []],
  ] as const)("of %j these fields of a row and of its lines: %j", ([paths, needed]) => {
    const [lines] = PLAN.children;
    const own = EVERYTHING.fields.filter(({ name }) => name === "c_string" || name === "lines");
    const children = lines?.desc.fields.filter(({ name }) => name.startsWith("c_")) ?? [];
    const mask = resolveReadMask(PLAN, paths);
    const found = [...own, ...children].filter((field) => needsField(PLAN, mask, field));
    const nameOf = ({ parent, name }: (typeof own)[number]) =>
      parent === EVERYTHING ? name : `line.${name}`;
    expect(found.map(nameOf)).toEqual(needed);
  });
});

describe("a BASIC view", () => {
  test("has the standard fields and those with columns", () => {
    const result = jsonOf(read(message(CURRENT), basicPaths(PLAN)));
    const { name, createTime, etag, cString } = CURRENT;
    expect(result).toEqual({ name, create_time: createTime, etag, c_string: cString });
  });

  test.for(planResources(RESOURCES))("of $desc.name has no child rows and no JSON", (plan) => {
    const names = basicPaths(plan as ResourcePlan);
    for (const { name } of plan.dataFields) expect(names).not.toContain(name);
    for (const { field } of plan.children) expect(names).not.toContain(field.name);
    expect(names).toEqual(expect.arrayContaining(["name", "etag"]));
    const others = plan.dataFields.length + plan.children.length;
    expect(names.length).toBe(plan.desc.fields.length - others);
  });
});

describe(`random read masks (SEED=${SEED})`, () => {
  const seeds = fc.tuple(fc.integer(), fc.integer());

  test("give what they name, as it is, and nothing else", () => {
    const counts = { in: 0, way: 0, out: 0 };
    const property = fc.property(seeds, ([seed, maskSeed]) => {
      const { current } = randomPair(seed);
      const json = jsonOf(current);
      const paths = randomPaths(maskSeed, [json]);
      const places = placesOf(jsonOf(read(current, paths.map(textOf))));
      for (const [place, value] of placesOf(json)) {
        const found = paths.map((path) => isOn(path, place));
        const isIn = found.includes("in");
        counts[isIn ? "in" : found.includes("way") ? "way" : "out"]++;
        const isOut = !isIn && !found.includes("way");
        if (isIn ? !isSame(places.get(place), value) : isOut && places.has(place)) {
          expect.fail(`${place} is read as ${JSON.stringify(places.get(place))}`);
        }
      }
      const all = placesOf(json);
      expect([...places.keys()].filter((place) => !all.has(place))).toEqual([]);
    });
    fc.assert(property, RUNS);
    for (const count of Object.values(counts)) expect(count).toBeGreaterThan(300);
  });

  test("of all fields give the message without unknown fields", () => {
    const names = EVERYTHING.fields.map(({ name }) => name);
    const property = fc.property(fc.integer(), (seed) => {
      const { current } = randomPair(seed);
      const known = clone(EVERYTHING, current);
      reflect(EVERYTHING, known).setUnknown([]);
      expect(hex(read(current, names))).toBe(hex(known));
    });
    fc.assert(property, RUNS);
  });

  test("read from what they have read give the same", () => {
    const property = fc.property(seeds, ([seed, maskSeed]) => {
      const { current } = randomPair(seed);
      const mask = randomPaths(maskSeed, [jsonOf(current)]).map(textOf);
      const once = read(current, mask);
      expect(hex(read(once, mask))).toBe(hex(once));
    });
    fc.assert(property, RUNS);
  });
});
