// Reads the rows of tables page by page, in the order of their keys: few rows, and few bytes, at a time.
// SQL that every database has.

import { quoteName, sqlName } from "../../schema/sql-name.ts";
import type { Row, SqlValue } from "../../schema/sql-value.ts";
import { isDoubtful, textOf } from "../../schema/text-bytes.ts";
import type { Statement } from "../sql/statements.ts";
import type { RowSource } from "../sql/verify/verify-rows.ts";
import type { CopiedTable, RefusedRow } from "./copy-ends.ts";

/** The rows of a page, and their bytes, about: a single row may have more. */
const [PAGE_ROWS, PAGE_BYTES] = [1_000, 4 * 1024 * 1024];

/** A stretch of a table's rows: after one key, and to another. */
export interface KeyRange {
  readonly after: readonly SqlValue[] | undefined;
  readonly to: readonly SqlValue[];
}

/** A name as it stands in SQL text; one that is not ours may have any characters. */
export function inSql(name: string): string {
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(name) ? sqlName(name) : quoteName(name);
}

/** The stretches that the rows after a key make, each to be read at once. */
export async function* keyRanges(
  source: RowSource,
  { name, keys, columns }: CopiedTable,
  begin?: readonly SqlValue[],
): AsyncGenerator<KeyRange> {
  const size = columns.map((each) => `coalesce(${source.dialect.byteLength(inSql(each))}, 0)`);
  const order = keys.map(inSql).join(", ");
  let after = begin;
  for (;;) {
    const { rows } = await source.read([
      {
        sql:
          `SELECT ${order}, ${size.join(" + ")} FROM ${inSql(name)} ` +
          `${after ? `WHERE ${compare(keys, ">")} ` : ""}ORDER BY ${order} LIMIT ?`,
        parameters: [...(after ?? []), BigInt(PAGE_ROWS)],
      },
    ]);
    const found = rows[0] ?? [];
    if (found.length === 0) return;
    const to = found[lastThatFits(found)]?.slice(0, keys.length) ?? [];
    yield { after, to };
    after = to;
  }
}

function lastThatFits(sizes: readonly Row[]): number {
  let bytes = 0;
  const first = sizes.findIndex((row, index) => {
    bytes += Number(row.at(-1));
    return index > 0 && bytes > PAGE_BYTES;
  });
  return first < 0 ? sizes.length - 1 : first - 1;
}

/** The rows of a stretch, with these columns. */
export function selectRange(
  { name, keys }: CopiedTable,
  { after, to }: KeyRange,
  columns: string,
): Statement {
  const conditions = [...(after ? [compare(keys, ">")] : []), compare(keys, "<=")];
  return {
    sql:
      `SELECT ${columns} FROM ${inSql(name)} WHERE ${conditions.join(" AND ")} ` +
      `ORDER BY ${keys.map(inSql).join(", ")}`,
    parameters: [...(after ?? []), ...to],
  };
}

function compare(keys: readonly string[], operator: string): string {
  return `(${keys.map(inSql).join(", ")}) ${operator} (${keys.map(() => "?").join(", ")})`;
}

/** The rows of a stretch with all their columns, and those that have a text which is none. */
export async function readRange(
  source: RowSource,
  table: CopiedTable,
  range: KeyRange,
): Promise<{ readonly rows: readonly Row[]; readonly refused: readonly RefusedRow[] }> {
  const { dialect } = source;
  const { columns } = table;
  const found = await source.read([selectRange(table, range, columns.map(inSql).join(", "))]);
  const rows = found.rows[0] ?? [];
  const isExact = rows.every((row) => !row.some((value) => isDoubtful(value, dialect.encoding)));
  if (isExact) return { rows, refused: [] };
  const bytes = columns.map((column) => dialect.textBytes(inSql(column))).join(", ");
  const stored = (await source.read([selectRange(table, range, bytes)])).rows[0] ?? [];
  const exact = rows.map((row, index) =>
    row.map((value, place) => {
      const text = stored[index]?.[place];
      return text instanceof Uint8Array ? textOf(text, dialect.encoding) : value;
    }),
  );
  const brokenIn = (row: Row) =>
    row.findIndex((value) => typeof value === "string" && !value.isWellFormed());
  return {
    rows: exact.filter((row) => brokenIn(row) < 0),
    refused: exact
      .filter((row) => brokenIn(row) >= 0)
      .map((row) => ({ row, reason: `${columns[brokenIn(row)]} has bytes that are no text` })),
  };
}

/** The key of the last row of the table; undefined if it has none. */
export async function lastKey(
  source: RowSource,
  { name, keys }: CopiedTable,
): Promise<readonly SqlValue[] | undefined> {
  const names = keys.map(inSql);
  const { rows } = await source.read([
    {
      sql:
        `SELECT ${names.join(", ")} FROM ${inSql(name)} ` +
        `ORDER BY ${names.map((key) => `${key} DESC`).join(", ")} LIMIT 1`,
      parameters: [],
    },
  ]);
  return rows[0]?.[0];
}

/** How many rows each of the tables has. */
export async function countRows(
  source: RowSource,
  tables: readonly Pick<CopiedTable, "name">[],
): Promise<readonly number[]> {
  const { rows } = await source.read(
    tables.map(({ name }) => ({
      sql: `SELECT count(*) FROM ${inSql(name)}`,
      parameters: [],
    })),
  );
  return rows.map(([row]) => Number(row?.[0]));
}
