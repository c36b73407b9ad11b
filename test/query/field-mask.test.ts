// Update masks by example: which parts are taken from the patch, and what must stay as it is. What
// holds for all masks is in mask-properties.test.ts.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
  fromJson,
  type JsonObject,
  type JsonValue,
  type Message,
  toJson,
} from "@bufbuild/protobuf";
import { type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import { WireType } from "@bufbuild/protobuf/wire";
import { describe, expect, test } from "vitest";
import { RESOURCES } from "../../src/chinook/resources.ts";
import { canonicalBytes } from "../../src/query/canonical.ts";
import { keepInMessage } from "../../src/query/field-mask/output-only.ts";
import { applyMask, requiredFields, resolveMask } from "../../src/query/field-mask.ts";
import { planResources, type ResourcePlan } from "../../src/schema/plan.ts";
import {
  EVERYTHING,
  EVERYTHING_PLAN as PLAN,
  EVERYTHING_REGISTRY as registry,
} from "../support/everything.ts";
import { REPO_ROOT } from "../support/tools.ts";
import { FieldBehavior, guardedPlan, jsonOf } from "./mask-cases.ts";

const message = (json: JsonValue) => fromJson(EVERYTHING, json, { registry });
const update = (current: Message, patch: Message, paths?: readonly string[]): Message =>
  applyMask(PLAN, current, patch, resolveMask(PLAN, paths, patch), "everything");
const unknown = (no: number) => ({ no, wireType: WireType.Varint, data: Uint8Array.of(no % 128) });
/** Bytes as text, which is quick to compare. */
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");
const canonical = (value: Message) => hex(canonicalBytes(EVERYTHING, value));
/** Keys with the value undefined are not there. */
const plain = (json: object) => JSON.parse(JSON.stringify(json)) as JsonValue;

const PLANS = planResources(RESOURCES);

/** Updates a resource of the real service, all of it in ProtoJSON. */
function updateResource(
  typeName: string,
  current: JsonObject,
  patch: JsonObject,
  paths: readonly string[],
): JsonValue {
  const plan = PLANS.find(({ desc }) => desc.name === typeName) as ResourcePlan;
  const [before, source] = [fromJson(plan.desc, current), fromJson(plan.desc, patch)];
  const mask = resolveMask(plan, paths, source);
  return toJson(plan.desc, applyMask(plan, before, source, mask, typeName.toLowerCase()));
}

const CURRENT: JsonObject = {
  cString: "old",
  jString: "old",
  jNode: { value: "1", child: { value: "2", number: 2 } },
  jNodes: [
    { value: "1", number: 1 },
    { value: "2", child: { value: "3" } },
  ],
  jInt64s: ["1", "2"],
  jMapString: { a: "1", "gift wrap": "2", "`": "3" },
  jMapBool: { true: 1 },
  jMapInt64: { "-5": "5" },
  jMapSint32: { "1": { value: "1", number: 1 }, "-2": { value: "2" } },
  jChoiceString: "old",
  jStruct: { a: 1, b: { c: 2, d: { e: 3 } }, "x y": 4 },
  jStructs: [{ a: 1 }, { b: 2 }],
  jInt64Value: "7",
  jImmutable: "set",
};

type Case = readonly [string, string[] | undefined, JsonObject, JsonObject];
const gone = undefined as never;

const CASES: readonly Case[] = [
  ["one field", ["j_string"], { jString: "new", cString: "new" }, { jString: "new" }],
  ["a field that is not set clears it", ["j_string"], {}, { jString: gone }],
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
  [
    "a nested field of a message that is not there, which is made",
    ["j_choice_node.child.value"],
    { jChoiceNode: { number: 1, child: { value: "1", number: 1 } } },
    { jChoiceString: gone, jChoiceNode: { child: { value: "1" } } },
  ],
  [
    "a message is replaced, not merged",
    ["j_node"],
    { jNode: { number: 9 } },
    { jNode: { number: 9 } },
  ],
  [
    "a parent outweighs what is in it",
    ["j_node.value", "j_node", "j_node.child.value"],
    { jNode: { number: 9 } },
    { jNode: { number: 9 } },
  ],
  ["a list is replaced", ["j_int64s"], { jInt64s: ["3"] }, { jInt64s: ["3"] }],
  [
    "a field of each element of a list",
    ["j_nodes.*.number"],
    { jNodes: [{ value: "8" }, { value: "9", number: 9 }] },
    { jNodes: [{ value: "1" }, { value: "2", number: 9, child: { value: "3" } }] },
  ],
  [
    "a nested field of each element",
    ["j_nodes.*.child.value"],
    { jNodes: [{ child: { value: "4" } }, {}] },
    {
      jNodes: [
        { value: "1", number: 1, child: { value: "4" } },
        { value: "2", child: {} },
      ],
    },
  ],
  ["a map is replaced", ["j_map_string"], { jMapString: { b: "2" } }, { jMapString: { b: "2" } }],
  [
    "entries of a map: one changed, one removed, one added",
    ["j_map_string.a", "j_map_string.`gift wrap`", "j_map_string.b", "j_map_string.c"],
    { jMapString: { a: "9", b: "8" } },
    { jMapString: { a: "9", b: "8", "`": "3" } },
  ],
  [
    "an entry whose key is a backtick",
    ["j_map_string.````"],
    { jMapString: { "`": "9" } },
    { jMapString: { a: "1", "gift wrap": "2", "`": "9" } },
  ],
  [
    "an entry whose key is a star or empty",
    ["j_map_string.`*`", "j_map_string.``"],
    { jMapString: { "*": "8", "": "9" } },
    { jMapString: { a: "1", "gift wrap": "2", "`": "3", "*": "8", "": "9" } },
  ],
  ["an entry whose key is a bool", ["j_map_bool.true"], {}, { jMapBool: gone }],
  ["an entry whose key is an int64", ["j_map_int64.-5"], {}, { jMapInt64: gone }],
  [
    "a field of an entry",
    ["j_map_sint32.1.number"],
    { jMapSint32: { "1": { value: "8", number: 9 } } },
    { jMapSint32: { "1": { value: "1", number: 9 }, "-2": { value: "2" } } },
  ],
  [
    "a field of an entry that is not there, which is made if the patch has it",
    ["j_map_sint32.3.number", "j_map_sint32.4.number"],
    { jMapSint32: { "3": { value: "8", number: 9 } } },
    { jMapSint32: { "1": { value: "1", number: 1 }, "-2": { value: "2" }, "3": { number: 9 } } },
  ],
  [
    "a field of each entry that is there",
    ["j_map_sint32.*.number"],
    { jMapSint32: { "-2": { number: 9 }, "3": { number: 9 } } },
    { jMapSint32: { "1": { value: "1" }, "-2": { value: "2", number: 9 } } },
  ],
  [
    "an entry and a field of each entry",
    ["j_map_sint32.*.number", "j_map_sint32.3"],
    { jMapSint32: { "3": { value: "3", number: 9 } } },
    { jMapSint32: { "1": { value: "1" }, "-2": { value: "2" }, "3": { value: "3", number: 9 } } },
  ],
  [
    "members of a Struct: one changed, one removed, one added",
    ["j_struct.a", "j_struct.`x y`", "j_struct.n"],
    { jStruct: { a: [1], n: null } },
    { jStruct: { a: [1], b: { c: 2, d: { e: 3 } }, n: null } },
  ],
  [
    "members of a Struct in a Struct",
    ["j_struct.b.d.e", "j_struct.b.d.f"],
    { jStruct: { b: { c: 9, d: { f: 9 } } } },
    { jStruct: { a: 1, b: { c: 2, d: { f: 9 } }, "x y": 4 } },
  ],
  [
    "a member of what was no Struct, and of what is none",
    ["j_struct.a.x", "j_struct.b.c.x"],
    { jStruct: { a: { x: 1, y: 1 }, b: { c: 9 } } },
    { jStruct: { a: { x: 1 }, b: { c: 2, d: { e: 3 } }, "x y": 4 } },
  ],
  [
    "a member of each Struct in a list",
    ["j_structs.*.a"],
    { jStructs: [{}, { a: 9 }] },
    { jStructs: [{}, { b: 2, a: 9 }] },
  ],
  ["a wrapper", ["j_int64_value"], { jInt64Value: "0" }, { jInt64Value: "0" }],
  [
    "an arm of a oneof takes the place of another",
    ["j_choice_int64"],
    { jChoiceInt64: "7" },
    { jChoiceString: gone, jChoiceInt64: "7" },
  ],
  ["an arm of a oneof that neither has", ["j_choice_int64"], {}, {}],
  [
    "an arm of a oneof that only the resource has",
    ["j_choice_string"],
    {},
    { jChoiceString: gone },
  ],
  ["no mask takes what is set", undefined, { jString: "new" }, { jString: "new" }],
  ["an empty mask takes what is set", [], { jString: "new" }, { jString: "new" }],
  ["no mask replaces messages", undefined, { jNode: { number: 9 } }, { jNode: { number: 9 } }],
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
    expect(toJson(EVERYTHING, result, { registry })).toEqual(plain({ ...CURRENT, ...change }));
  });

  test.for(CASES)("takes its paths in any order: %s", ([, paths = [], patch]) => {
    const [once, reversed] = [paths, [...paths, ...paths].reverse()].map((order) =>
      canonical(update(message(CURRENT), message(patch), order)),
    );
    expect(reversed).toEqual(once);
  });

  test("of * replaces everything but what the server sets", () => {
    const patch = { jString: "new", jImmutable: "set" };
    const result = update(message({ ...CURRENT, name: "everythings/1" }), message(patch), ["*"]);
    const expected = { ...patch, name: "everythings/1" };
    expect(toJson(EVERYTHING, result, { registry })).toEqual(expected);
  });

  test("of * may say so twice", () => {
    const patch = message({ jString: "new", jImmutable: "set" });
    expect(update(message(CURRENT), patch, ["*", "*"])).toEqual(
      update(message(CURRENT), patch, ["*"]),
    );
  });

  test.for([
    [["nothing"]],
    [["j_string.length"]],
    [["j_int64s.0"]],
    [["j_int64s.*"]],
    [["j_int64s.*.x"]],
    [["j_nodes.0"]],
    [["j_nodes.0.value"]],
    [["j_nodes.value"]],
    [["j_nodes.*"]],
    [["j_nodes.`*`.value"]],
    [["j_map_string.*"]],
    [["j_map_string.a.b"]],
    [["j_map_string.gift wrap"]],
    [["j_map_sint32.x"]],
    [["j_map_sint32.01"]],
    [["j_map_sint32.-0"]],
    [["j_map_sint32.2147483648"]],
    [["j_map_uint32.-1"]],
    [["j_map_int64.9223372036854775808"]],
    [["j_map_uint64.18446744073709551616"]],
    [[`j_map_int64.${"9".repeat(900)}`]],
    [["j_map_bool.yes"]],
    [["j_map_fixed64.1.seconds"]],
    [["j_struct.*.a"]],
    [["j_struct.*"]],
    [["j_value.a"]],
    [["j_list_value.values"]],
    [["j_timestamp.seconds"]],
    [["j_int64_value.value"]],
    [["j_any.type_url"]],
    [["jString"]],
    [["`j_string`"]],
    [["j_choice"]],
    [[""]],
    [["."]],
    [["j_node."]],
    [[".j_node"]],
    [["j_node..value"]],
    [[" j_string"]],
    [["j_string,c_string"]],
    [["j_map_string.`a"]],
    [["j_map_string.a`"]],
    [["j_map_string.```"]],
    [["j_map_string.`a`b"]],
    [["j_map_string.`a``"]],
    [["*", "j_string"]],
    [["*.j_string"]],
    [["__proto__"]],
    [["toString"]],
    [["constructor.prototype"]],
    [["j_node.__proto__.value"]],
    [["j_map_string.constructor.prototype"]],
    [["\u0000"]],
  ])("of %j names no field", ([paths]) => {
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

  test("does not change what is in an IMMUTABLE message", () => {
    const current = message({ jImmutableNode: { value: "1", byName: { a: {}, b: {} } } });
    const change = (jImmutableNode: JsonObject, path: string) => () =>
      update(current, message({ jImmutableNode }), [path]);
    const refusal = "everything.j_immutable_node: cannot be changed";
    expect(change({ value: "2" }, "j_immutable_node.value")).toThrow(refusal);
    expect(change({ value: "1" }, "j_immutable_node.by_name.a")).toThrow(refusal);
    expect(change({ value: "1" }, "j_immutable_node.value")).not.toThrow();
    // An empty message is set too.
    const empty = message({ ...CURRENT, jImmutableNode: {} });
    expect(() => update(empty, message({}), ["j_immutable_node"])).toThrow(refusal);
    // The same entries, as another client orders them.
    const same = { value: "1", byName: { b: {}, a: {} } };
    expect(change(same, "j_immutable_node")).not.toThrow();
  });

  test.for([
    ["fewer", [{ number: 9 }]],
    ["more", [{}, {}, {}]],
    ["no", []],
  ] as const)("of a wildcard does not go with %s elements", ([, jNodes]) => {
    expect(() =>
      update(message(CURRENT), message({ jNodes: [...jNodes] }), ["j_nodes.*.number"]),
    ).toThrow(
      `everything.j_nodes: must have 2 elements, as the resource has, not ${jNodes.length}`,
    );
  });

  test("clears parts of an entry that the patch does not have, at any depth", () => {
    const entry = {
      value: "1",
      child: { value: "2", number: 2 },
      children: [{ value: "3" }],
      byName: { a: {}, b: { value: "4", number: 4, byName: { c: {} } } },
    };
    const current = message({ jMapSint32: { "1": entry } });
    const of = (...paths: string[]) =>
      jsonOf(
        update(
          current,
          message({}),
          paths.map((path) => `j_map_sint32.1.${path}`),
        ),
      );
    expect(of("child.value", "by_name.a", "by_name.b.value", "by_name.b.by_name.c")).toEqual({
      j_map_sint32: {
        "1": {
          value: "1",
          child: { number: 2 },
          children: [{ value: "3" }],
          by_name: { b: { number: 4 } },
        },
      },
    });
    expect(() => of("children.*.value")).toThrow(
      "must have 1 elements, as the resource has, not 0",
    );
  });

  test("keeps the unknown fields of the resource, unless the patch replaces it", () => {
    const current = message(CURRENT);
    current.$unknown = [unknown(5000)];
    const patch = message({ jString: "new", jImmutable: "set" });
    expect(update(current, patch, ["j_string"]).$unknown).toEqual([unknown(5000)]);
    expect(update(current, patch).$unknown).toEqual([unknown(5000)]);
    expect(update(current, patch, ["*"]).$unknown ?? []).toEqual([]);
    patch.$unknown = [unknown(5001)];
    expect(update(current, patch).$unknown).toEqual([unknown(5001)]);
    expect(update(current, patch, ["*"]).$unknown).toEqual([unknown(5001)]);
  });

  test("keeps the unknown fields of messages, unless the patch replaces them", () => {
    const mark = (json: JsonObject, no: number) => {
      const marked = message(json) as Message & {
        jNode: Message;
        jNodes: Message[];
        jMapSint32: Record<string, Message>;
      };
      const nested = [marked.jNode, ...marked.jNodes, marked.jMapSint32["1"] as Message];
      for (const node of nested) node.$unknown = [unknown(no)];
      return { marked, numbers: () => nested.map(({ $unknown }) => $unknown?.[0]?.no) };
    };
    const numbersOf = (result: Message) => {
      const { jNode, jNodes, jMapSint32 } = result as ReturnType<typeof mark>["marked"];
      const nested = [jNode, ...jNodes, jMapSint32["1"] as Message];
      return nested.map(({ $unknown }) => $unknown?.[0]?.no);
    };
    const [current, patch] = [mark(CURRENT, 5000).marked, mark(CURRENT, 5001).marked];
    const nested = ["j_node.value", "j_nodes.*.value", "j_map_sint32.*.value"];
    expect(numbersOf(update(current, patch, nested))).toEqual([5000, 5000, 5000, 5000]);
    const whole = ["j_node", "j_nodes", "j_map_sint32.1"];
    expect(numbersOf(update(current, patch, whole))).toEqual([5001, 5001, 5001, 5001]);
  });

  test("changes a copy, which shares nothing with the patch", () => {
    const [current, patch] = [message(CURRENT), message({ jNode: { child: { number: 9 } } })];
    for (const paths of [["j_node.child.number"], ["j_node"], ["j_map_sint32.1"]]) {
      const result = update(current, patch, paths) as Message & {
        jNode: { child: { number: number } };
      };
      result.jNode.child = { number: 10 };
      expect(toJson(EVERYTHING, current, { registry })).toEqual(CURRENT);
      expect(toJson(EVERYTHING, patch)).toEqual({ jNode: { child: { number: 9 } } });
    }
  });

  test("has at most 256 paths of 1 KiB", () => {
    const run = (paths: string[]) => () => update(message(CURRENT), message({}), paths);
    expect(run(Array.from({ length: 256 }, () => "j_string"))).not.toThrow();
    expect(run(Array.from({ length: 257 }, () => "j_string"))).toThrow(
      /^update_mask: .* 256 paths/,
    );
    expect(run(Array.from({ length: 257 }, () => "*"))).toThrow(/^update_mask: .* 256 paths/);
    const key = (length: number) => `j_map_string.${"k".repeat(length - 13)}`;
    expect(run([key(1024)])).not.toThrow();
    expect(run([key(1025)])).toThrow(/^update_mask: .* 1024 bytes$/);
    expect(run([`j_map_string.\`${"é".repeat(510)}\``])).toThrow(/ 1024 bytes$/);
  });
});

