// A row is read as far as it can be: values that no field can hold, put into any columns and any
// fields of the JSON, cost those fields and no others, and each is named in our own words.

import { type DescField, type Message, toBinary } from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { StoreError } from "../../src/errors.ts";
import type { ChildPlan, TablePlan } from "../../src/schema/plan.ts";
import {
  type Cells,
  type ChildRow,
  encodeCells,
  type ResourceRow,
  rebuildReadable,
  rebuildRow,
  setIdentity,
} from "../../src/schema/row.ts";
import type { SqlValue } from "../../src/schema/sql-value.ts";
import { ArbitraryMaker } from "../support/arbitrary-message.ts";
import { EVERYTHING, EVERYTHING_PLAN, EVERYTHING_REGISTRY } from "../support/everything.ts";

/** Set SEED to run the same rows again; it is in the name of each test. */
const SEED = Number(process.env.SEED ?? Date.now() % 2 ** 31);

const PLAN = EVERYTHING_PLAN;
const LINES = PLAN.children[0] as ChildPlan;
const registry = EVERYTHING_REGISTRY;
const STANDARD = new Set<DescField>(Object.values(PLAN.standard));

/** Texts that are JSON, and the value of no field whatever its type. */
const IMPOSSIBLE_JSON = [
  '"\\ud800"',
  '{"\\udfff": 1}',
  "1e400",
  "-1e999",
  '{"a": 1, "a": 1}',
  '[{"b": {"\\u0063": 1, "c": 2}}]',
  '{"a": {"b": [1e400]}}',
  `${"[".repeat(1001)}${"]".repeat(1001)}`,
];

/** Values that no column of the field has. */
function impossibleCells(field: DescField): readonly SqlValue[] {
  const isBytes = field.fieldKind === "scalar" && field.scalar === 12;
  const isText = field.fieldKind === "scalar" && field.scalar === 9 && field.name !== "c_reference";
  if (isBytes) return ["free", 1n, 1.5];
  if (isText) return [new Uint8Array([0xff]), "half \ud800", 1n];
  return [new Uint8Array([0xff]), "free", "half \udc00"];
}

/** What stands in one table, and which of its fields are broken. */
interface Broken<T extends Cells> {
  readonly row: T;
  readonly fields: ReadonlySet<DescField>;
}

function breakCells<T extends Cells>(
  plan: TablePlan,
  row: T,
  chosen: (field: DescField) => number | undefined,
): Broken<T> {
  const fields = new Set<DescField>();
  const columns = plan.columns.map(({ field }, index) => {
    const choice = chosen(field);
    if (choice === undefined) return row.columns[index] ?? null;
    fields.add(field);
    const values = impossibleCells(field);
    return values[choice % values.length] as SqlValue;
  });
  const data = JSON.parse(row.data) as Record<string, unknown>;
  const members = new Map(Object.entries(data).map(([key, value]) => [key, JSON.stringify(value)]));
  for (const field of plan.dataFields) {
    const choice = chosen(field);
    if (choice === undefined) continue;
    fields.add(field);
    // Whatever else its oneof has: which of the two is meant, nobody knows.
    for (const member of field.oneof?.fields ?? []) {
      if (members.has(member.jsonName)) fields.add(member);
    }
    members.set(field.jsonName, IMPOSSIBLE_JSON[choice % IMPOSSIBLE_JSON.length] as string);
  }
  const text = [...members].map(([key, value]) => `${JSON.stringify(key)}: ${value}`).join(", ");
  return { row: { ...row, columns, data: `{${text}}` }, fields };
}

/** The cells as SQLite keeps them: decimal text becomes a number in a NUMERIC column. */
function asKept(plan: TablePlan, cells: Cells): Cells {
  const columns = plan.columns.map(({ field }, index) => {
    const value = cells.columns[index] ?? null;
    return value !== null && field.message?.typeName === "google.type.Money"
      ? Number(value)
      : value;
  });
  return { ...cells, columns };
}

const namesOf = (fields: Iterable<DescField>) => [...fields].map(String);

/** A message with the row of it and of its lines. */
function makeRow(seed: number) {
  const skip = (field: DescField) =>
    STANDARD.has(field) || field === LINES.keyField || field.name === "c_reference";
  const maker = new ArbitraryMaker(seed, { registry, storable: true, skip });
  const message = maker.message(EVERYTHING, 0).message;
  const identity = { key: 7n, revision: 3n, createdAt: "2020-01-01", updatedAt: null };
  setIdentity(PLAN, message, identity);
  const cells = encodeCells(PLAN, message, registry, "everything");
  const row: ResourceRow = { ...identity, ...asKept(PLAN, cells), wire: null };
  const lines = [...reflect(EVERYTHING, message).get(LINES.field)].map((item, index): ChildRow => {
    const line = item as ReturnType<typeof reflect>;
    line.set(LINES.keyField, BigInt(index + 1));
    const lineCells = encodeCells(LINES, line.message, registry, "line");
    return { key: BigInt(index + 1), parentKey: 7n, ...asKept(LINES, lineCells) };
  });
  return { message, row, lines };
}

const encode = (message: Message) => Buffer.from(toBinary(EVERYTHING, message)).toString("hex");

