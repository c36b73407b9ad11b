// SQL text of the standard statements that write, made from plans. Pure.
// Only names from plans enter the text; every value is a parameter.

import { checksumOf } from "../../schema/checksum.ts";
import type { ChildPlan, LinkTable, ResourcePlan, TablePlan } from "../../schema/plan.ts";
import type { Cells, ChildRow, PreviousCells, ResourceRow } from "../../schema/row.ts";
import { sqlName } from "../../schema/sql-name.ts";
import type { SqlValue } from "../../schema/sql-value.ts";
import { childNames, type Statement } from "./statements.ts";

/** Inserts a resource row. */
export function insertResource(plan: ResourcePlan, row: ResourceRow): Statement {
  return insertResources(plan, [row]);
}

/** Inserts resource rows with one statement, whose text has each of their values. */
export function insertResources(plan: ResourcePlan, rows: readonly ResourceRow[]): Statement {
  const parameters: SqlValue[] = [];
  for (const row of rows) parameters.push(...resourceCells(row));
  return { sql: insertText(plan, rows.length), parameters };
}

/** The texts are long, and for each plan there are few of them. */
const insertTexts = new WeakMap<ResourcePlan, Map<number, string>>();

function insertText(plan: ResourcePlan, rows: number): string {
  const texts = insertTexts.get(plan) ?? new Map<number, string>();
  insertTexts.set(plan, texts);
  let text = texts.get(rows);
  if (text === undefined) {
    const names = resourceNames(plan);
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

/** Gives a row bytes, and nothing else. */
export function fillResource(
  plan: ResourcePlan,
  row: Pick<ResourceRow, "key" | "revision" | "wire">,
): Statement {
  const names = ["revision", "wire", "checksum"];
  return update(plan, names, [row.revision, row.wire, rowChecksum(row)], row.key);
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
  return insert(plan.sql.table, childNames(plan), childCells(row));
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

/** Deletes the rows of the link table that refer to `key`. */
export function deleteLinks({ table, column }: LinkTable, key: bigint): Statement {
  return {
    sql: `DELETE FROM ${sqlName(table)} WHERE ${sqlName(column)} = ?`,
    parameters: [key],
  };
}

/** Says itself what happens in a conflict, whatever the table's own constraints say. */
export function orAbort({ sql, parameters }: Statement): Statement {
  return { sql: sql.replace(/^(?:INSERT|UPDATE)\b/, "$& OR ABORT"), parameters };
}

/** The columns of a new resource row, as they stand in SQL text. */
export function resourceNames(plan: ResourcePlan): string[] {
  const system = ["revision", "created_at", "updated_at", "wire", "checksum", "data"];
  return [plan.sql.key, ...system, ...plan.columns.map(({ sqlName }) => sqlName)];
}

/** The values of `resourceNames`. */
export function resourceCells(row: ResourceRow): SqlValue[] {
  const { key, revision, createdAt, updatedAt, wire, data, columns } = row;
  return [key, revision, createdAt, updatedAt, wire, rowChecksum(row), data, ...columns];
}

/** The values of `childNames`. */
export function childCells({ key, parentKey, data, columns }: ChildRow): SqlValue[] {
  return [key, parentKey, data, ...columns];
}

function rowChecksum({
  key,
  revision,
  wire,
}: Pick<ResourceRow, "key" | "revision" | "wire">): bigint | null {
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
