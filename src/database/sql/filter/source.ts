// Where a value of a message is in its row: in a column, at a path of the JSON, in a list of it.
// Makes the SQL that reads it. Knows the tables by their plans, not what is asked of a value.

import type { DescField } from "@bufbuild/protobuf";
import { hasSpecialJson } from "../../../schema/json-special.ts";
import { columnOf } from "../../../schema/options.ts";
import type { ChildPlan, ColumnPlan, ResourcePlan, TablePlan } from "../../../schema/plan.ts";
import { sqlString } from "./fragment.ts";
import { dayText } from "./time-sql.ts";

/** A place that has one value, or none. */
export type Source =
  | { readonly kind: "row"; readonly plan: TablePlan; readonly alias: string }
  | ColumnSource
  /** An expression for a part of a column, such as the year of a date. */
  | { readonly kind: "part"; readonly sql: string; readonly isUtf16?: boolean }
  | { readonly kind: "children"; readonly child: ChildPlan; readonly parentKey: string }
  | JsonSource
  /** A row of json_each. */
  | { readonly kind: "element"; readonly alias: string; readonly isUtf16?: boolean };

export interface ColumnSource {
  readonly kind: "column";
  readonly sql: string;
  readonly column?: ColumnPlan;
  /** The generated column that has its value in a form that compares. */
  readonly generated?: string;
  /** The column itself, where its collation takes for equal what is not: an index may have it. */
  readonly collated?: string;
  /** True if texts are kept in UTF-16, which does not compare by code points. */
  readonly isUtf16?: boolean;
}

export interface JsonSource {
  readonly kind: "json";
  /** SQL for the JSON text, NULL if it is none. */
  readonly base: string;
  /** The column that the JSON text is in, whatever it has; absent if it is in a row of json_each. */
  readonly data?: string;
  readonly path: string;
  /** SQL that is true if the message that the value is in is set; absent if it always is. */
  readonly within?: string;
  /** True for a message that is kept as an object with its bytes if it has no exact JSON form. */
  readonly mayBeBytes: boolean;
  /** The name of the table that has generated columns for what is in the JSON. */
  readonly table?: string;
  /** The generated column that has the value, if there is one. */
  readonly generated?: string;
  /** SQL that is true if the column is JSON, for a value at its top; absent if `base` is within JSON. */
  readonly isReadable?: string;
  /** True if texts are kept in UTF-16, which does not compare by code points. */
  readonly isUtf16?: boolean;
}

/** What is known of a table beside its plan. */
export interface TableFacts {
  /**
   * Generated columns of the resource's table, by what they are made from: a path of the JSON such as
   * `$.isrc`, or a column. They must have what `generatedExpression` says.
   */
  readonly generated?: ReadonlyMap<string, string>;
  /** Columns that are never NULL. */
  readonly notNull?: ReadonlySet<string>;
  /** Columns, as `table.column`, that have another collation than BINARY. */
  readonly collated?: ReadonlySet<string>;
  /** True if the database keeps texts in UTF-16. */
  readonly isUtf16?: boolean;
}

/** What is true of all tables of a database. */
function encodingOf({ isUtf16 }: TableFacts): { isUtf16?: boolean } {
  return isUtf16 ? { isUtf16 } : {};
}

/** True if the texts of a value are kept in UTF-16. */
export function isUtf16(source: Source): boolean {
  return "isUtf16" in source && source.isUtf16 === true;
}

/** The field of a message that is at `source`. */
export function enterField(source: Source, field: DescField, facts: TableFacts): Source {
  switch (source.kind) {
    case "row":
      return enterRow(source.plan, source.alias, field, facts);
    case "column":
      return { kind: "part", sql: partOf(source, field), ...encodingOf(facts) };
    case "json": {
      const within = `${jsonType(source)} = 'object'`;
      return jsonSource({ ...source, within }, field, facts, source.table);
    }
    case "element": {
      const { alias } = source;
      const parent = { base: objectOf(alias), path: "$", within: `${alias}.type = 'object'` };
      return jsonSource(parent, field, encodingOf(facts));
    }
    default:
      throw new Error(`${field} is in no message`);
  }
}

/** The element of json_each as JSON text that has members. */
export function objectOf(alias: string): string {
  return `CASE ${alias}.type WHEN 'object' THEN ${alias}.value END`;
}