describe("a row with values that no field can hold", () => {
  test(`is read but for those fields, which are named (SEED=${SEED})`, () => {
    const names = [...EVERYTHING.fields, ...LINES.desc.fields].map(({ name }) => name);
    const choices = fc.dictionary(fc.constantFrom(...names), fc.nat(100), { maxKeys: 6 });
    const property = fc.property(fc.integer(), choices, (seed, chosen) => {
      const { message, row, lines } = makeRow(seed);
      const choiceOf = ({ name }: DescField) =>
        Object.hasOwn(chosen, name) ? chosen[name] : undefined;
      const own = breakCells(PLAN, row, choiceOf);
      const broken = lines.map((line, index) =>
        // Only every other line, so that lines that can be read are beside those that cannot.
        breakCells(LINES, line, (field) => (index % 2 === 0 ? choiceOf(field) : undefined)),
      );
      const target = reflect(EVERYTHING, message);
      for (const field of own.fields) target.clear(field);
      [...target.get(LINES.field)].forEach((line, index) => {
        for (const field of broken[index]?.fields ?? []) {
          (line as ReturnType<typeof reflect>).clear(field);
        }
      });
      const children = [broken.map((line) => line.row)];
      const expected = new Set([...own.fields, ...broken.flatMap(({ fields }) => [...fields])]);

      const read = rebuildReadable(PLAN, own.row, children, registry);
      expect(encode(read.message)).toBe(encode(message));
      expect(namesOf(read.unreadable.keys()).sort()).toEqual(namesOf(expected).sort());
      for (const [field, text] of read.unreadable) {
        const path = field.parent === LINES.desc ? `lines.${field.name}` : field.name;
        expect(text).toMatch(new RegExp(`^${path}[.:]`));
        expect(text).not.toMatch(
          /cannot decode|JSON\.parse|protobuf-es|undefined|Error|at position/,
        );
      }

      const strict = () => rebuildRow(PLAN, own.row, children, registry);
      if (expected.size === 0) expect(encode(strict())).toBe(encode(message));
      else expect(strict).toThrow(StoreError);
    });
    fc.assert(property, { numRuns: 2000, seed: SEED });
  });

  test.each(PLAN.columns.map(({ field }) => field))("is refused as a whole: $name", (field) => {
    const { row } = makeRow(1);
    for (const [choice] of impossibleCells(field).entries()) {
      const broken = breakCells(PLAN, row, (candidate) =>
        candidate === field ? choice : undefined,
      );
      expect(() => rebuildRow(PLAN, broken.row, [], registry)).toThrow(
        expect.objectContaining({
          code: "ROW_UNREADABLE",
          details: expect.objectContaining({
            resource: { type: "everything.example.com/Everything", name: "everythings/7" },
            metadata: { field: field.name },
          }),
        }),
      );
    }
  });
});

test.for([
  [{ jNode: { value: "x" } }, "j_node.value: must be an integer"],
  [
    { jNode: { child: { byName: { a: { time: "x" } } } } },
    "j_node.child.by_name.time: must be a time",
  ],
  [{ jNodes: [{}, { children: [{ number: "x" }] }] }, "j_nodes.children.number: must be a number"],
  [{ jNode: { noSuchField: 1 } }, 'j_node: has the key "noSuchField"'],
  [{ jNode: { $unknown: 1 } }, "j_node: must be a string"],
  [{ jNode: 1 }, "j_node: must be an object"],
  [{ jMapInt32: { x: "1" } }, "j_map_int32: must be an integer"],
  [{ jBytes: "a" }, "j_bytes: must be base64"],
  [{ jDuration: "-315576000001s" }, "j_duration: must be at most"],
] as const)("names the place of what is wrong in JSON: %j", ([json, reason]) => {
  const { row } = makeRow(3);
  const read = rebuildReadable(PLAN, { ...row, data: JSON.stringify(json) }, [], registry);
  const [text, ...others] = read.unreadable.values();
  expect(text?.slice(0, reason.length)).toBe(reason);
  expect(others).toEqual([]);
});

describe("what belongs to no field", () => {
  const { row, lines } = makeRow(2);
  const unreadableOf = (changed: Partial<ResourceRow>) =>
    rebuildReadable(PLAN, { ...row, ...changed }, [lines], registry).unreadable;
  const fieldsOf = (changed: Partial<ResourceRow>) => namesOf(unreadableOf(changed).keys());

  test.each([
    "[]",
    "1",
    "{",
    "",
    '{"noSuchField": 1}',
    '{"$unknown": 1}',
    '{"$unknown": "/////w=="}',
    new Uint8Array([0x7b, 0x7d]) as unknown as string,
    7n as unknown as string,
  ])("is said of all the fields that are in the JSON: %s", (data) => {
    const unreadable = unreadableOf({ data });
    expect(namesOf(unreadable.keys())).toEqual(namesOf(PLAN.dataFields));
    for (const text of unreadable.values()) expect(text).toMatch(/^data: (must|has) /);
  });

  test("is the service's own, which is named by the field that shows it", () => {
    const { createTime, updateTime, etag } = PLAN.standard;
    const text = "free" as unknown as bigint;
    expect(fieldsOf({ createdAt: "x" })).toEqual(namesOf([createTime]));
    expect(fieldsOf({ updatedAt: "2024-02-30" })).toEqual(namesOf([updateTime]));
    expect(fieldsOf({ revision: text })).toEqual(namesOf([etag]));
    expect(fieldsOf({ revision: null })).toEqual([]);
  });
});
