// SQL text of the standard statements that read, made from plans. Pure.
// Only names from plans enter the text (schema/plan.ts lets nothing but identifiers through); every
// value is a parameter.

import type { ChildPlan, LinkTable, ResourcePlan, TablePlan } from "../../schema/plan.ts";
import type { ChildRow, ResourceRow } from "../../schema/row.ts";
import { sqlName } from "../../schema/sql-name.ts";
import type { Row, SqlValue } from "../../schema/sql-value.ts";
import type { Dialect } from "./dialect.ts";
import type { Fragment } from "./filter/fragment.ts";
import { rowsOf } from "./rows-of.ts";

/** SQL text and the values of its parameters, in order. */
export interface Statement {
  readonly sql: string;
  readonly parameters: readonly SqlValue[];
}

/** The row with this key. */
export function selectByKey(plan: ResourcePlan, key: bigint): Statement {
  return {
    sql: `SELECT ${resourceColumns(plan)} FROM ${rowsOf(plan)} WHERE ${plan.sql.key} = ?`,
    parameters: [key],
  };
}

/** A row if there is one with this key. */
export function selectPresence(plan: TablePlan, key: bigint): Statement {
  return { sql: `SELECT 1 FROM ${rowsOf(plan)} WHERE ${plan.sql.key} = ?`, parameters: [key] };
}

/** Which rows a page has. */
export interface PageQuery {
  /** The conditions that all rows must meet. */
  readonly conditions: readonly Fragment[];
  /** The terms of the order, without their direction: their values are selected too. */
  readonly sortTerms: readonly Fragment[];
  /** The ORDER BY clause over the same terms. */
  readonly orderBy: Fragment;
  readonly limit: number;
  readonly offset: number;
}

/**
 * SQLite plans a statement with the value of a bare parameter here, and so anew for each value that is
 * bound: a fifth of the time of a short page.
 */
export const LIMIT = "LIMIT ? + 0";

/** The rows of a page: `columns` and then the values of the sort terms. */
export function selectPage(
  plan: ResourcePlan,
  query: PageQuery,
  dialect: Pick<Dialect, "interruptible">,
  columns = itemColumns(plan),
): Statement {
  const selected = [columns, ...query.sortTerms.map(({ sql }) => sql)];
  return {
    sql:
      `SELECT ${selected.join(", ")} FROM ${rowsOf(plan)}${where(plan, query, dialect)} ` +
      `ORDER BY ${query.orderBy.sql} ${LIMIT} OFFSET ? + 0`,
    parameters: [
      ...[...query.sortTerms, ...query.conditions, query.orderBy].flatMap((p) => p.parameters),
      BigInt(query.limit),
      BigInt(query.offset),
    ],
  };
}

/** One row with the number of rows that meet the conditions. */
export function selectCount(
  plan: ResourcePlan,
  conditions: readonly Fragment[],
  dialect: Pick<Dialect, "interruptible">,
): Statement {
  return {
    sql: `SELECT count(*) FROM ${rowsOf(plan)}${where(plan, { conditions }, dialect)}`,
    parameters: conditions.flatMap(({ parameters }) => parameters),
  };
}

/** The order of keys, which every order ends with. */
export function keyOrder(plan: ResourcePlan): Pick<PageQuery, "sortTerms" | "orderBy"> {
  const term = { sql: plan.sql.key, parameters: [] };
  return { sortTerms: [term], orderBy: term };
}

/** The condition that a row comes after this key. */
export function afterKey(plan: ResourcePlan, key: bigint): Fragment {
  return { sql: `${plan.sql.key} > ?`, parameters: [key] };
}

/** Without conditions, and by key alone, no row is looked at in vain. */
function where(
  { sql: { table, key } }: ResourcePlan,
  { conditions, sortTerms = [] }: Pick<PageQuery, "conditions"> & Partial<PageQuery>,
  dialect: Pick<Dialect, "interruptible">,
): string {
  if (conditions.length === 0 && sortTerms.length <= 1) return "";
  const all = [
    dialect.interruptible(`${table}.${key}`),
    ...conditions.map(({ sql }) => `(${sql})`),
  ];
  return ` WHERE ${all.join(" AND ")}`;
}

