// Compares plans with the tables that a database really has: what differs is told by message, field
// and reason, before a row is read. Pure: the tables are given as descriptions.

import { FeatureSet_FieldPresence } from "@bufbuild/protobuf/wkt";
import { FieldBehavior, hasBehavior } from "./options.ts";
import {
  type ChildPlan,
  type ColumnPlan,
  type ResourcePlan,
  SYSTEM_COLUMNS,
  type TablePlan,
} from "./plan.ts";
import {
  changeTest,
  childTriggers,
  comparesRows,
  resourceTriggers,
  type Trigger,
} from "./triggers.ts";
import type { Affinity } from "./types/column-codec.ts";

export interface TableDescription {
  readonly columns: readonly ColumnDescription[];
  /** The column that is the rowid under another name: its INTEGER PRIMARY KEY; undefined if none is. */
  readonly rowId: string | undefined;
  /** True if the table takes only values of the declared types. */
  readonly strict: boolean;
  readonly foreignKeys: readonly ForeignKeyDescription[];
  readonly triggers: readonly Trigger[];
  readonly indexes: readonly IndexDescription[];
}

export interface ForeignKeyDescription {
  readonly column: string;
  readonly table: string;
  /** The column that it refers to, null for the primary key. */
  readonly target: string | null;
}

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
  /** In capitals; absent if the column has none of its own, which is BINARY. */
  readonly collation?: string;
  /** The SQL text of a generated column's expression. */
  readonly expression?: string;
}

/** Gives the table of this name, undefined if there is none. */
export type DescribeTable = (name: string) => TableDescription | undefined;

/** What a database has beside what the plans say. */
export interface ExpectedSchema {
  /** The names of the triggers that the tables of a plan have, by table. */
  triggersOf(plan: ResourcePlan): ReadonlyMap<string, readonly string[]>;
  /** The store's own tables and their columns. */
  readonly stateTables: Readonly<Record<string, readonly string[]>>;
}

/** What differs between the plans and the tables, a line each; empty if they agree. */
export function findDifferences(
  plans: readonly ResourcePlan[],
  describe: DescribeTable,
  expected: ExpectedSchema = { triggersOf, stateTables: STATE_TABLES },
): readonly string[] {
  return [
    ...plans.flatMap((plan) => [
      ...compareTable(plan, SYSTEM_COLUMNS, plans, describe, expected.triggersOf(plan)),
      ...plan.children.flatMap((child) =>
        compareTable(child, childColumns(child), plans, describe, expected.triggersOf(plan)),
      ),
      ...plan.links.flatMap(({ table, column }) =>
        comparePlainTable(plan.desc.typeName, table, [column], describe),
      ),
    ]),
    ...Object.entries(expected.stateTables).flatMap(([table, columns]) =>
      comparePlainTable("protostore", table, columns, describe),
    ),
  ];
}

