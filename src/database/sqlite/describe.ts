// Reads what tables a SQLite database has, for the comparison with the plans.
// Judges nothing: what the tables should be is the business of schema/drift.ts.

import type { ColumnDescription, DescribeTable } from "../../schema/drift.ts";
import type { Connection } from "./connection.ts";

interface ColumnRow {
  readonly name: string;
  readonly type: string;
  readonly notnull: bigint;
  readonly dflt_value: string | null;
  readonly pk: bigint;
  readonly hidden: bigint;
}

/** Describes the tables of the database that `connection` has open. */
export function describeTables(connection: Connection): DescribeTable {
  const query = <T>(sql: string, table: string): T[] =>
    connection.prepare<[string], T>(sql).all(table);
  return (table) => {
    const columns = query<ColumnRow>("SELECT * FROM pragma_table_xinfo(?)", table);
    if (columns.length === 0) return undefined;
    return {
      columns: columns.map(toColumn),
      foreignKeys: query('SELECT "from" AS column, "table" FROM pragma_foreign_key_list(?)', table),
      triggers: query<{ name: string }>(
        "SELECT name FROM sqlite_schema WHERE type = 'trigger' AND lower(tbl_name) = lower(?)",
        table,
      ).map(({ name }) => name),
    };
  };
}

function toColumn(row: ColumnRow): ColumnDescription {
  return {
    name: row.name,
    type: row.type,
    notNull: row.notnull !== 0n,
    defaultValue: row.dflt_value,
    primaryKey: Number(row.pk),
    // 2 and 3 are VIRTUAL and STORED generated columns.
    generated: row.hidden >= 2n,
  };
}