/** The child rows of the rows of the statement `parents`, which selects `resourceColumns`. */
export function selectChildren(
  plan: ResourcePlan,
  child: ChildPlan,
  parents: Statement,
): Statement {
  const columns = childNames(child);
  return {
    sql:
      `SELECT ${columns.join(", ")} FROM ${child.sql.table} WHERE ${sqlName(child.parentKey)} IN ` +
      `(SELECT ${plan.sql.key} FROM (${parents.sql})) ORDER BY ${sqlName(child.parentKey)}, ${child.sql.key}`,
    parameters: parents.parameters,
  };
}

/**
 * The columns that a row of a page begins with: its key and how many bytes it has, if it has any that
 * are to be trusted.
 */
export function itemColumns({ sql: { table, key } }: ResourcePlan): string {
  return `${table}.${key}, CASE WHEN ${table}.checksum IS NOT NULL THEN length(${table}.wire) END`;
}

/** How many values `itemColumns` are. */
export const ITEM_COLUMNS = 2;

/** The columns of a resource row, in the order that `toResourceRow` reads them. */
export function resourceColumns(plan: TablePlan): string {
  const columns = plan.columns.map(({ sqlName }) => sqlName);
  const system = ["revision", "created_at", "updated_at", "wire", "checksum", "data"];
  return [plan.sql.key, ...system, ...columns].join(", ");
}

/** A row that was selected with `resourceColumns`, and whatever stands after them. */
export function toResourceRow(plan: ResourcePlan, row: Row): ResourceRow {
  const [key, revision, createdAt, updatedAt, wire, checksum, data, ...rest] = row;
  const columns = rest.slice(0, plan.columns.length);
  return { key, revision, createdAt, updatedAt, wire, checksum, data, columns } as ResourceRow;
}

/** A row that was selected by `selectChildren`. */
export function toChildRow(row: Row): ChildRow {
  const [key, parentKey, data, ...columns] = row;
  return { key, parentKey, data, columns } as ChildRow;
}

/**
 * One row with one column: a key that no row of the table has or ever had, or NULL. Nor has a child
 * row that key as its parent's, which may be there without one.
 */
export function selectNextKey(
  plan: TablePlan & Partial<Pick<ResourcePlan, "children">>,
): Statement {
  const highest = [
    `SELECT max(${plan.sql.key}) AS highest FROM ${plan.sql.table}`,
    "SELECT last_id FROM id_high_water WHERE table_name = ?",
    ...(plan.children ?? []).map(
      ({ sql, parentKey }) => `SELECT max(${sqlName(parentKey)}) FROM ${sql.table}`,
    ),
  ];
  // One more than the largest integer would not be an integer.
  return {
    sql:
      "SELECT nullif(max(coalesce(highest, 0)), 9223372036854775807) + 1 " +
      `FROM (${highest.join(" UNION ALL ")}) AS keys`,
    parameters: [plan.table],
  };
}

/** The keys of the rows of the table that have `key` in this column, at most `limit` if it is given. */
export function selectReferrers(
  plan: Pick<TablePlan, "sql">,
  column: string,
  key: bigint,
  limit?: number,
): Statement {
  const text = `SELECT ${plan.sql.key} FROM ${rowsOf(plan)} WHERE ${sqlName(column)} = ?`;
  if (limit === undefined) {
    return { sql: `${text} ORDER BY ${plan.sql.key}`, parameters: [key] };
  }
  return { sql: `${text} ${LIMIT}`, parameters: [key, BigInt(limit)] };
}

/** One row if the link table has any that refers to `key`. */
export function selectLink({ table, column }: LinkTable, key: bigint): Statement {
  return {
    sql: `SELECT 1 FROM ${sqlName(table)} WHERE ${sqlName(column)} = ? LIMIT 1`,
    parameters: [key],
  };
}

/** The columns of a child row, in the order that `toChildRow` reads them. */
export function childNames(child: ChildPlan): string[] {
  const columns = child.columns.map(({ sqlName }) => sqlName);
  return [child.sql.key, sqlName(child.parentKey), "data", ...columns];
}
