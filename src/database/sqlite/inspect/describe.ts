// Reads what tables a SQLite database has: for the comparison with the plans, and for the expressions
// that an index serves. Judges nothing: what the tables should be is the business of schema/drift.ts.

import type { ColumnDescription, DescribeTable, IndexDescription } from "../../../schema/drift.ts";
import type { Connection } from "../connection/connection.ts";
import {
  collationOf,
  columnDefinitions,
  generatedExpressionOf,
  indexKeysOf,
} from "./sql-definition.ts";

interface ColumnRow {
  readonly name: string;
  readonly type: string;
  readonly notnull: bigint;
  readonly dflt_value: string | null;
  readonly pk: bigint;
  readonly hidden: bigint;
}

interface IndexRow {
  readonly name: string;
  /** What made it: CREATE INDEX (c), UNIQUE (u) or PRIMARY KEY (pk). */
  readonly origin: string;
  readonly sql: string | null;
  readonly partial: bigint;
}

/** Describes the tables of the database that `connection` has open. */
export function describeTables(connection: Connection): DescribeTable {
  const query = <T>(sql: string, table: string): T[] =>
    connection.prepare<[string], T>(sql).all(table);
  return (table) => {
    const columns = query<ColumnRow>("SELECT * FROM pragma_table_xinfo(?)", table);
    if (columns.length === 0) return undefined;
    const [definition] = query<{ sql: string | null }>(
      "SELECT sql FROM sqlite_schema WHERE type IN ('table', 'view') AND lower(name) = lower(?)",
      table,
    );
    const written = readDefinitions(definition?.sql ?? "");
    const [kind] = query<{ wr: bigint; strict: bigint }>(
      "SELECT wr, strict FROM pragma_table_list WHERE schema = 'main' AND lower(name) = lower(?)",
      table,
    );
    const indexes = query<IndexRow>(
      "SELECT list.name, list.origin, sql, list.partial FROM pragma_index_list(?) AS list " +
        "LEFT JOIN sqlite_schema ON type = 'index' AND sqlite_schema.name = list.name",
      table,
    );
    return {
      columns: columns.map((column) => toColumn(column, written.get(column.name.toLowerCase()))),
      rowId: kind?.wr === 0n ? findRowId(columns, indexes) : undefined,
      strict: kind?.strict === 1n,
      foreignKeys: query(
        'SELECT "from" AS column, "table", "to" AS target FROM pragma_foreign_key_list(?)',
        table,
      ),
      triggers: query(
        "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' AND lower(tbl_name) = lower(?)",
        table,
      ),
      indexes: indexes.map((index) => toIndex(index, query)),
    };
  };
}

/**
 * `INTEGER PRIMARY KEY DESC` is none, for the sake of old files: it has an index of its own, and a row
 * that is inserted without a key gets NULL (https://sqlite.org/lang_createtable.html, section 5).
 */
function findRowId(
  columns: readonly ColumnRow[],
  indexes: readonly IndexRow[],
): string | undefined {
  const [key, ...others] = columns.filter(({ pk }) => pk > 0n);
  if (others.length > 0 || key?.type.toUpperCase() !== "INTEGER") return undefined;
  return indexes.some(({ origin }) => origin === "pk") ? undefined : key.name;
}

/** What no pragma tells of a column. */
type Written = Pick<ColumnDescription, "collation" | "expression">;

function readDefinitions(sql: string): ReadonlyMap<string, Written> {
  // To take the text apart takes longer than all the rest.
  if (!/\b(?:collate|as)\b/i.test(sql)) return new Map();
  return new Map(
    columnDefinitions(sql).map(({ name, tokens }) => {
      const expression = generatedExpressionOf(tokens);
      const collation = collationOf(tokens);
      const written = {
        ...(expression !== undefined && { expression }),
        ...(collation !== undefined && { collation }),
      };
      return [name.toLowerCase(), written];
    }),
  );
}

// 2 and 3 are VIRTUAL and STORED generated columns.
function isGenerated({ hidden }: ColumnRow): boolean {
  return hidden >= 2n;
}

function toColumn(row: ColumnRow, written: Written = {}): ColumnDescription {
  const { collation, expression } = written;
  return {
    name: row.name,
    type: row.type,
    notNull: row.notnull !== 0n,
    defaultValue: row.dflt_value,
    primaryKey: Number(row.pk),
    generated: isGenerated(row),
    ...(collation !== undefined && { collation }),
    ...(isGenerated(row) && expression !== undefined && { expression }),
  };
}

function toIndex(
  { name, sql, partial }: IndexRow,
  query: <T>(sql: string, name: string) => T[],
): IndexDescription {
  const written = sql === null ? [] : indexKeysOf(sql);
  const names = query<{ name: string | null }>(
    "SELECT name FROM pragma_index_xinfo(?) WHERE key ORDER BY seqno",
    name,
  );
  return {
    name,
    partial: partial !== 0n,
    // A key that is no column has no name.
    keys: names.map((key, position) => key.name ?? written[position] ?? ""),
  };
}
