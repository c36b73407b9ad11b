// SQL text of the standard statements that read, made from plans. Pure.
// Only names from plans enter the text (schema/plan.ts lets nothing but identifiers through); every
// value is a parameter.

import { expectedCrc } from "../../schema/checksum.ts";
import type { ChildPlan, LinkTable, ResourcePlan, TablePlan } from "../../schema/plan.ts";
import type { ChildRow, ResourceRow } from "../../schema/row.ts";
import { sqlName } from "../../schema/sql-name.ts";
import type { Row, SqlValue } from "../../schema/sql-value.ts";
import type { Fragment } from "./filter/fragment.ts";
import { interruptible } from "./interrupt.ts";

/** SQL text and the values of its parameters, in order. */
export interface Statement {
  readonly sql: string;
  readonly parameters: readonly SqlValue[];
}

/** The row with this key. */
export function selectByKey(plan: ResourcePlan, key: bigint): Statement {
  return {
    sql: `SELECT ${resourceColumns(plan)} FROM ${plan.sql.table} WHERE ${plan.sql.key} = ?`,
    parameters: [key],
  };
}

/** A row if there is one with this key. */
export function selectPresence({ sql: { table, key: name } }: TablePlan, key: bigint): Statement {
  return { sql: `SELECT 1 FROM ${table} WHERE ${name} = ?`, parameters: [key] };
}

/**
 * Bytes, revision of the database, and the CRC-32 that the bytes must have; the only parameter is the
 * key. A join takes twice the time.
 */
export function selectWire(plan: ResourcePlan, key: bigint): Statement {
  let sql = wireTexts.get(plan);
  if (sql === undefined) {
    const { table, key: column } = plan.sql;
    const columns = `wire, (SELECT revision FROM store_state), ${expectedCrc(table, column)}`;
    sql = `SELECT ${columns} FROM ${table} WHERE ${column} = ?`;
    wireTexts.set(plan, sql);
  }
  return { sql, parameters: [key] };
}

/** Asked for with every Get. */
const wireTexts = new WeakMap<ResourcePlan, string>();

/**
 * The bytes of the rows with these keys, in their order, and the CRC-32 that they must have: a row for
 * each, or one with all `joined`.
 */
export function selectWires(
  { sql: { table, key } }: ResourcePlan,
  keys: readonly bigint[],
  joined: boolean,
): Statement {
  const crc = expectedCrc(table, key);
  const columns = joined
    ? `CAST(group_concat(${table}.wire, '') AS BLOB), group_concat(${crc} | 0)`
    : `${table}.wire, ${crc}`;
  return {
    // The order of the loops is the order of the keys.
    sql: `SELECT ${columns} FROM json_each(?) CROSS JOIN ${table} ON ${table}.${key} = json_each.value`,
    parameters: [`[${keys.join(",")}]`],
  };
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
  columns = itemColumns(plan),
): Statement {
  const selected = [columns, ...query.sortTerms.map(({ sql }) => sql)];
  return {
    sql:
      `SELECT ${selected.join(", ")} FROM ${plan.sql.table}${where(plan, query)} ` +
      `ORDER BY ${query.orderBy.sql} ${LIMIT} OFFSET ? + 0`,
    parameters: [
      ...[...query.sortTerms, ...query.conditions, query.orderBy].flatMap((p) => p.parameters),
      BigInt(query.limit),
      BigInt(query.offset),
    ],
  };
}

/**
 * A page by key, after the row `after` if there is one, as one row: the revision of the database, how
 * many rows it has, their keys, for each message its length times 2^32 plus the CRC-32 that it must
 * have, and the messages of up to `rowBytesMax`, joined. One number for each costs less than two.
 */
export function selectJoinedPage(
  { sql: { table, key } }: ResourcePlan,
  after: SqlValue | undefined,
  rowBytesMax: number,
  limit: number,
): Statement {
  const range = after === undefined ? "" : ` WHERE ${key} > ?`;
  const sql =
    "SELECT (SELECT revision FROM store_state), count(*), group_concat(id), group_concat(size), " +
    "CAST(group_concat(wire, '') AS BLOB) FROM (" +
    `SELECT ${key} AS id, (length(wire) << 32) + (${expectedCrc(table, key)}) AS size, CASE WHEN length(wire) <= ? THEN wire END AS wire ` +
    `FROM ${table}${range} ORDER BY ${table}.${key} ${LIMIT})`;
  const from = after === undefined ? [] : [after];
  return { sql, parameters: [BigInt(rowBytesMax), ...from, BigInt(limit)] };
}

