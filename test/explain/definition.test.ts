// The text of CREATE statements is taken apart as SQLite reads it.

import { expect, test } from "vitest";
import { openConnection } from "../../src/database/sqlite/connection/connection.ts";
import { describeTables } from "../../src/database/sqlite/inspect/describe.ts";
import {
  columnDefinitions,
  generatedExpressionOf,
  indexKeysOf,
} from "../../src/database/sqlite/inspect/sql-definition.ts";

function expressionsOf(sql: string): (readonly [string, string | undefined])[] {
  return columnDefinitions(sql).map(({ name, tokens }) => [name, generatedExpressionOf(tokens)]);
}

test.each<[string, [string, string | undefined][]]>([
  [
    "CREATE TABLE t (a, b AS (a + 1))",
    [
      ["a", undefined],
      ["b", "a + 1"],
    ],
  ],
  [
    "CREATE TABLE t (a INT CHECK (a AS (x)), b)",
    [
      ["a", undefined],
      ["b", undefined],
    ],
  ],
  [
    `CREATE TABLE "x(" ("a,b" AS (')'), [c d] AS ("," || '''(' ))`,
    [
      ["a,b", "')'"],
      ["c d", `"," || '''('`],
    ],
  ],
  [
    "create temp table t (a /* ( */ -- ) ,\n, b as ( f( a,\n\t'x' ) ) stored)",
    [
      ["a", undefined],
      ["b", "f( a, 'x' )"],
    ],
  ],
  [
    "CREATE TABLE t (a DECIMAL(10,2) DEFAULT (1), b AS (CASE a WHEN 1 THEN 9e999 END))",
    [
      ["a", undefined],
      ["b", "CASE a WHEN 1 THEN 9e999 END"],
    ],
  ],
  [
    "CREATE TABLE t (a, b AS (a) COLLATE NOCASE)",
    [
      ["a", undefined],
      ["b", undefined],
    ],
  ],
  ["CREATE VIRTUAL TABLE t USING fts5 (a, b AS (a))", []],
  ["CREATE VIEW t (a) AS SELECT (1)", []],
  ["", []],
  ["CREATE TABLE t (a AS ('", [["a", "'"]]],
])("%s", (sql, expected) => {
  expect(expressionsOf(sql)).toEqual(expected);
});

test("the keys of an index", () => {
  expect(
    indexKeysOf("CREATE UNIQUE INDEX i ON t (a DESC, coalesce(b, ',') asc, \"c\") WHERE (d)"),
  ).toEqual(["a", "coalesce(b, ',')", '"c"']);
});

test("a table is described with its expressions and indexes", () => {
  const connection = openConnection(":memory:", { busyTimeoutMs: 0 });
  connection.exec(`
    CREATE TABLE t (a TEXT UNIQUE, "B b" AS (lower(a)), c INT AS (length(a)) STORED, d);
    CREATE INDEX i ON t ("B b", length(a) DESC, d COLLATE NOCASE);
    CREATE INDEX p ON t (d) WHERE d > 1;
  `);
  const table = describeTables(connection)("T");
  expect(table?.columns.map(({ name, expression }) => [name, expression])).toEqual([
    ["a", undefined],
    ["B b", "lower(a)"],
    ["c", "length(a)"],
    ["d", undefined],
  ]);
  expect(table?.indexes.toSorted((a, b) => a.name.localeCompare(b.name))).toEqual([
    { name: "i", keys: ["B b", "length(a)", "d"], partial: false },
    { name: "p", keys: ["d"], partial: true },
    { name: "sqlite_autoindex_t_1", keys: ["a"], partial: false },
  ]);
  connection.close();
});