function enterRow(plan: TablePlan, alias: string, field: DescField, facts: TableFacts): Source {
  const column = plan.columns.find((candidate) => candidate.field === field);
  const { standard, children, keyField } = plan as Partial<ResourcePlan & ChildPlan>;
  if (column) {
    const generated = standard && facts.generated?.get(column.name);
    const sql = `${alias}.${column.sqlName}`;
    const isCollated = facts.collated?.has(`${plan.table}.${column.name}`);
    return {
      kind: "column",
      ...(isCollated ? { sql: `${sql} COLLATE BINARY`, collated: sql } : { sql }),
      column,
      ...encodingOf(facts),
      ...(generated !== undefined && { generated: `${alias}.${generated}` }),
    };
  }
  const child = children?.find((candidate) => candidate.field === field);
  if (child) return { kind: "children", child, parentKey: `${alias}.${plan.sql.key}` };
  switch (field) {
    case keyField:
    case standard?.name:
      return { kind: "column", sql: `${alias}.${plan.sql.key}` };
    case standard?.etag:
      return { kind: "column", sql: `coalesce(${alias}.revision, 0)` };
    case standard?.createTime:
      return { kind: "column", sql: `${alias}.created_at` };
    case standard?.updateTime:
      return { kind: "column", sql: `${alias}.updated_at` };
    default:
      // Generated columns are of the resource's own table.
      return standard
        ? jsonSource(dataOf(alias), field, facts, alias)
        : jsonSource(dataOf(alias), field, encodingOf(facts));
  }
}

/** The JSON of a row, NULL if it is none: the functions for JSON would raise an error. */
function dataOf(alias: string): Pick<JsonSource, "base" | "data" | "path" | "isReadable"> {
  const data = `${alias}.data`;
  const isReadable = `json_valid(${data})`;
  return { base: `CASE WHEN ${isReadable} THEN ${data} END`, data, path: "$", isReadable };
}

function jsonSource(
  parent: Pick<JsonSource, "base" | "data" | "path" | "within" | "isReadable">,
  field: DescField,
  facts: TableFacts,
  table?: string,
): JsonSource {
  const { base, data, within, isReadable } = parent;
  const path = parent.path + jsonLabel(field);
  const generated = facts.generated?.get(path);
  return {
    kind: "json",
    base,
    ...(data !== undefined && { data }),
    path,
    mayBeBytes: field.fieldKind === "message" && hasSpecialJson(field.message),
    ...(within === undefined ? isReadable !== undefined && { isReadable } : { within }),
    ...(table !== undefined && { table }),
    ...(table !== undefined && generated !== undefined && { generated: `${table}.${generated}` }),
    ...encodingOf(facts),
  };
}

/** A member of a JSON path; quoted unless it is a plain identifier. */
export function jsonLabel({ jsonName }: DescField): string {
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(jsonName)
    ? `.${jsonName}`
    : `.${JSON.stringify(jsonName)}`;
}

/** SQL for the value that JSON has; objects and lists are text. */
export function jsonValue(source: Source): string {
  switch (source.kind) {
    case "json":
      return `json_extract(${source.base}, ${sqlString(source.path)})`;
    case "element":
      return `${source.alias}.atom`;
    default:
      throw new Error("a column is not JSON");
  }
}

/** SQL for the type that json_type gives; NULL if there is nothing. */
export function jsonType(source: Source): string {
  switch (source.kind) {
    case "json":
      return `json_type(${source.base}, ${sqlString(source.path)})`;
    case "element":
      return `${source.alias}.type`;
    default:
      throw new Error("a column is not JSON");
  }
}

/** A table-valued function with what is in the list or object at `source`. */
export function jsonEach(source: Source, isListOnly: boolean): string {
  const types = isListOnly ? "('array')" : "('array', 'object')";
  switch (source.kind) {
    case "json":
      return isListOnly
        ? `json_each(CASE WHEN ${jsonType(source)} IN ${types} THEN ${jsonValue(source)} END)`
        : `json_each(${source.base}, ${sqlString(source.path)})`;
    case "element": {
      // What is no list or object may be text that is no JSON.
      const { alias } = source;
      return `json_each(CASE WHEN ${alias}.type IN ${types} THEN ${alias}.value END)`;
    }
    default:
      throw new Error("a column is not JSON");
  }
}

/** A field of a Date or a Money that is a column. */
function partOf({ sql, column }: { sql: string; column?: ColumnPlan }, field: DescField): string {
  const amount = decimalText(sql);
  switch (field.name) {
    case "year":
      return `CAST(substr(${dayText(sql)}, 1, 4) AS INTEGER)`;
    case "month":
      return `CAST(substr(${dayText(sql)}, 6, 2) AS INTEGER)`;
    case "day":
      return `CAST(substr(${dayText(sql)}, 9, 2) AS INTEGER)`;
    case "currency_code": {
      const code = (column && columnOf(column.field)?.currencyCode) ?? "";
      return `CASE WHEN ${sql} IS NOT NULL THEN ${sqlString(code)} END`;
    }
    case "units":
      return `CAST(${amount} AS INTEGER)`;
    case "nanos": {
      const fraction = `substr(${amount}, instr(${amount} || '.', '.') + 1)`;
      return `CAST(substr(${fraction} || '000000000', 1, 9) AS INTEGER) * (CASE WHEN ${sql} < 0 THEN -1 ELSE 1 END)`;
    }
    default:
      throw new Error(`${field} has no part in a column`);
  }
}

/** The decimal number that a Money column stands for, as it is read (schema/types/money.ts). */
function decimalText(sql: string): string {
  return `CASE WHEN abs(${sql}) < 1 THEN printf('%.9f', ${sql}) WHEN ${sql} IS NOT NULL THEN printf('%.15g', ${sql}) END`;
}