describe("a mask of the real resources", () => {
  const invoice = {
    customer: "customers/1",
    invoiceTime: "2024-01-01T00:00:00Z",
    lines: [
      {
        lineId: "7",
        track: "tracks/1",
        unitPrice: { currencyCode: "USD", nanos: 990000000 },
        quantity: 1,
      },
      {
        lineId: "8",
        track: "tracks/2",
        unitPrice: { currencyCode: "USD", nanos: 990000000 },
        quantity: 1,
      },
    ],
  };

  test("changes a field of each line, which stays the line that it was", () => {
    const patch = { lines: [{ quantity: 3 }, { lineId: "8", quantity: 4 }] };
    const paths = ["lines.*.quantity", "lines.*.line_id"];
    const [first, second] = invoice.lines;
    expect(updateResource("Invoice", invoice, patch, paths)).toEqual({
      ...invoice,
      lines: [
        { ...first, quantity: 3 },
        { ...second, quantity: 4 },
      ],
    });
  });

  test("does not take a line for another one", () => {
    const patch = {
      lines: [
        { lineId: "8", quantity: 3 },
        { lineId: "7", quantity: 4 },
      ],
    };
    for (const path of ["lines.*.quantity", "lines.*.line_id"]) {
      expect(() => updateResource("Invoice", invoice, patch, [path])).toThrow(
        "invoice.lines[0].line_id: must be 7 here, or 0",
      );
    }
  });

  test.for([
    [
      ["lines.*.unit_price"],
      { lines: [{ unitPrice: { units: "1" } }, {}] },
      ["invoice.lines[1].unit_price"],
    ],
    [
      ["lines.*.quantity", "lines.*.track"],
      { lines: [{}, { quantity: 1 }] },
      ["invoice.lines[0].quantity", "invoice.lines[0].track", "invoice.lines[1].track"],
    ],
    [["lines"], { lines: [{ track: "tracks/1", quantity: 1 }] }, ["invoice.lines[0].unit_price"]],
    [["customer"], {}, ["invoice.customer"]],
    [["*"], { customer: "customers/1" }, ["invoice.invoice_time"]],
  ] as [string[], JsonObject, string[]][])(
    "of %j does not clear what is REQUIRED: %j",
    ([paths, patch, fields]) => {
      const refused = () => updateResource("Invoice", invoice, patch, paths);
      expect(refused).toThrow(`${fields[0]}: is required`);
      expect(refused).toThrow(
        expect.objectContaining({
          details: { fields: fields.map((field) => ({ field, description: "is required" })) },
        }),
      );
    },
  );

  test("does not look for what is REQUIRED beside it", () => {
    const old = { lines: [{ lineId: "7" }] };
    expect(updateResource("Invoice", old, { notes: "new" }, ["notes"])).toEqual({
      ...old,
      notes: "new",
    });
    expect(
      updateResource("Invoice", old, { lines: [{ quantity: 1 }] }, ["lines.*.quantity"]),
    ).toEqual({
      lines: [{ lineId: "7", quantity: 1 }],
    });
  });

  test.for([
    [
      "Track",
      {
        credits: [{ displayName: "A", role: "PERFORMER" }],
        attributes: { key: "C", mix: { gain: 1, pan: 0 } },
      },
      { credits: [{ role: "ENGINEER" }], attributes: { mix: { gain: 2 } } },
      ["credits.*.role", "attributes.key", "attributes.mix.gain"],
      {
        credits: [{ displayName: "A", role: "ENGINEER" }],
        attributes: { mix: { gain: 2, pan: 0 } },
      },
    ],
    [
      "Customer",
      { attributes: { "gift wrap": "no", size: "M" }, loyalty: { points: "5" } },
      { attributes: { "gift wrap": "yes" } },
      ["attributes.`gift wrap`"],
      { attributes: { "gift wrap": "yes", size: "M" }, loyalty: { points: "5" } },
    ],
    [
      "Employee",
      { workingHours: { "1": { startMinute: 540, endMinute: 1020 }, "2": { startMinute: 540 } } },
      { workingHours: { "1": { startMinute: 600 } } },
      ["working_hours.1.start_minute", "working_hours.2"],
      { workingHours: { "1": { startMinute: 600, endMinute: 1020 } } },
    ],
  ] as [string, JsonObject, JsonObject, string[], JsonObject][])(
    "%s: %j",
    ([typeName, current, patch, paths, expected]) => {
      expect(updateResource(typeName, current, patch, paths)).toEqual(expected);
    },
  );

  test("tells the fields that are taken as a whole", () => {
    const plan = PLANS.find(({ desc }) => desc.name === "Invoice") as ResourcePlan;
    const paths = ["lines.*.quantity", "notes", "customer", "total", "name"];
    const mask = resolveMask(plan, paths, fromJson(plan.desc, {}));
    expect(requiredFields(plan, mask).map(({ name }) => name)).toEqual(["notes", "customer"]);
  });
});

