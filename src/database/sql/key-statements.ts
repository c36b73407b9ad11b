// The statements that read rows by a list of keys: the keys are one parameter, so that there are few
// texts to prepare. How a list becomes rows is SQLite's way still.

import type { ResourcePlan, TablePlan } from "../../schema/plan.ts";
import { rowsOf } from "./rows-of.ts";
import { resourceColumns, type Statement } from "./statements.ts";

/** The rows with these keys, in no order; a key without a row has none. */
export function selectByKeys(plan: ResourcePlan, keys: readonly bigint[]): Statement;
export function selectByKeys(plan: TablePlan, keys: readonly bigint[], columns: string): Statement;
export function selectByKeys(
  plan: TablePlan,
  keys: readonly bigint[],
  columns = resourceColumns(plan),
): Statement {
  return {
    sql:
      `SELECT ${columns} FROM ${rowsOf(plan)} ` +
      `WHERE ${plan.sql.key} IN (SELECT value FROM json_each(?))`,
    parameters: [`[${keys.join(",")}]`],
  };
}

/** How many bytes each of the rows with these keys has, about. */
export function selectSizes(plan: ResourcePlan, keys: readonly bigint[]): Statement {
  return selectByKeys(plan, keys, `${plan.sql.key}, ${sizeOf(plan)}`);
}

/** About how many bytes a row has, as SQL. */
export function sizeOf(plan: ResourcePlan): string {
  const names = ["data", "wire", ...plan.columns.map(({ sqlName }) => sqlName)];
  return names.map((name) => `coalesce(octet_length(${name}), 0)`).join(" + ");
}

/** The bytes of the texts in the rows with these keys: of the JSON, and then of each column. */
export function selectTextBytes(plan: TablePlan, keys: readonly bigint[]): Statement {
  const names = ["data", ...plan.columns.map(({ sqlName }) => sqlName)];
  const texts = names.map(
    (name) => `CASE typeof(${name}) WHEN 'text' THEN CAST(${name} AS BLOB) END`,
  );
  return selectByKeys(plan, keys, [plan.sql.key, ...texts].join(", "));
}
