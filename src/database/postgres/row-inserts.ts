// Inserts many rows with one statement that has one parameter for each column, so that any number of rows
// has the same text. Knows the types of columns, and nothing of what is in them.

import type { ResourcePlan } from "../../schema/plan.ts";
import { sqlName } from "../../schema/sql-name.ts";
import type { SqlValue } from "../../schema/sql-value.ts";
import { childNames, type Statement } from "../sql/statements.ts";
import type { RowInserts } from "../sql/write/transaction.ts";
import { childCells, resourceCells, resourceNames } from "../sql/write-statements.ts";
import type { Session } from "./session.ts";
import { arrayText } from "./statement-text.ts";

/** The rows of a batch that are in memory at once as what they are sent as. */
const ROWS_MAX = 256;

/** The types of the columns of a table, both as they stand in SQL text. */
type ColumnTypes = ReadonlyMap<string, string>;

/** How rows are inserted into the tables of the plans, as they are now. */
export async function readRowInserts(
  session: Pick<Session, "all">,
  plans: readonly ResourcePlan[],
): Promise<RowInserts> {
  const tables = plans.flatMap((plan) => [plan, ...plan.children]);
  const rows = await session.all({
    sql:
      "SELECT wanted.name, attname, format_type(atttypid, NULL) " +
      "FROM unnest(?::text[]) AS wanted(name) JOIN pg_attribute ON attrelid = to_regclass(wanted.name) " +
      "WHERE attnum > 0 AND NOT attisdropped",
    parameters: [arrayText(tables.map(({ sql }) => sql.table))],
  });
  const types = new Map<string, Map<string, string>>();
  for (const [table, column, type] of rows as [string, string, string][]) {
    const known = types.get(table) ?? new Map<string, string>();
    types.set(table, known.set(sqlName(column).toLowerCase(), type));
  }
  const insert = (table: string, names: readonly string[], cells: readonly SqlValue[][]) =>
    insertRows(table, names, types.get(table), cells);
  return {
    rowsMax: ROWS_MAX,
    fitting: (count) => count,
    resources: (plan, all) => insert(plan.sql.table, resourceNames(plan), all.map(resourceCells)),
    children: (child, all) => insert(child.sql.table, childNames(child), all.map(childCells)),
  };
}

/** Undefined if there is a column whose values cannot be one parameter. */
function insertRows(
  table: string,
  names: readonly string[],
  types: ColumnTypes | undefined,
  rows: readonly SqlValue[][],
): Statement | undefined {
  const own = names.map((name) => types?.get(name.toLowerCase()));
  // An array of arrays would come apart into all of their elements.
  if (own.some((type) => type === undefined || type.endsWith("[]"))) return undefined;
  return insertByColumns(table, names, own as string[], rows);
}

/** Inserts rows whose columns are of these types; all names as they stand in SQL text. */
export function insertByColumns(
  table: string,
  names: readonly string[],
  types: readonly string[],
  rows: readonly (readonly SqlValue[])[],
): Statement {
  const marks = types.map((type) => `?::${type}[]`).join(", ");
  return {
    sql: `INSERT INTO ${table} (${names.join(", ")}) SELECT * FROM unnest(${marks})`,
    parameters: names.map((_, index) => arrayText(rows.map((row) => row[index] ?? null))),
  };
}