/** One row with the number of rows that meet the conditions. */
export function selectCount(plan: ResourcePlan, conditions: readonly Fragment[]): Statement {
  return {
    sql: `SELECT count(*) FROM ${plan.sql.table}${where(plan, { conditions })}`,
    parameters: conditions.flatMap(({ parameters }) => parameters),
  };
}

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
      `SELECT ${columns} FROM ${plan.sql.table} ` +
      `WHERE ${plan.sql.key} IN (SELECT value FROM json_each(?))`,
    parameters: [`[${keys.join(",")}]`],
  };
}

/** How many bytes each of the rows with these keys has, about. */
export function selectSizes(plan: ResourcePlan, keys: readonly bigint[]): Statement {
  return selectByKeys(plan, keys, `${plan.sql.key}, ${sizeOf(plan)}`);
}

function sizeOf(plan: ResourcePlan): string {
  const names = ["data", "wire", ...plan.columns.map(({ sqlName }) => sqlName)];
  return names.map((name) => `coalesce(octet_length(${name}), 0)`).join(" + ");
}

/** The condition that a row has no bytes that are to be trusted. */
const IS_BARE = "(wire IS NULL OR checksum IS NULL)";

/** One row with the highest of the first `limit` keys after `after`, and how many keys there are. */
export function selectStretch(
  plan: ResourcePlan,
  after: bigint | undefined,
  limit: number,
): Statement {
  const { table, key } = plan.sql;
  const range = after === undefined ? "" : ` WHERE ${key} > ?`;
  return {
    sql: `SELECT max(id), count(*) FROM (SELECT ${key} AS id FROM ${table}${range} ORDER BY ${table}.${key} ${LIMIT})`,
    parameters: [...(after === undefined ? [] : [after]), BigInt(limit)],
  };
}

/** The bytes that a child row is taken to have. */
const CHILD_BYTES = 100;

/** Of the same rows, key, revision and about the size of those that have no bytes to be trusted. */
export function selectBareIn(
  plan: ResourcePlan,
  after: bigint | undefined,
  limit: number,
): Statement {
  const { table, key } = plan.sql;
  const stretch = selectStretch(plan, after, limit);
  const range = after === undefined ? "" : `${table}.${key} > ? AND `;
  const sizes = plan.children.map(
    ({ sql, parentKey }) =>
      ` + ${CHILD_BYTES} * (SELECT count(*) FROM ${sql.table} AS lines WHERE lines.${sqlName(parentKey)} = ${table}.${key})`,
  );
  return {
    sql:
      `SELECT ${key}, revision, ${sizeOf(plan)}${sizes.join("")} FROM ${table} WHERE ${range}` +
      `${table}.${key} <= (SELECT "max(id)" FROM (${stretch.sql})) AND ${IS_BARE} ORDER BY ${table}.${key}`,
    parameters: [...(after === undefined ? [] : [after]), ...stretch.parameters],
  };
}

/** The bytes of the texts in the rows with these keys: of the JSON, and then of each column. */
export function selectTextBytes(plan: TablePlan, keys: readonly bigint[]): Statement {
  const names = ["data", ...plan.columns.map(({ sqlName }) => sqlName)];
  const texts = names.map(
    (name) => `CASE typeof(${name}) WHEN 'text' THEN CAST(${name} AS BLOB) END`,
  );
  return selectByKeys(plan, keys, [plan.sql.key, ...texts].join(", "));
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
): string {
  if (conditions.length === 0 && sortTerms.length <= 1) return "";
  const all = [interruptible(`${table}.${key}`), ...conditions.map(({ sql }) => `(${sql})`)];
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
  return `${table}.${key}, iif(${table}.checksum IS NULL, NULL, length(${table}.wire))`;
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
    `(SELECT max(${plan.sql.key}) FROM ${plan.sql.table})`,
    "(SELECT last_id FROM id_high_water WHERE table_name = ?)",
    ...(plan.children ?? []).map(
      ({ sql, parentKey }) => `(SELECT max(${sqlName(parentKey)}) FROM ${sql.table})`,
    ),
  ];
  // max + 1 of the largest integer would be a REAL.
  return {
    sql:
      `SELECT nullif(max(${highest.map((value) => `coalesce(${value}, 0)`).join(", ")}), ` +
      "9223372036854775807) + 1",
    parameters: [plan.table],
  };
}

/** The keys of the rows of the table that have `key` in this column, at most `limit` if it is given. */
export function selectReferrers(
  { sql }: Pick<TablePlan, "sql">,
  column: string,
  key: bigint,
  limit?: number,
): Statement {
  const text = `SELECT ${sql.key} FROM ${sql.table} WHERE ${sqlName(column)} = ?`;
  if (limit === undefined) return { sql: text, parameters: [key] };
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