describe("behaviors in nested messages", () => {
  const plan = guardedPlan({
    "Node.number": FieldBehavior.OUTPUT_ONLY,
    "Node.value": FieldBehavior.IMMUTABLE,
    "Node.time": FieldBehavior.REQUIRED,
    "Line.j_double": FieldBehavior.OUTPUT_ONLY,
    "Line.c_string": FieldBehavior.IMMUTABLE,
  });
  const time = "2024-01-01T00:00:00Z";
  const later = "2025-01-01T00:00:00Z";
  const run = (current: JsonObject, patch: JsonObject, paths?: string[]): JsonValue => {
    const [before, source] = [fromJson(plan.desc, current), fromJson(plan.desc, patch)];
    const mask = resolveMask(plan, paths, source);
    return toJson(plan.desc, applyMask(plan, before, source, mask, "it"));
  };

  test.for([
    [
      "a path",
      ["j_node.number"],
      { jNode: { time, number: 1 } },
      { jNode: { number: 2 } },
      undefined,
    ],
    [
      "a message",
      ["j_node"],
      { jNode: { time, number: 1, child: { time, number: 2 } } },
      { jNode: { time: later, number: 8, child: { time: later } } },
      { jNode: { time: later, number: 1, child: { time: later, number: 2 } } },
    ],
    [
      "a message in which it was not set",
      ["j_node"],
      { jNode: { time } },
      { jNode: { time: later, number: 8 } },
      { jNode: { time: later } },
    ],
    [
      "*",
      ["*"],
      { jNode: { time, number: 1 } },
      { jNode: { time: later }, jMapSint32: { "1": { time } } },
      { jNode: { time: later, number: 1 }, jMapSint32: { "1": { time } } },
    ],
    ["no mask", undefined, { jNode: { time, number: 1 } }, { jNode: { time } }, undefined],
    [
      "entries",
      ["j_map_sint32.1", "j_node.by_name"],
      {
        jMapSint32: { "1": { time, number: 1 } },
        jNode: { time, byName: { a: { time, number: 2 }, b: { time, number: 3 } } },
      },
      {
        jMapSint32: { "1": { time: later } },
        jNode: { byName: { a: { time: later, number: 9 }, c: { time } } },
      },
      {
        jMapSint32: { "1": { time: later, number: 1 } },
        jNode: { time, byName: { a: { time: later, number: 2 }, c: { time } } },
      },
    ],
    [
      "child rows",
      ["lines"],
      {
        lines: [
          { lineId: "1", jDouble: 1 },
          { lineId: "2", jDouble: 2 },
        ],
      },
      { lines: [{ lineId: "2" }, {}] },
      { lines: [{ lineId: "2", jDouble: 2 }, {}] },
    ],
    [
      "child rows through a wildcard",
      ["lines.*.j_double", "lines.*.j_node"],
      { lines: [{ lineId: "1", jDouble: 1, jNode: { time, number: 1 } }] },
      { lines: [{ jDouble: 9, jNode: { time } }] },
      undefined,
    ],
  ] as [string, string[] | undefined, JsonObject, JsonObject, JsonObject | undefined][])(
    "OUTPUT_ONLY is kept by %s",
    ([, paths, current, patch, expected]) => {
      expect(run(current, patch, paths)).toEqual(expected ?? current);
    },
  );

  test.for([
    ["j_node.value", { jNode: { time, value: "1" } }, { jNode: { value: "2" } }, "it.j_node.value"],
    ["j_node", { jNode: { time, value: "1" } }, { jNode: { time } }, "it.j_node.value"],
    ["j_node", { jNode: { time, value: "1" } }, {}, "it.j_node.value"],
    ["*", { jNode: { child: { time, value: "1" } } }, { jNode: { time } }, "it.j_node.child.value"],
    [
      "j_nodes.*.value",
      { jNodes: [{ time, value: "1" }] },
      { jNodes: [{}] },
      "it.j_nodes[0].value",
    ],
    [
      "j_map_sint32.1",
      { jMapSint32: { "1": { value: "1" } } },
      { jMapSint32: { "1": { time } } },
      "it.j_map_sint32[1].value",
    ],
    [
      "j_node.by_name.*.value",
      { jNode: { byName: { a: { value: "1" } } } },
      {},
      'it.j_node.by_name["a"].value',
    ],
    [
      "lines",
      { lines: [{ lineId: "1", cString: "a" }] },
      { lines: [{ cString: "a" }, { lineId: "1", cString: "b" }] },
      "it.lines[1].c_string",
    ],
    [
      "lines.*.c_string",
      { lines: [{ lineId: "1", cString: "a" }] },
      { lines: [{ cString: "b" }] },
      "it.lines[0].c_string",
    ],
  ] as [string, JsonObject, JsonObject, string][])(
    "IMMUTABLE is not changed by %s: %j",
    ([path, current, patch, field]) => {
      expect(() => run(current, patch, [path])).toThrow(`${field}: cannot be changed`);
    },
  );

  test.for([
    ["j_node", { jNode: { time } }, { jNode: { time, value: "1" } }],
    ["j_node.time", { jNode: { time, value: "1" } }, { jNode: { time: later, value: "2" } }],
    ["j_nodes", { jNodes: [{ time, value: "1" }] }, { jNodes: [{ time, value: "2" }] }],
    ["j_map_sint32.1", { jMapSint32: { "1": { time, value: "1" } } }, {}],
    ["lines", { lines: [{ lineId: "1", cString: "a" }] }, { lines: [{ cString: "b" }] }],
  ] as [string, JsonObject, JsonObject][])(
    "IMMUTABLE is no bar to %s: %j",
    ([path, current, patch]) => {
      expect(() => run(current, patch, [path])).not.toThrow();
    },
  );

  test.for([
    ["j_node.time", { jNode: { time } }, {}, "it.j_node.time"],
    ["j_node", {}, { jNode: {} }, "it.j_node.time"],
    ["j_node.child", { jNode: {} }, { jNode: { child: {} } }, "it.j_node.child.time"],
    ["j_nodes", {}, { jNodes: [{ time }, {}] }, "it.j_nodes[1].time"],
    [
      "j_nodes.*.child.time",
      { jNodes: [{ child: {} }] },
      { jNodes: [{}] },
      "it.j_nodes[0].child.time",
    ],
    ["j_map_sint32.*.time", { jMapSint32: { "2": { time } } }, {}, "it.j_map_sint32[2].time"],
    ["j_map_sint32.3", {}, { jMapSint32: { "3": {} } }, "it.j_map_sint32[3].time"],
  ] as [string, JsonObject, JsonObject, string][])(
    "REQUIRED is not cleared by %s: %j",
    ([path, current, patch, field]) => {
      expect(() => run(current, patch, [path])).toThrow(`${field}: is required`);
    },
  );

  test.for([
    ["j_node", { jNode: {} }, {}],
    ["j_node.number", { jNode: {} }, { jNode: { number: 1 } }],
    ["j_node.child.time", {}, {}],
    ["j_map_sint32.1", { jMapSint32: { "1": {}, "2": {} } }, {}],
    ["j_string", { jNode: {} }, { jString: "new" }],
  ] as [string, JsonObject, JsonObject][])(
    "REQUIRED is no bar to %s: %j",
    ([path, current, patch]) => {
      expect(() => run(current, patch, [path])).not.toThrow();
    },
  );
});

