// The statements that read rows by a list of keys: the keys are one parameter, so that there are few
// texts to prepare.

import type { ResourcePlan, TablePlan } from "../../schema/plan.ts";
import type { RowDialect } from "./dialect.ts";
import { rowsOf } from "./rows-of.ts";
import { resourceColumns, type Statement } from "./statements.ts";

/** The rows with these keys, in no order; a key without a row has none. */
export function selectByKeys(
  plan: TablePlan,
  keys: readonly bigint[],
  dialect: RowDialect,
  columns = resourceColumns(plan),
): Statement {
  const { sql, parameters } = dialect.keysIn(plan.sql.key, keys);
  return { sql: `SELECT ${columns} FROM ${rowsOf(plan)} WHERE ${sql}`, parameters };
}

/** How many bytes each of the rows with these keys has, about. */
export function selectSizes(
  plan: ResourcePlan,
  keys: readonly bigint[],
  dialect: RowDialect,
): Statement {
  return selectByKeys(plan, keys, dialect, `${plan.sql.key}, ${sizeOf(plan, dialect)}`);
}

/** About how many bytes a row has, as SQL. */
export function sizeOf(plan: ResourcePlan, dialect: RowDialect): string {
  const names = ["data", "wire", ...plan.columns.map(({ sqlName }) => sqlName)];
  return names.map((name) => `coalesce(${dialect.byteLength(name)}, 0)`).join(" + ");
}

/** The bytes of the texts in the rows with these keys: of the JSON, and then of each column. */
export function selectTextBytes(
  plan: TablePlan,
  keys: readonly bigint[],
  dialect: RowDialect,
): Statement {
  const names = ["data", ...plan.columns.map(({ sqlName }) => sqlName)];
  const columns = [plan.sql.key, ...names.map((name) => dialect.textBytes(name))];
  return selectByKeys(plan, keys, dialect, columns.join(", "));
}
