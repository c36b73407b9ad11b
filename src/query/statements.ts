// SQL text of the standard statements, made from plans. Pure.
// Only names from plans enter the text (schema/plan.ts lets nothing but identifiers through); every
// value is a parameter.

import { checksumOf, expectedCrc } from "../schema/checksum.ts";
import type { ChildPlan, LinkTable, ResourcePlan, TablePlan } from "../schema/plan.ts";
import type { Cells, ChildRow, PreviousCells, ResourceRow } from "../schema/row.ts";
import { sqlName } from "../schema/sql-name.ts";
import type { Row, SqlValue } from "../schema/sql-value.ts";
import type { Fragment } from "./filter/fragment.ts";

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

/**
 * Bytes, revision of the database, and the CRC-32 that the bytes must have; the only parameter is the
 * key. A join takes twice the time.
 */
export function selectWire({ sql: { table, key } }: ResourcePlan): string {
  const columns = `wire, (SELECT revision FROM store_state), ${expectedCrc(table, key)}`;
  return `SELECT ${columns} FROM ${table} WHERE ${key} = ?`;
}

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
      `SELECT ${selected.join(", ")} FROM ${plan.sql.table}${where(query.conditions)} ` +
      `ORDER BY ${query.orderBy.sql} ${LIMIT} OFFSET ? + 0`,
    parameters: [
      ...[...query.sortTerms, ...query.conditions, query.orderBy].flatMap((p) => p.parameters),
      BigInt(query.limit),
      BigInt(query.offset),
    ],
  };
}

/**
 * A page by key, behind the row `after` if there is one, as one row: the revision of the database, how
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
    sql: `SELECT count(*) FROM ${plan.sql.table}${where(conditions)}`,
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
  const names = ["data", "wire", ...plan.columns.map(({ sqlName }) => sqlName)];
  const sizes = names.map((name) => `coalesce(octet_length(${name}), 0)`);
  return selectByKeys(plan, keys, `${plan.sql.key}, ${sizes.join(" + ")}`);
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

function where(conditions: readonly Fragment[]): string {
  return conditions.length === 0
    ? ""
    : ` WHERE ${conditions.map(({ sql }) => `(${sql})`).join(" AND ")}`;
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

/** A row that was selected with `resourceColumns`, and whatever stands behind them. */
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

/** Inserts a resource row. */
export function insertResource(plan: ResourcePlan, row: ResourceRow): Statement {
  return insertResources(plan, [row]);
}

/** Inserts resource rows with one statement. */
export function insertResources(plan: ResourcePlan, rows: readonly ResourceRow[]): Statement {
  const parameters: SqlValue[] = [];
  for (const row of rows) parameters.push(row.key, ...resourceCells(row));
  return { sql: insertText(plan, rows.length), parameters };
}

/** The texts are long, and for each plan there are few of them. */
const insertTexts = new WeakMap<ResourcePlan, Map<number, string>>();

function insertText(plan: ResourcePlan, rows: number): string {
  const texts = insertTexts.get(plan) ?? new Map<number, string>();
  insertTexts.set(plan, texts);
  let text = texts.get(rows);
  if (text === undefined) {
    const names = [plan.sql.key, ...resourceNames(plan)];
    const marks = `(${names.map(() => "?").join(", ")})`;
    const values = Array.from({ length: rows }, () => marks).join(", ");
    text = `INSERT INTO ${plan.sql.table} (${names.join(", ")}) VALUES ${values}`;
    texts.set(rows, text);
  }
  return text;
}

/**
 * Replaces what another write of a row always replaces, and of its cells those that differ from
 * `previous`: what another program has stored in a form of its own stays as it is.
 */
export function updateResource(
  plan: ResourcePlan,
  row: ResourceRow,
  previous: PreviousCells,
): Statement {
  const names = ["revision", "updated_at", "wire", "checksum"];
  const cells: SqlValue[] = [row.revision, row.updatedAt, row.wire, rowChecksum(row)];
  const changed = changedCells(plan, row, previous);
  names.push(...changed.map(([name]) => name));
  cells.push(...changed.map(([, cell]) => cell));
  return update(plan, names, cells, row.key);
}

function changedCells(
  plan: TablePlan,
  { data, columns }: Cells,
  previous: PreviousCells,
): (readonly [name: string, cell: SqlValue])[] {
  const all = plan.columns.map(({ sqlName }, i) => [sqlName, columns[i] ?? null] as const);
  const changed = all.filter(([, cell], index) => cell !== previous.columns[index]);
  return data === previous.data ? changed : [["data", data], ...changed];
}

/** Inserts a child row. */
export function insertChild(plan: ChildPlan, row: ChildRow): Statement {
  return insert(plan.sql.table, childNames(plan), [
    row.key,
    row.parentKey,
    row.data,
    ...row.columns,
  ]);
}

/** Replaces the cells of a child row that differ from `previous`; undefined if none does. */
export function updateChild(
  plan: ChildPlan,
  row: ChildRow,
  previous: PreviousCells,
): Statement | undefined {
  const changed = changedCells(plan, row, previous);
  if (changed.length === 0) return undefined;
  return update(
    plan,
    changed.map(([name]) => name),
    changed.map(([, cell]) => cell),
    row.key,
  );
}

/** Deletes the row with this key. */
export function deleteByKey(plan: TablePlan, key: bigint): Statement {
  return { sql: `DELETE FROM ${plan.sql.table} WHERE ${plan.sql.key} = ?`, parameters: [key] };
}

/** Deletes the child rows of the row with this key. */
export function deleteChildren(child: ChildPlan, parentKey: bigint): Statement {
  return {
    sql: `DELETE FROM ${child.sql.table} WHERE ${sqlName(child.parentKey)} = ?`,
    parameters: [parentKey],
  };
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

/** Says itself what happens in a conflict, whatever the table's own constraints say. */
export function orAbort({ sql, parameters }: Statement): Statement {
  return { sql: sql.replace(/^(?:INSERT|UPDATE)\b/, "$& OR ABORT"), parameters };
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

/** Deletes the rows of the link table that refer to `key`. */
export function deleteLinks({ table, column }: LinkTable, key: bigint): Statement {
  return {
    sql: `DELETE FROM ${sqlName(table)} WHERE ${sqlName(column)} = ?`,
    parameters: [key],
  };
}

function childNames(child: ChildPlan): string[] {
  const columns = child.columns.map(({ sqlName }) => sqlName);
  return [child.sql.key, sqlName(child.parentKey), "data", ...columns];
}

function resourceNames(plan: ResourcePlan): string[] {
  const system = ["revision", "created_at", "updated_at", "wire", "checksum", "data"];
  return [...system, ...plan.columns.map(({ sqlName }) => sqlName)];
}

function resourceCells(row: ResourceRow): SqlValue[] {
  const { revision, createdAt, updatedAt, wire, data, columns } = row;
  return [revision, createdAt, updatedAt, wire, rowChecksum(row), data, ...columns];
}

function rowChecksum({ key, revision, wire }: ResourceRow): bigint | null {
  return wire === null || revision === null ? null : checksumOf(wire, key, revision);
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
    sql: `UPDATE ${plan.sql.table} SET ${assignments} WHERE ${plan.sql.key} = ?`,
    parameters: [...cells, key],
  };
}