const STATE_TABLES: Readonly<Record<string, readonly string[]>> = {
  store_state: ["id", "revision", "writing"],
  id_high_water: ["table_name", "last_id"],
  completed_requests: ["request_id", "digest", "revision", "messages", "completed_at"],
  store_secrets: ["name", "value"],
  stored_schemas: ["hash", "image", "stored_at"],
  schema_state: ["current_hash", "writer_hash", "derivation_hash", "rows_done", "rows_total"],
  store_replaced: ["table_name", "found_by", "key", "parent_key"],
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
  wantedTriggers: ReadonlyMap<string, readonly string[]>,
): string[] {
  const table = describe(plan.table);
  const { typeName } = plan.desc;
  if (!table) return [`${typeName}: there is no table ${plan.table}`];
  const find = (name: string) =>
    table.columns.find((column) => column.name.toLowerCase() === name.toLowerCase());
  const isKey = table.rowId?.toLowerCase() === plan.key.toLowerCase();
  const missing = required.filter((name) => !find(name));
  const expected = wantedTriggers.get(plan.table) ?? [];
  const made = new Map(table.triggers.map((trigger) => [trigger.name, trigger.sql]));
  const triggers = expected.filter((name) => !made.has(name));
  const unseen = columnsNotSeen(plan, expected, made).filter(([, column]) => find(column));
  return [
    ...(isKey ? [] : [`${typeName}: ${plan.key} is not the INTEGER PRIMARY KEY of ${plan.table}`]),
    ...missing.map((name) => `${typeName}: ${plan.table} has no column ${name}`),
    ...triggers.map((name) => `${typeName}: ${plan.table} has no trigger ${name}`),
    ...unseen.map(([name, column]) => `${typeName}: ${name} does not look at ${column}`),
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

/** The names of the triggers that the tables of a plan have, by table. */
export function triggersOf(plan: ResourcePlan): ReadonlyMap<string, readonly string[]> {
  const names = (triggers: readonly Trigger[]) => triggers.map(({ name }) => name);
  return new Map([
    [plan.table, [...names(resourceTriggers(plan)), ...plan.triggers.sqlite]],
    ...plan.children.map((child) => [child.table, names(childTriggers(child, plan))] as const),
  ]);
}

/** Columns that a trigger must compare, and does not, since it was made before they were there. */
function columnsNotSeen(
  plan: TablePlan,
  expected: readonly string[],
  made: ReadonlyMap<string, string>,
): (readonly [trigger: string, column: string])[] {
  return expected.flatMap((name) => {
    const sql = made.get(name) ?? "";
    if (!comparesRows(sql)) return [];
    const missing = plan.columns.filter((column) => !sql.includes(changeTest(column.name)));
    return missing.map((column) => [name, column.name] as const);
  });
}

function compareColumn(
  plan: ColumnPlan,
  column: ColumnDescription,
  table: TableDescription,
  plans: readonly ResourcePlan[],
): string[] {
  const reasons: string[] = [];
  const affinity = affinityOf(column.type, table.strict);
  if (column.generated) reasons.push(`${column.name} is generated and cannot be written`);
  if (!plan.codec.affinities.includes(affinity)) {
    reasons.push(`${column.name} has type ${column.type || "none"}, which cannot hold the field`);
  }
  const length = lengthOf(column.type);
  // SQLite enforces no length: one that is larger than needed keeps nothing out of the column.
  const isShort = length !== undefined && (plan.maxLength === 0 || length < plan.maxLength);
  if (isShort && affinity === "TEXT") {
    reasons.push(`${column.name} is ${column.type}, but max_length is ${plan.maxLength}`);
  }
  if (plan.defaultValue !== 0n && column.defaultValue !== String(plan.defaultValue)) {
    reasons.push(`${column.name} must have DEFAULT ${plan.defaultValue}`);
  }
  if (column.notNull && mayBeNull(plan)) {
    reasons.push(`${column.name} is NOT NULL, but the field may be absent`);
  }
  const target = plans.find(({ resource }) => resource === plan.reference);
  const refers = table.foreignKeys.some((key) => refersTo(key, column.name, target));
  if (target && !refers) reasons.push(`${column.name} has no foreign key to ${target.table}`);
  return reasons;
}

function refersTo(
  key: ForeignKeyDescription,
  column: string,
  target: TablePlan | undefined,
): boolean {
  return (
    key.column.toLowerCase() === column.toLowerCase() &&
    key.table.toLowerCase() === target?.table.toLowerCase() &&
    (key.target ?? target.key).toLowerCase() === target.key.toLowerCase()
  );
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
export function affinityOf(type: string, strict: boolean): Affinity {
  const name = type.toUpperCase();
  // Only in a strict table does ANY keep what it gets.
  if (strict && name === "ANY") return "BLOB";
  if (name.includes("INT")) return "INTEGER";
  if (/CHAR|CLOB|TEXT/.test(name)) return "TEXT";
  if (name === "" || name.includes("BLOB")) return "BLOB";
  return /REAL|FLOA|DOUB/.test(name) ? "REAL" : "NUMERIC";
}

function lengthOf(type: string): number | undefined {
  const match = /\(\s*(\d+)\s*\)$/.exec(type);
  return match ? Number(match[1]) : undefined;
}
