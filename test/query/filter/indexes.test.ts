// Which filters and orders SQLite answers from an index: on columns, and on generated columns of
// JSON fields, which the request does not name.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { generatedColumn } from "../../../src/database/sql/filter/generated-column.ts";
import type { TableFacts } from "../../../src/database/sql/filter/source.ts";
import {
  type Connection,
  openConnection,
} from "../../../src/database/sqlite/connection/connection.ts";
import { sqliteDialect } from "../../../src/database/sqlite/dialect/sqlite-dialect.ts";
import type { SqlValue } from "../../../src/schema/sql-value.ts";
import { EVERYTHING_TABLES, EVERYTHING_PLAN as PLAN } from "../../support/everything.ts";
import { compileFilter, compileOrder } from "../compiled.ts";

/** A type for each generated column keeps what is in it as it is. */
const GENERATED = [
  "j_string",
  "j_string_optional",
  "j_int64",
  "j_uint64",
  "j_double_optional",
  "j_color",
  "j_timestamp",
  "j_node.value",
  "c_timestamp",
] as const;
const COLUMNS = [
  "CInt32",
  "CString",
  "CStringOptional",
  "CMoney",
  "CDuration",
  "CDate",
  "CReference",
];

let connection: Connection;
let facts: Partial<TableFacts>;
beforeAll(() => {
  connection = openConnection(":memory:", { busyTimeoutMs: 0 });
  connection.exec(EVERYTHING_TABLES);
  const generated = new Map<string, string>();
  for (const [index, path] of GENERATED.entries()) {
    const column = generatedColumn(PLAN, path, sqliteDialect("UTF-8"));
    if (!column) throw new Error(path);
    generated.set(column.key, `G${index}`);
    connection.exec(`
      ALTER TABLE everythings ADD COLUMN G${index} GENERATED ALWAYS AS (${column.expression}) VIRTUAL;
      CREATE INDEX everythings_g${index} ON everythings (G${index});`);
  }
  for (const name of COLUMNS)
    connection.exec(`CREATE INDEX everythings_${name} ON everythings (${name})`);
  facts = { generated, notNull: new Set(["CInt32", "CString"]) };
});
afterAll(() => {
  connection.close();
});

function explain(sql: string, parameters: readonly SqlValue[]): string {
  const rows = connection.prepare(`EXPLAIN QUERY PLAN ${sql}`).all(...parameters);
  return (rows as { detail: string }[]).map(({ detail }) => detail).join("\n");
}

describe("a search in an index", () => {
  test.for([
    "c_int32 = 7",
    "c_int32 < 0",
    "c_string = 'abc'",
    "c_string = 'abc*'",
    "c_string_optional = 'abc*'",
    "c_money < 0.99",
    "c_money = 0.99",
    "c_duration > 20s",
    "c_date = 2024-05-01",
    "c_timestamp >= 2024-05-01T00:00:00Z",
    "c_reference = 'everythings/7'",
    "name = 'everythings/7'",
    "j_string = abc",
    "j_string = 'abc*'",
    "j_int64 = 5",
    "j_int64 > 5",
    "j_int64 < 5",
    "j_uint64 > 18446744073709551000",
    "j_double_optional <= 1.5",
    "j_color = COLOR_RED",
    "j_timestamp > 2024-05-01T00:00:00Z",
    "j_node.value = 5",
    "j_string = abc AND j_strings:x",
  ])("%s", (filter) => {
    const { where, parameters } = compileFilter(PLAN, filter, facts);
    const plan = explain(`SELECT 1 FROM everythings WHERE ${where}`, parameters);
    expect(plan).toMatch(/SEARCH everythings USING/);
    expect(plan).not.toMatch(/SCAN everythings/);
  });
});

