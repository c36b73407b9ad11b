// What a filter cannot do: put its text into SQL, crash the service, or make it work without end.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  type Connection,
  openConnection,
} from "../../../src/database/sqlite/connection/connection.ts";
import { StoreError } from "../../../src/errors.ts";
import { FILTER_LIMITS } from "../../../src/query/filter/limits.ts";
import { parseFilter } from "../../../src/query/filter/parser.ts";
import {
  EVERYTHING,
  EVERYTHING_PLAN,
  EVERYTHING_REGISTRY,
  EVERYTHING_TABLES,
} from "../../support/everything.ts";
import { tempDir } from "../../support/temp.ts";
import { compileFilter } from "../compiled.ts";
import { FilterMaker } from "./arbitrary-filter.ts";
import { SEED, storeEverything } from "./rows.ts";

const FILTERS = 20_000;
const MARKER = "zqMarker'\"--;";

let connection: Connection;
beforeAll(() => {
  connection = openConnection(":memory:", { busyTimeoutMs: 0 });
  connection.exec(EVERYTHING_TABLES);
});
afterAll(() => {
  connection.close();
});

async function makerOf(marker: string): Promise<FilterMaker> {
  const rows = await storeEverything(tempDir(), 60);
  rows.connection.close();
  return new FilterMaker(
    SEED,
    EVERYTHING,
    [...rows.messages.values()],
    EVERYTHING_REGISTRY,
    marker,
  );
}

/** The error of a filter that is not as it must be; any other error is thrown on. */
function refusal(filter: string): StoreError | undefined {
  try {
    compileFilter(EVERYTHING_PLAN, filter);
    return undefined;
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    return error;
  }
}

test(`no text of ${FILTERS} filters enters SQL (SEED=${SEED})`, async () => {
  const maker = await makerOf(MARKER);
  const texts = new Set<string>();
  let marked = 0;
  for (let i = 0; i < FILTERS; i++) {
    const { where, parameters } = compileFilter(EVERYTHING_PLAN, maker.filter());
    texts.add(where);
    if (parameters.some((value) => String(value).includes("zqMarker"))) marked++;
    // A text has one mark for each value, and no place for another.
    expect(where.match(/\?/g) ?? []).toHaveLength(parameters.length);
  }
  expect(marked).toBeGreaterThan(FILTERS / 10);
  for (const where of texts) expect(where).not.toMatch(/zqMarker|--|;/i);
});

test(`the SQL texts are a finite set: values make no difference (SEED=${SEED})`, async () => {
  const shapes = [
    (value: string) => `c_string = ${value}`,
    (value: string) => `j_map_string.${value} != ${value}`,
    (value: string) => `j_struct.${value}.${value}:${value}`,
    (value: string) => `j_nodes.by_name.${value}.value:3 AND NOT j_strings:${value}`,
    (value: string) => `j_string = "a*b${value.slice(1, -1)}c*d*e" OR j_value < ${value}`,
    (value: string) => value,
  ];
  const values = Array.from({ length: 200 }, (_, i) => `"v${i * i}é'"`);
  for (const shape of shapes) {
    const texts = new Set(
      values.map((value) => compileFilter(EVERYTHING_PLAN, shape(value)).where),
    );
    expect([...texts]).toHaveLength(1);
    expect(() =>
      connection.prepare(`SELECT 1 FROM everythings WHERE ${[...texts][0]}`),
    ).not.toThrow();
  }
});

test(`${FILTERS} broken texts are refused as INVALID_FIELD or compiled (SEED=${SEED})`, async () => {
  const maker = await makerOf("");
  let refused = 0;
  for (let i = 0; i < FILTERS; i++) {
    const filter = maker.broken();
    const error = refusal(filter);
    if (!error) {
      const { where } = compileFilter(EVERYTHING_PLAN, filter);
      if (i % 20 === 0) connection.prepare(`SELECT 1 FROM everythings WHERE ${where}`);
      continue;
    }
    refused++;
    expect(error.code, filter).toBe("INVALID_FIELD");
    expect(error.details.fields?.map(({ field }) => field)).toEqual(["filter"]);
    expect(error.message).toMatch(/^filter: (?:at \d+: |has |must )/);
  }
  expect(refused).toBeGreaterThan(FILTERS / 4);
});

