// Compares plans with the tables that a database really has: what differs is told by message, field
// and reason, before a row is read. Pure: the tables are given as descriptions.

import { FeatureSet_FieldPresence } from "@bufbuild/protobuf/wkt";
import type { Affinity } from "./codec.ts";
import { FieldBehavior, hasBehavior } from "./options.ts";
import {
  type ChildPlan,
  type ColumnPlan,
  type ResourcePlan,
  SYSTEM_COLUMNS,
  type TablePlan,
} from "./plan.ts";

/** A table of a database. */
export interface TableDescription {
  readonly columns: readonly ColumnDescription[];
  readonly foreignKeys: readonly { readonly column: string; readonly table: string }[];
  readonly triggers: readonly string[];
  readonly indexes: readonly IndexDescription[];
}

/** An index of a table. */
export interface IndexDescription {
  readonly name: string;
  /** Names of columns and texts of expressions, in order. */
  readonly keys: readonly string[];
  /** True if it does not have all rows. */
  readonly partial: boolean;
}

/** A column of a table, as `pragma table_xinfo` has it. */
export interface ColumnDescription {
  readonly name: string;
  readonly type: string;
  readonly notNull: boolean;
  /** The SQL text of the default, null if there is none. */
  readonly defaultValue: string | null;
  /** The position in the primary key from 1 on, 0 if the column is not in it. */
  readonly primaryKey: number;
  readonly generated: boolean;
  /** The SQL text of a generated column's expression. */
  readonly expression?: string;
}

/** Gives the table of this name, undefined if there is none. */
export type DescribeTable = (name: string) => TableDescription | undefined;

/** What differs between the plans and the tables, a line each; empty if they agree. */
export function findDifferences(
  plans: readonly ResourcePlan[],
  describe: DescribeTable,
): readonly string[] {
  return [
    ...plans.flatMap((plan) => [
      ...compareTable(plan, SYSTEM_COLUMNS, plans, describe, plan.triggers),
      ...plan.children.flatMap((child) =>
        compareTable(child, childColumns(child), plans, describe),
      ),
      ...plan.links.flatMap(({ table, column }) =>
        comparePlainTable(plan.desc.typeName, table, [column], describe),
      ),
    ]),
    ...Object.entries(STATE_TABLES).flatMap(([table, columns]) =>
      comparePlainTable("protostore", table, columns, describe),
    ),
  ];
}

/** The store's own tables and their columns. */
const STATE_TABLES: Readonly<Record<string, readonly string[]>> = {
  store_state: ["id", "revision", "writing"],
  id_high_water: ["table_name", "last_id"],
  completed_requests: ["request_id", "digest", "revision", "messages", "completed_at"],
  store_secrets: ["name", "value"],
  stored_schemas: ["hash", "image", "stored_at"],
  schema_state: ["current_hash", "writer_hash", "derivation_hash", "rows_done", "rows_total"],
};

function comparePlainTable(
  subject: string,
  name: string,
  columns: readonly string[],
  describe: DescribeTable,
): string[] {
  const table = describe(name);
  if (!table) return [`${subject}: there is no table ${name}`];
  const found = new Set(table.columns.map((column) => column.name.toLowerCase()));
  return columns
    .filter((column) => !found.has(column.toLowerCase()))
    .map((column) => `${subject}: ${name} has no column ${column}`);
}

function childColumns(child: ChildPlan): readonly string[] {
  return ["data", child.parentKey];
}

