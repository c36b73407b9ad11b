// Asks SQLite how it would run a statement, and how large the table is. Runs no statement that it is
// given, and reads at most a bounded number of rows.

import type { TablePlan } from "../../../schema/plan.ts";
import type { Statement } from "../../sql/statements.ts";
import { type Connection, openConnection, translateSqliteError } from "../connection/connection.ts";
import type { QueryPlan, TableStatistics } from "./query-plan.ts";

/** Explains a statement that reads the plan's table. @throws StoreError */
export function explainStatement(
  connection: Connection,
  { table, sql }: Pick<TablePlan, "table" | "sql">,
  statement: Statement,
): QueryPlan {
  try {
    return {
      details: explainDetails(connection, statement),
      statistics: readStatistics(connection, table, sql),
    };
  } catch (error) {
    throw translateSqliteError(error);
  }
}

/** The details of EXPLAIN QUERY PLAN, in order. */
export function explainDetails(
  connection: Connection,
  { sql, parameters }: Statement,
): readonly string[] {
  const rows = connection
    .prepare<unknown[], { detail: string }>(`EXPLAIN QUERY PLAN ${sql}`)
    .all(...parameters);
  return rows.map(({ detail }) => detail);
}

/** Up to so many rows are counted; beyond, the highest key is taken for their number. */
const COUNTED_ROWS_MAX = 100_000n;

function readStatistics(
  connection: Connection,
  table: string,
  sql: TablePlan["sql"],
): TableStatistics {
  const stat = readStat1(connection, table);
  const perKey = new Map(
    stat.map(({ idx, numbers }) => [idx, numbers.slice(1)] as const).filter(([idx]) => idx !== ""),
  );
  const analyzed = stat[0]?.numbers[0];
  return { rows: analyzed ?? countRows(connection, sql), perKey };
}

function countRows(connection: Connection, { table, key }: TablePlan["sql"]): bigint {
  const one = (sql: string): bigint => connection.prepare(sql).pluck().get() as bigint;
  const limit = COUNTED_ROWS_MAX + 1n;
  const counted = one(`SELECT count(*) FROM (SELECT 1 FROM ${table} LIMIT ${limit})`);
  return counted < limit ? counted : one(`SELECT max(${key}) FROM ${table}`);
}

/** What ANALYZE found: for each index its number of rows, then the rows for one key, two keys, … */
function readStat1(
  connection: Connection,
  table: string,
): readonly { idx: string; numbers: readonly bigint[] }[] {
  const exists = connection
    .prepare("SELECT 1 FROM sqlite_schema WHERE name = 'sqlite_stat1'")
    .get();
  if (!exists) return [];
  return connection
    .prepare<[string], { idx: string | null; stat: string | null }>(
      "SELECT idx, stat FROM sqlite_stat1 WHERE lower(tbl) = lower(?)",
    )
    .all(table)
    .map(({ idx, stat }) => ({
      idx: idx ?? "",
      numbers: (stat?.match(/(?<=^| )\d+(?= |$)/g) ?? []).map(BigInt),
    }));
}

/**
 * The tables and their indexes without rows and statistics, in memory; the caller closes it. What an
 * index can do is asked of it: with statistics of few rows, SQLite may rather scan.
 */
export function openEmptyCopy(connection: Connection, tables: readonly string[]): Connection {
  const read = connection.prepare<[string], { type: string; name: string; sql: string }>(
    "SELECT type, name, sql FROM sqlite_schema " +
      "WHERE lower(tbl_name) = lower(?) AND type IN ('table', 'index') AND sql IS NOT NULL " +
      "ORDER BY type DESC",
  );
  const copy = openConnection(":memory:", { busyTimeoutMs: 0 });
  try {
    for (const { sql } of tables.flatMap((table) => read.all(table))) copy.exec(sql);
  } catch (error) {
    copy.close();
    throw translateSqliteError(error);
  }
  return copy;
}