describe("work is bounded", () => {
  const fill = (part: string) => part.repeat(Math.floor(FILTER_LIMITS.bytes / part.length));
  const worst: Readonly<Record<string, string>> = {
    "open parentheses": fill("("),
    "closed parentheses": `${"(".repeat(2040)}a${")".repeat(2040)}`,
    "parentheses side by side": fill("(a) "),
    "many ORs": Array.from({ length: 10_000 }, () => "a").join(" OR "),
    "ORs to the limit": fill("a OR ").slice(0, -4),
    NOTs: fill("NOT "),
    "minus signs": fill("-"),
    quotes: fill('"'),
    "quotes and escapes": `"${fill('\\"').slice(4)}"`,
    "an open quote": `"${fill("\\\\").slice(2)}`,
    dots: fill("a."),
    "a deep path": `${fill("j_node.").slice(0, -7)} = 1`,
    wildcards: `j_string = "${fill("a*").slice(16)}"`,
    stars: `j_string = ${fill("*").slice(16)}`,
    digits: `j_double = ${fill("1").slice(16)}`,
    "digits of an integer": `j_int64 = ${fill("1").slice(16)}`,
    "digits of an amount": `c_money = 0.${fill("1").slice(16)}`,
    "fractions of a second": `j_timestamp = 2024-05-01T00:00:00.${fill("1").slice(48)}Z`,
    spaces: fill(" "),
    operators: fill("="),
    "half of a character": "\ud800",
  };
  test.for(Object.entries(worst))("%s", ([, filter]) => {
    const error = refusal(filter);
    if (error) expect(error.details.fields?.[0]?.field).toBe("filter");
    else
      connection.prepare(
        `SELECT 1 FROM everythings WHERE ${compileFilter(EVERYTHING_PLAN, filter).where}`,
      );
    try {
      // Each token is looked at a few times, and no text has more tokens than characters.
      expect(parseFilter(filter).steps).toBeLessThan(6 * filter.length + 6);
    } catch (failure) {
      expect(failure).toBeInstanceOf(StoreError);
    }
  });

  test("steps grow with the length", () => {
    const stepsOf = (count: number) =>
      parseFilter(Array.from({ length: count }, (_, i) => `(a = ${i})`).join(" OR ")).steps;
    expect(stepsOf(64)).toBeLessThan(4.5 * stepsOf(16));
  });

  test("the limits are where they are said to be", () => {
    const nested = (depth: number) => `${"(".repeat(depth)}j_int32 = 1${")".repeat(depth)}`;
    const many = (count: number) => Array.from({ length: count }, () => "j_int32 = 1").join(" OR ");
    const path = (parts: number) => `j_node.${"child.".repeat(parts - 2)}value = 1`;
    const pieces = (count: number) => {
      const halves = [Math.floor(count / 2), Math.ceil(count / 2)];
      return halves.map((half) => `c_string = "${"*a".repeat(half)}*"`).join(" OR ");
    };
    const long = (bytes: number) => `"${"é".repeat((bytes - 2) / 2)}"`;
    for (const [make, limit] of [
      [nested, FILTER_LIMITS.depth],
      [many, FILTER_LIMITS.restrictions],
      [path, FILTER_LIMITS.depth],
      [pieces, FILTER_LIMITS.pieces],
      [long, FILTER_LIMITS.bytes],
    ] as const) {
      expect(refusal(make(limit))).toBeUndefined();
      expect(refusal(make(limit + 2))?.code).toBe("INVALID_FIELD");
    }
  });

  test("the largest filters run in SQLite", () => {
    const all = Array.from({ length: 64 }, () => "j_nodes.children.children.value:1");
    const deepest = `j_nodes.${"children.".repeat(30)}value:1`;
    const search = Array.from({ length: 64 }, () => "a");
    for (const filter of [
      all.join(" AND "),
      all.join(" OR "),
      `${"NOT (".repeat(32)}${search.join(" ")}${")".repeat(32)}`,
      deepest,
      Array.from({ length: 8 }, () => deepest).join(" "),
    ]) {
      const { where, parameters } = compileFilter(EVERYTHING_PLAN, filter);
      const sql = `SELECT 1 FROM everythings WHERE ${where}`;
      expect(connection.prepare(sql).all(...parameters)).toEqual([]);
    }
  });
});