test("an OUTPUT_ONLY arm does not displace the arm that the client has set", () => {
  const plan = guardedPlan({ "Everything.j_choice_string": FieldBehavior.OUTPUT_ONLY });
  const keep = (patch: JsonObject) => {
    const [before, after] = [{ jChoiceString: "kept" }, patch].map((json) =>
      reflect(plan.desc, fromJson(plan.desc, json)),
    ) as [ReflectMessage, ReflectMessage];
    keepInMessage(plan, before, after);
    return toJson(plan.desc, after.message);
  };
  expect(keep({})).toEqual({ jChoiceString: "kept" });
  expect(keep({ jChoiceInt64: "7" })).toEqual({ jChoiceInt64: "7" });
});

test("a path into a REQUIRED message that is not there does not ask for it", () => {
  const plan = guardedPlan({ "Everything.j_money": FieldBehavior.REQUIRED });
  const run = (path: string) => () => {
    const [current, patch] = [fromJson(plan.desc, {}), fromJson(plan.desc, {})];
    applyMask(plan, current, patch, resolveMask(plan, [path], patch), "it");
  };
  expect(run("j_money.units")).not.toThrow();
  expect(run("j_money")).toThrow("it.j_money: is required");
});

test("keys that objects have of themselves are keys like others", () => {
  const current = message({ jMapString: { a: "1" }, jStruct: { a: 1 } });
  const keys = ["__proto__", "constructor", "toString", "hasOwnProperty"];
  const entries = Object.fromEntries(keys.map((key) => [key, key]));
  const patch = message(JSON.parse(JSON.stringify({ jMapString: entries, jStruct: entries })));
  const paths = keys.flatMap((key) => [`j_map_string.${key}`, `j_struct.${key}`]);
  const set = update(current, patch, paths);
  expect(jsonOf(set)).toEqual({
    j_map_string: { a: "1", ...entries },
    j_struct: { a: 1, ...entries },
  });
  expect(jsonOf(update(set, message({}), paths))).toEqual(jsonOf(current));
  expect(({} as Record<string, unknown>).a).toBeUndefined();
});

