// Where a value of a message is in its row: in a column, at a path of the JSON, in a list of it.
// Makes the SQL that reads it. Knows the tables by their plans, not what is asked of a value.

import type { DescField } from "@bufbuild/protobuf";
import { hasSpecialJson } from "../../../schema/json-special.ts";
import { columnOf } from "../../../schema/options.ts";
import type { ChildPlan, ColumnPlan, ResourcePlan, TablePlan } from "../../../schema/plan.ts";
import type { Dialect, JsonPath } from "../dialect.ts";
import { sqlString } from "./fragment.ts";

/** A place that has one value, or none. */
export type Source =
  | { readonly kind: "row"; readonly plan: TablePlan; readonly alias: string }
  | ColumnSource
  /** An expression for a part of a column, such as the year of a date. */
  | { readonly kind: "part"; readonly sql: string; readonly dialect: Dialect }
  | { readonly kind: "children"; readonly child: ChildPlan; readonly parentKey: string }
  | JsonSource
  | ElementSource;

/** A row of `Dialect.jsonEach`. */
export interface ElementSource {
  readonly kind: "element";
  readonly alias: string;
  readonly dialect: Dialect;
}

export interface ColumnSource {
  readonly kind: "column";
  readonly sql: string;
  readonly column?: ColumnPlan;
  /** The generated column that has its value in a form that compares. */
  readonly generated?: string;
  /** The column itself, where its collation takes for equal what is not: an index may have it. */
  readonly collated?: string;
  readonly dialect: Dialect;
}

export interface JsonSource extends JsonPath {
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
  readonly dialect: Dialect;
}

/** What is known of a table beside its plan. */
export interface TableFacts {
  readonly dialect: Dialect;
  /**
   * Generated columns of the resource's table, by what they are made from: a path of the JSON such as
   * `$.isrc`, or a column. They must have what `generatedExpression` says.
   */
  readonly generated?: ReadonlyMap<string, string>;
  /** Columns that are never NULL. */
  readonly notNull?: ReadonlySet<string>;
  /** Columns, as `table.column`, that have another collation than BINARY. */
  readonly collated?: ReadonlySet<string>;
}

/** A source that is known to be in JSON. */
export function inJson(source: Source): JsonSource | ElementSource {
  if (source.kind === "json" || source.kind === "element") return source;
  throw new Error(`a ${source.kind} is not in JSON`);
}

/** The field of a message that is at `source`. */
export function enterField(source: Source, field: DescField, facts: TableFacts): Source {
  switch (source.kind) {
    case "row":
      return enterRow(source.plan, source.alias, field, facts);
    case "column":
      return { kind: "part", sql: partOf(source, field), dialect: facts.dialect };
    case "json":
    case "element": {
      const { dialect } = facts;
      const member = dialect.jsonMember(source, jsonLabel(field));
      const within = `${dialect.jsonType(source)} = 'object'`;
      return source.kind === "json"
        ? jsonSource({ ...member, within }, field, facts, source.table)
        : jsonSource({ ...member, within }, field, { dialect });
    }
    default:
      throw new Error(`${field} is in no message`);
  }
}

function enterRow(plan: TablePlan, alias: string, field: DescField, facts: TableFacts): Source {
  const { dialect } = facts;
  const column = plan.columns.find((candidate) => candidate.field === field);
  const { standard, children, keyField } = plan as Partial<ResourcePlan & ChildPlan>;
  if (column) {
    const generated = standard && facts.generated?.get(column.name);
    const sql = `${alias}.${column.sqlName}`;
    const isCollated = facts.collated?.has(`${plan.table}.${column.name}`);
    return {
      kind: "column",
      ...(isCollated ? { sql: dialect.exactText(sql), collated: sql } : { sql }),
      column,
      dialect,
      ...(generated !== undefined && { generated: `${alias}.${generated}` }),
    };
  }
  const child = children?.find((candidate) => candidate.field === field);
  if (child) return { kind: "children", child, parentKey: `${alias}.${plan.sql.key}` };
  switch (field) {
    case keyField:
    case standard?.name:
      return { kind: "column", sql: `${alias}.${plan.sql.key}`, dialect };
    case standard?.etag:
      return { kind: "column", sql: `coalesce(${alias}.revision, 0)`, dialect };
    case standard?.createTime:
      return { kind: "column", sql: `${alias}.created_at`, dialect };
    case standard?.updateTime:
      return { kind: "column", sql: `${alias}.updated_at`, dialect };
    default:
      // Generated columns are of the resource's own table.
      return standard
        ? jsonSource(memberOf(alias, field, dialect), field, facts, alias)
        : jsonSource(memberOf(alias, field, dialect), field, { dialect });
  }
}

/** A field in the JSON of a row, which is NULL if it is none: functions for JSON would raise an error. */
function memberOf(
  alias: string,
  field: DescField,
  dialect: Dialect,
): Pick<JsonSource, "base" | "data" | "path" | "isReadable"> {
  const data = `${alias}.data`;
  const isReadable = dialect.isJson(data);
  const base = `CASE WHEN ${isReadable} THEN ${data} END`;
  return { base, data, path: `$${jsonLabel(field)}`, isReadable };
}

function jsonSource(
  parent: Pick<JsonSource, "base" | "data" | "path" | "within" | "isReadable">,
  field: DescField,
  facts: TableFacts,
  table?: string,
): JsonSource {
  const { base, data, path, within, isReadable } = parent;
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
    dialect: facts.dialect,
  };
}

/** A member of a JSON path; quoted unless it is a plain identifier. */
export function jsonLabel({ jsonName }: DescField): string {
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(jsonName)
    ? `.${jsonName}`
    : `.${JSON.stringify(jsonName)}`;
}

/** A field of a Date or a Money that is a column. */
function partOf({ sql, column, dialect }: ColumnSource, field: DescField): string {
  const amount = dialect.decimalText(sql);
  const day = (start: number, length: number) =>
    dialect.toInteger(`substr(${dialect.dayText(sql)}, ${start}, ${length})`);
  switch (field.name) {
    case "year":
      return day(1, 4);
    case "month":
      return day(6, 2);
    case "day":
      return day(9, 2);
    case "currency_code": {
      const code = (column && columnOf(column.field)?.currencyCode) ?? "";
      return `CASE WHEN ${sql} IS NOT NULL THEN ${sqlString(code)} END`;
    }
    case "units":
      return dialect.toInteger(amount);
    case "nanos": {
      const fraction = `substr(${amount}, ${dialect.indexOf(`${amount} || '.'`, "'.'")} + 1)`;
      const nanos = dialect.toInteger(`substr(${fraction} || '000000000', 1, 9)`);
      return `${nanos} * (CASE WHEN ${sql} < 0 THEN -1 ELSE 1 END)`;
    }
    default:
      throw new Error(`${field} has no part in a column`);
  }
}
