// Update masks: which fields are taken from the patch, and what must stay as it is.

import {
  fromJson,
  type JsonObject,
  type JsonValue,
  type Message,
  toJson,
} from "@bufbuild/protobuf";
import { WireType } from "@bufbuild/protobuf/wire";
import { describe, expect, test } from "vitest";
import { applyMask, resolveMask } from "../../src/query/field-mask.ts";
import {
  EVERYTHING,
  EVERYTHING_PLAN as PLAN,
  EVERYTHING_REGISTRY as registry,
} from "../support/everything.ts";

const message = (json: JsonValue) => fromJson(EVERYTHING, json, { registry });
const update = (current: Message, patch: Message, paths?: readonly string[]): Message =>
  applyMask(PLAN, current, patch, resolveMask(PLAN, paths, patch), "everything");
const unknown = (no: number) => ({ no, wireType: WireType.Varint, data: Uint8Array.of(no % 128) });

const CURRENT: JsonObject = {
  cString: "old",
  jString: "old",
  jNode: { value: "1", child: { value: "2", number: 2 } },
  jInt64s: ["1", "2"],
  jMapString: { a: "1" },
  jChoiceString: "old",
  jImmutable: "set",
};

const CASES: readonly [string, string[] | undefined, JsonObject, JsonObject][] = [
  ["one field", ["j_string"], { jString: "new", cString: "new" }, { jString: "new" }],
  ["a field that is not set clears it", ["j_string"], {}, { jString: undefined as never }],
  [
    "a nested field",
    ["j_node.child.number"],
    { jNode: { child: { number: 3 } } },
    { jNode: { value: "1", child: { value: "2", number: 3 } } },
  ],
  [
    "a nested field that is not set",
    ["j_node.child.number"],
    {},
    { jNode: { value: "1", child: { value: "2" } } },
  ],
  ["a list is replaced", ["j_int64s"], { jInt64s: ["3"] }, { jInt64s: ["3"] }],
  ["a map is replaced", ["j_map_string"], { jMapString: { b: "2" } }, { jMapString: { b: "2" } }],
  [
    "an arm of a oneof takes the place of another",
    ["j_choice_int64"],
    { jChoiceInt64: "7" },
    { jChoiceString: undefined as never, jChoiceInt64: "7" },
  ],
  ["no mask takes what is set", undefined, { jString: "new" }, { jString: "new" }],
  ["an empty mask takes what is set", [], { jString: "new" }, { jString: "new" }],
  ["the name and the etag are no fields to change", ["name", "etag", "create_time"], {}, {}],
  ["the value that an IMMUTABLE field has", ["j_immutable"], { jImmutable: "set" }, {}],
  [
    "an IMMUTABLE field that is not set yet",
    ["j_immutable_node.value"],
    { jImmutableNode: { value: "1" } },
    { jImmutableNode: { value: "1" } },
  ],
];

describe("a mask", () => {
  test.for(CASES)("%s", ([, paths, patch, change]) => {
    const result = update(message(CURRENT), message(patch), paths);
    const expected = JSON.parse(JSON.stringify({ ...CURRENT, ...change })) as JsonValue;
    expect(toJson(EVERYTHING, result, { registry })).toEqual(expected);
  });

  test("of * replaces everything but what the server sets", () => {
    const patch = { jString: "new", jImmutable: "set" };
    const result = update(message({ ...CURRENT, name: "everythings/1" }), message(patch), ["*"]);
    const expected = { ...patch, name: "everythings/1" };
    expect(toJson(EVERYTHING, result, { registry })).toEqual(expected);
  });

  test.for([
    ["nothing"],
    ["j_string.length"],
    ["j_int64s.0"],
    ["j_map_string.a"],
    ["jString"],
    [""],
    ["*", "j_string"],
  ])("of %j names no field", (paths) => {
    expect(() => update(message(CURRENT), message({}), paths)).toThrow(/^update_mask: /);
  });

  test.for([
    [["j_immutable"], { jImmutable: "other" }],
    [["j_immutable"], {}],
    [["*"], {}],
  ] as const)("of %j does not change an IMMUTABLE field: %j", ([paths, patch]) => {
    const refused = () => update(message(CURRENT), message(patch), paths);
    expect(refused).toThrow("everything.j_immutable: cannot be changed");
  });

  test("keeps the unknown fields of the resource, unless the patch replaces it", () => {
    const current = message(CURRENT);
    current.$unknown = [unknown(5000)];
    const patch = message({ jString: "new", jImmutable: "set" });
    expect(update(current, patch, ["j_string"]).$unknown).toEqual([unknown(5000)]);
    expect(update(current, patch).$unknown).toEqual([unknown(5000)]);
    expect(update(current, patch, ["*"]).$unknown).toEqual([]);
    patch.$unknown = [unknown(5001)];
    expect(update(current, patch).$unknown).toEqual([unknown(5001)]);
    expect(update(current, patch, ["*"]).$unknown).toEqual([unknown(5001)]);
  });

  test("changes a copy", () => {
    const current = message(CURRENT);
    update(current, message({ jNode: { child: { number: 9 } } }), ["j_node.child.number"]);
    expect(toJson(EVERYTHING, current, { registry })).toEqual(CURRENT);
  });
});