test("paths with many ways to meet take no time", () => {
  // Path i takes key k at depth i and all entries elsewhere: 2^40 ways if they were worked out.
  const paths = Array.from({ length: 40 }, (_, i) =>
    [
      "j_node",
      ...Array.from({ length: 40 }, (_, depth) => `by_name.${depth === i ? "k" : "*"}`),
      "value",
    ].join("."),
  );
  let node: JsonObject = { value: "1" };
  for (let depth = 0; depth < 40; depth++) node = { byName: { k: node, [`k${depth}`]: {} } };
  const current = message({ jNode: node });
  const start = performance.now();
  update(current, message({}), paths);
  expect(performance.now() - start).toBeLessThan(2000);
});

describe("docs/field-masks.md", () => {
  const [good = "", bad = ""] = readFileSync(join(REPO_ROOT, "docs/field-masks.md"), "utf8").split(
    "\nWhat names nothing is ",
  );
  const rowsOf = (text: string) =>
    [...text.matchAll(/^\| (`+)(.+?) ?\1 \| `(\w+)` \|/gm)].map(
      ([, , path = "", typeName = ""]): [string, string] => [path, typeName],
    );
  const resolve = ([path, typeName]: [string, string]) => {
    const plan = PLANS.find(({ desc }) => desc.name === typeName) as ResourcePlan;
    resolveMask(plan, [path], fromJson(plan.desc, {}));
  };

  test("has its examples in two tables", () => {
    expect([rowsOf(good).length, rowsOf(bad).length]).toEqual([13, 8]);
  });

  test.for(rowsOf(good))("%s is a path of %s", (row) => {
    expect(() => resolve(row)).not.toThrow();
  });

  test.for(rowsOf(bad))("%s is none of %s", (row) => {
    expect(() => resolve(row)).toThrow(/^update_mask: /);
  });
});
