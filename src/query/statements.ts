// SQL text of the standard statements, made from plans. Pure.
// Only names from plans enter the text (schema/plan.ts lets nothing but identifiers through); every
// value is a parameter.

import type { ChildPlan, ResourcePlan, TablePlan } from "../schema/plan.ts";
import type { ChildRow, ResourceRow } from "../schema/row.ts";
import type { Row, SqlValue } from "../schema/sql-value.ts";

/** SQL text and the values of its parameters, in order. */
export interface Statement {
  readonly sql: string;
  readonly parameters: readonly SqlValue[];
}

/** The row with this key. */
export function selectByKey(plan: ResourcePlan, key: bigint): Statement {
  return {
    sql: `SELECT ${resourceColumns(plan)} FROM ${plan.table} WHERE ${plan.key} = ?`,
    parameters: [key],
  };
}

/** At most `limit` rows with keys above `after`, by key. */
export function selectPage(plan: ResourcePlan, after: bigint | null, limit: number): Statement {
  const columns = resourceColumns(plan);
  const order = `ORDER BY ${plan.key} LIMIT ?`;
  return after === null
    ? { sql: `SELECT ${columns} FROM ${plan.table} ${order}`, parameters: [BigInt(limit)] }
    : {
        sql: `SELECT ${columns} FROM ${plan.table} WHERE ${plan.key} > ? ${order}`,
        parameters: [after, BigInt(limit)],
      };
}

/** The child rows of the rows of the statement `parents`, which selects `resourceColumns`. */
export function selectChildren(
  plan: ResourcePlan,
  child: ChildPlan,
  parents: Statement,
): Statement {
  const columns = [child.key, child.parentKey, "data", ...child.columns.map(({ name }) => name)];
  return {
    sql:
      `SELECT ${columns.join(", ")} FROM ${child.table} WHERE ${child.parentKey} IN ` +
      `(SELECT ${plan.key} FROM (${parents.sql})) ORDER BY ${child.parentKey}, ${child.key}`,
    parameters: parents.parameters,
  };
}

/** The columns of a resource row, in the order that `toResourceRow` reads them. */
export function resourceColumns(plan: ResourcePlan, qualifier = ""): string {
  return [
    plan.key,
    "revision",
    "created_at",
    "updated_at",
    "wire",
    "data",
    ...plan.columns.map(({ name }) => name),
  ]
    .map((name) => qualifier + name)
    .join(", ");
}

/** A row that was selected with `resourceColumns`. */
export function toResourceRow(row: Row): ResourceRow {
  const [key, revision, createdAt, updatedAt, wire, data, ...columns] = row;
  return { key, revision, createdAt, updatedAt, wire, data, columns } as ResourceRow;
}

/** A row that was selected by `selectChildren`. */
export function toChildRow(row: Row): ChildRow {
  const [key, parentKey, data, ...columns] = row;
  return { key, parentKey, data, columns } as ChildRow;
}

/** Inserts a resource row: parameters as `toParameters` gives them. */
export function insertResource(plan: ResourcePlan, row: ResourceRow): Statement {
  return insert(plan.table, [plan.key, ...resourceNames(plan)], [row.key, ...resourceCells(row)]);
}

/** Replaces all of a resource row but its key. */
export function updateResource(plan: ResourcePlan, row: ResourceRow): Statement {
  return update(plan, resourceNames(plan), resourceCells(row), row.key);
}

/** Inserts a child row. */
export function insertChild(plan: ChildPlan, row: ChildRow): Statement {
  return insert(
    plan.table,
    [plan.key, plan.parentKey, "data", ...plan.columns.map(({ name }) => name)],
    [row.key, row.parentKey, row.data, ...row.columns],
  );
}

/** Replaces all of a child row but its keys. */
export function updateChild(plan: ChildPlan, row: ChildRow): Statement {
  const names = ["data", ...plan.columns.map(({ name }) => name)];
  return update(plan, names, [row.data, ...row.columns], row.key);
}

/** Deletes the row with this key. */
export function deleteByKey(plan: TablePlan, key: bigint): Statement {
  return { sql: `DELETE FROM ${plan.table} WHERE ${plan.key} = ?`, parameters: [key] };
}

/** Deletes the child rows of the row with this key. */
export function deleteChildren(child: ChildPlan, parentKey: bigint): Statement {
  return {
    sql: `DELETE FROM ${child.table} WHERE ${child.parentKey} = ?`,
    parameters: [parentKey],
  };
}

/** One row with one column: a key that no row of the table has or ever had, or NULL. */
export function selectNextKey(plan: TablePlan): Statement {
  // max + 1 of the largest integer would be a REAL.
  return {
    sql:
      `SELECT nullif(max(coalesce((SELECT max(${plan.key}) FROM ${plan.table}), 0), ` +
      `coalesce((SELECT last_id FROM id_high_water WHERE table_name = ?), 0)), ` +
      `9223372036854775807) + 1`,
    parameters: [plan.table],
  };
}

/** One row if a row of the table refers to `key` in its column. */
export function selectReferrer(plan: TablePlan, column: string, key: bigint): Statement {
  return { sql: `SELECT 1 FROM ${plan.table} WHERE ${column} = ? LIMIT 1`, parameters: [key] };
}

function resourceNames(plan: ResourcePlan): string[] {
  const system = ["revision", "created_at", "updated_at", "wire", "data"];
  return [...system, ...plan.columns.map(({ name }) => name)];
}

function resourceCells(row: ResourceRow): SqlValue[] {
  return [row.revision, row.createdAt, row.updatedAt, row.wire, row.data, ...row.columns];
}

function insert(
  table: string,
  names: readonly string[],
  parameters: readonly SqlValue[],
): Statement {
  const marks = names.map(() => "?").join(", ");
  return { sql: `INSERT INTO ${table} (${names.join(", ")}) VALUES (${marks})`, parameters };
}

function update(
  plan: TablePlan,
  names: readonly string[],
  cells: readonly SqlValue[],
  key: bigint,
): Statement {
  const assignments = names.map((name) => `${name} = ?`).join(", ");
  return {
    sql: `UPDATE ${plan.table} SET ${assignments} WHERE ${plan.key} = ?`,
    parameters: [...cells, key],
  };
}