describe("the order of an index, and its pages", () => {
  test.for([
    ["", [7n]],
    ["name desc", [7n]],
    ["c_int32", [5n, 7n]],
    ["c_int32 desc", [5n, 7n]],
    ["c_string", ["a", 7n]],
    ["c_money desc", [0.99, 7n]],
    ["c_string_optional", ["a", 7n]],
    ["c_string_optional", [null, 7n]],
    ["c_string_optional desc", ["a", 7n]],
    ["c_string_optional desc", [null, 7n]],
    ["j_string_optional", ["a", 7n]],
    ["j_timestamp desc", ["2024-05-01 00:00:00.000000000", 7n]],
    ["c_timestamp", ["2024-05-01 00:00:00.000000000", 7n]],
    ["j_double_optional", [1.5, 7n]],
  ] as const)("%s after %s", ([order, values]) => {
    const { orderBy, keyset } = compileOrder(PLAN, order, facts);
    const sql = (where: string) =>
      `SELECT 1 FROM everythings WHERE ${where} ORDER BY ${orderBy} LIMIT 5`;
    expect(explain(sql("TRUE"), [])).not.toMatch(/TEMP B-TREE/);
    for (const part of keyset(values).parts) {
      const plan = explain(sql(part.sql), part.parameters);
      expect(plan).toMatch(/SEARCH/);
      // By the key too, or rows with an equal value would be read again for each page.
      if (part.parameters.length > 1) expect(plan).toMatch(/rowid/);
      expect(plan).not.toMatch(/TEMP B-TREE/);
    }
  });

  test("of a field with a default, from an index on the term itself", () => {
    const { terms, orderBy, keyset } = compileOrder(PLAN, "j_node.value", facts);
    const expression = terms[0]?.expression.replaceAll("everythings.", "");
    connection.exec(`CREATE INDEX everythings_term ON everythings (${expression})`);
    const { where, parameters } = keyset([5n, 7n]);
    const plan = explain(
      `SELECT 1 FROM everythings WHERE ${where} ORDER BY ${orderBy}`,
      parameters,
    );
    expect(plan).toMatch(/SEARCH everythings USING (?:COVERING )?INDEX everythings_term/);
    expect(plan).not.toMatch(/TEMP B-TREE/);
  });
});

test("generated columns change no answer", () => {
  const insert = connection.prepare(
    `INSERT INTO everythings (CDouble, CFloat, CInt32, CInt64, CUint32, CUint64, CSint32, CSint64,
      CFixed32, CFixed64, CSfixed32, CSfixed64, CBool, CString, CBytes, CColor, CTimestamp, data)
      VALUES (0, 0, ?, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, '', x'', 0, ?, ?)`,
  );
  const values = [
    {},
    { jString: "", jInt64: "-5", jUint64: "18446744073709551615", jDoubleOptional: "-Infinity" },
    { jString: "b", jInt64: "10", jUint64: "9", jDoubleOptional: 2, jColor: "COLOR_CRIMSON" },
    { jString: "é", jInt64: 9, jUint64: "10", jDoubleOptional: "NaN", jColor: -7, jNode: {} },
    { jStringOptional: "x", jNode: { value: "9007199254740993" }, jDoubleOptional: "Infinity" },
    { jTimestamp: "2024-05-01T00:00:00Z" },
    { jTimestamp: "2024-05-01T00:00:00.5Z", jStringOptional: "" },
  ];
  for (const [index, data] of values.entries()) {
    insert.run(
      BigInt(index),
      index % 2 ? "2024-05-01" : "2024-05-01 10:00:00",
      JSON.stringify(data),
    );
  }
  const filters = ["=", "!=", "<", "<=", ">", ">="].flatMap((operator) => [
    `j_string ${operator} b`,
    `j_string_optional ${operator} x`,
    `j_int64 ${operator} 9`,
    `j_uint64 ${operator} 10`,
    `j_double_optional ${operator} 2`,
    `j_double_optional ${operator} Infinity`,
    `j_timestamp ${operator} 2024-05-01T00:00:00.25Z`,
    `j_node.value ${operator} 9007199254740993`,
    `j_node.value ${operator} 0`,
    `c_timestamp ${operator} 2024-05-01T00:00:00Z`,
  ]);
  for (const filter of [
    ...filters,
    "j_color = COLOR_RED",
    "j_color != COLOR_RED",
    "j_string = 'b*'",
  ]) {
    const [with_, without] = [facts, {}].map((given) => {
      const { where, parameters } = compileFilter(PLAN, filter, given);
      return connection
        .prepare(`SELECT EverythingId FROM everythings WHERE ${where}`)
        .pluck()
        .all(...parameters)
        .toSorted();
    });
    expect(with_, filter).toEqual(without);
  }
  for (const path of GENERATED) {
    for (const order of [path, `${path} desc`]) {
      const [with_, without] = [facts, {}].map((given) =>
        connection
          .prepare(
            `SELECT EverythingId FROM everythings ORDER BY ${compileOrder(PLAN, order, given).orderBy}`,
          )
          .pluck()
          .all(),
      );
      expect(with_, order).toEqual(without);
    }
  }
});

test("what no one column can hold has no generated column", () => {
  for (const path of [
    "j_duration",
    "j_date",
    "j_money",
    "j_strings",
    "j_struct",
    "j_map_string.a",
    "nothing",
  ]) {
    expect(generatedColumn(PLAN, path, sqliteDialect("UTF-8")), path).toBeUndefined();
  }
  expect(generatedColumn(PLAN, "j_string", sqliteDialect("UTF-8"))).toEqual({
    key: "$.jString",
    expression:
      "CASE WHEN json_valid(data) THEN CASE json_type(data, '$.jString') " +
      "WHEN 'text' THEN json_extract(data, '$.jString') END END",
  });
});
