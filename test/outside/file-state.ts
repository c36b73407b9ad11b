// What is in the file: the cells of every table that counts, read by plain SQL.
// Must use nothing of the service but the names of tables and columns.

import type { Connection } from "../../src/database/sqlite/connection/connection.ts";
import type { SqlValue } from "../../src/schema/sql-value.ts";
import { PLANS, TABLES } from "./tables.ts";

/** The cells of a row by the names of their columns. */
export type FileRow = Readonly<Record<string, SqlValue>>;

/** A row of a resource with its child rows. */
export interface ResourceState {
  readonly row: FileRow;
  /** The rows of each of the plan's children, by key. */
  readonly children: readonly (readonly FileRow[])[];
  /** All of it that a client sees, as a text: equal texts are equal rows. */
  readonly text: string;
}

/** The whole file. */
export interface FileState {
  readonly revision: bigint;
  /** The rows of each resource's table, by key. */
  readonly resources: ReadonlyMap<string, ReadonlyMap<bigint, ResourceState>>;
  /** The rows of every table, as a text in which the bytes of messages are left out. */
  readonly tables: ReadonlyMap<string, string>;
  readonly links: readonly FileRow[];
  readonly lines: readonly FileRow[];
}

/** Reads the file through `sql`. */
export type ReadFileState = () => FileState;

const STATE_TABLES = ["store_state", "id_high_water", "user_log"];

/** Prepares the reading of the file's state. */
export function createStateReader(sql: Connection): ReadFileState {
  const read = new Map(
    [...TABLES.map(({ name }) => name), ...STATE_TABLES].map((name) => {
      const columns = sql
        .prepare("SELECT name FROM pragma_table_info(?)")
        .pluck()
        .all(name)
        .map((column) => `"${column}"`);
      const order = TABLES.find((table) => table.name === name)?.key ?? "1, 2";
      const text = `SELECT ${columns.join(", ")} FROM ${name} ORDER BY ${order}`;
      return [name, sql.prepare<[], Record<string, SqlValue>>(text)] as const;
    }),
  );
  const all = sql.transaction(
    () => new Map([...read].map(([name, statement]) => [name, statement.all()])),
  );
  return () => toState(all());
}

function toState(rows: ReadonlyMap<string, readonly FileRow[]>): FileState {
  const resources = new Map(
    PLANS.map((plan) => {
      const children = plan.children.map((child) => ({
        key: child.parentKey,
        rows: Map.groupBy(rows.get(child.table) ?? [], (row) => row[child.parentKey] as bigint),
      }));
      const states = (rows.get(plan.table) ?? []).map((row) => {
        const key = row[plan.key] as bigint;
        const own = children.map((child) => child.rows.get(key) ?? []);
        return [key, { row, children: own, text: textOf([row, ...own.flat()]) }] as const;
      });
      return [plan.table, new Map(states)] as const;
    }),
  );
  return {
    revision: rows.get("store_state")?.[0]?.revision as bigint,
    resources,
    tables: new Map([...rows].map(([name, values]) => [name, textOf(values)])),
    links: rows.get("playlist_track") ?? [],
    lines: rows.get("invoice_items") ?? [],
  };
}

function textOf(rows: readonly FileRow[]): string {
  return rows.map((row) => seenCells(row).map(cellText).join("|")).join("\n");
}

/** Without what the filler of the server gives a row: nobody sees it, and no revision is read as 0. */
function seenCells(row: FileRow): SqlValue[] {
  return Object.entries(row)
    .filter(([name]) => name !== "wire" && name !== "checksum")
    .map(([name, value]) => (name === "revision" ? (value ?? 0n) : value));
}

function cellText(value: SqlValue): string {
  if (value instanceof Uint8Array) return `x'${Buffer.from(value).toString("hex")}'`;
  if (typeof value === "string") return `'${value}'`;
  return typeof value === "number" ? `${value}r` : String(value);
}

/** The tables whose rows differ. */
export function changedTables(before: FileState, after: FileState): string[] {
  return [...after.tables].flatMap(([name, text]) =>
    before.tables.get(name) === text ? [] : [name],
  );
}