function compareTable(
  plan: TablePlan,
  required: readonly string[],
  plans: readonly ResourcePlan[],
  describe: DescribeTable,
  ownTriggers: readonly string[] = [],
): string[] {
  const table = describe(plan.table);
  const { typeName } = plan.desc;
  if (!table) return [`${typeName}: there is no table ${plan.table}`];
  const find = (name: string) =>
    table.columns.find((column) => column.name.toLowerCase() === name.toLowerCase());
  const key = find(plan.key);
  const isKey = key?.primaryKey === 1 && key.type.toUpperCase() === "INTEGER";
  const missing = required.filter((name) => !find(name));
  const expected = [...triggersOf(plan), ...ownTriggers];
  const triggers = expected.filter((name) => !table.triggers.includes(name));
  return [
    ...(isKey ? [] : [`${typeName}: ${plan.key} is not the INTEGER PRIMARY KEY of ${plan.table}`]),
    ...missing.map((name) => `${typeName}: ${plan.table} has no column ${name}`),
    ...triggers.map((name) => `${typeName}: ${plan.table} has no trigger ${name}`),
    ...plan.columns.flatMap((column) => {
      const { field } = column;
      const found = find(column.name);
      const reasons = found
        ? compareColumn(column, found, table, plans)
        : [`${plan.table} has no column ${column.name}`];
      return reasons.map((reason) => `${typeName}.${field.name}: ${reason}`);
    }),
    ...findUnfilled(plan, required, table).map(
      (name) => `${typeName}: ${plan.table}.${name} is NOT NULL and no field fills it`,
    ),
  ];
}

/** The triggers that notice what other programs write. */
function triggersOf(plan: TablePlan): string[] {
  const { table } = plan;
  const names = [`${table}_outside_insert`, `${table}_outside_update`, `${table}_delete`];
  return "parentKey" in plan ? [...names, `${table}_outside_delete`] : names;
}

function compareColumn(
  plan: ColumnPlan,
  column: ColumnDescription,
  table: TableDescription,
  plans: readonly ResourcePlan[],
): string[] {
  const reasons: string[] = [];
  const affinity = affinityOf(column.type);
  if (!plan.codec.affinities.includes(affinity)) {
    reasons.push(`${column.name} has type ${column.type || "none"}, which cannot hold the field`);
  }
  const length = lengthOf(column.type);
  if (length !== undefined && affinity === "TEXT" && plan.maxLength !== length) {
    reasons.push(`${column.name} is ${column.type}, but max_length is ${plan.maxLength}`);
  }
  if (plan.defaultValue !== 0n && column.defaultValue !== String(plan.defaultValue)) {
    reasons.push(`${column.name} must have DEFAULT ${plan.defaultValue}`);
  }
  if (column.notNull && mayBeNull(plan)) {
    reasons.push(`${column.name} is NOT NULL, but the field may be absent`);
  }
  const target = plans.find(({ resource }) => resource === plan.reference)?.table.toLowerCase();
  const refers = table.foreignKeys.some(
    (key) =>
      key.column.toLowerCase() === column.name.toLowerCase() && key.table.toLowerCase() === target,
  );
  if (target && !refers) reasons.push(`${column.name} has no foreign key to ${target}`);
  return reasons;
}

/** OUTPUT_ONLY columns are filled by the service whatever the client sends. */
function mayBeNull({ field, reference }: ColumnPlan): boolean {
  const required = [FieldBehavior.REQUIRED, FieldBehavior.OUTPUT_ONLY];
  if (required.some((behavior) => hasBehavior(field, behavior))) return false;
  return field.presence !== FeatureSet_FieldPresence.IMPLICIT || reference !== undefined;
}

function findUnfilled(
  plan: TablePlan,
  required: readonly string[],
  table: TableDescription,
): string[] {
  const filled = new Set(
    [plan.key, ...required, ...plan.columns.map(({ name }) => name)].map((n) => n.toLowerCase()),
  );
  return table.columns
    .filter((column) => column.notNull && column.defaultValue === null && !column.generated)
    .map(({ name }) => name)
    .filter((name) => !filled.has(name.toLowerCase()));
}

/** The affinity of a declared type (https://sqlite.org/datatype3.html, section 3.1). */
function affinityOf(type: string): Affinity {
  const name = type.toUpperCase();
  if (name.includes("INT")) return "INTEGER";
  if (/CHAR|CLOB|TEXT/.test(name)) return "TEXT";
  if (name === "" || name.includes("BLOB")) return "BLOB";
  return /REAL|FLOA|DOUB/.test(name) ? "REAL" : "NUMERIC";
}

/** The n of a type such as NVARCHAR(n). */
function lengthOf(type: string): number | undefined {
  const match = /\(\s*(\d+)\s*\)$/.exec(type);
  return match ? Number(match[1]) : undefined;
}
