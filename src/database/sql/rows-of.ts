// What every read of rows selects from, so that a condition which all of them are to have has one place.
// Knows no key and no column; a write names the table itself.

import type { TablePlan } from "../../schema/plan.ts";

/**
 * The rows that are read, as SQL after FROM or JOIN, under the name of their table: such as
 * `(SELECT * FROM books WHERE …) AS books`, if some are to be left out.
 */
export function rowsOf({ sql }: Pick<TablePlan, "sql">): string {
  return sql.table;
}
