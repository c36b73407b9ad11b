// What a column has → SQL that tells whether it is a value, and which. SQLite keeps any value in any
// column, unless the table is STRICT. Knows SQL text only.

import { isLongInteger } from "../../../query/filter/kinds.ts";
import { MAX_MS, MIN_MS, scaleOf, type TimeFormat } from "../../../schema/time-format.ts";
import { FALSE_VALUES, TRUE_VALUES } from "../../../schema/types/bool.ts";
import { FLOAT_END } from "../../../schema/types/doubles.ts";
import type { Leaf } from "../../../schema/types/leaf.ts";
import { type Fragment, fragment, sqlString } from "../../sql/filter/fragment.ts";

/** Above all doubles. */
export const INFINITY = "9e999";

/** True of an integer. */
export function isInteger(sql: string): string {
  return `typeof(${sql}) = 'integer'`;
}

/** SQL that is true of the values that are read (schema/types). */
export function isValue(sql: string, leaf: Leaf): string | undefined {
  switch (leaf.kind) {
    case "int": {
      const { min, max } = leaf;
      return isIntegerIn(sql, isLongInteger(min, max) ? "" : `${min} AND ${max}`);
    }
    case "uint64":
      return `(typeof(${sql}) = 'integer' AND ${sql} >= 0)`;
    case "enum":
      return isIntegerIn(sql, "-2147483648 AND 2147483647");
    case "duration":
      return isIntegerIn(sql, "-315576000000999 AND 315576000000999");
    case "double":
      return `typeof(${sql}) = 'real'`;
    case "float":
      return `(typeof(${sql}) = 'real' AND (abs(${sql}) < ${FLOAT_END} OR abs(${sql}) = ${INFINITY}))`;
    case "bytes":
      return `typeof(${sql}) = 'blob'`;
    case "text":
      return `typeof(${sql}) = 'text'`;
    case "money":
      return `${sql} > -1e15 AND ${sql} < 1e15`;
    case "bool":
    case "timestamp":
    case "date":
    case "reference":
    case "etag":
    case "value":
      return undefined;
  }
}

function isIntegerIn(sql: string, range: string): string {
  const isOfType = isInteger(sql);
  return range === "" ? isOfType : `(${isOfType} AND ${sql} BETWEEN ${range})`;
}

/** True of what stands for this bool. */
export function isBool(sql: string, value: boolean): Fragment {
  const values = value ? TRUE_VALUES : FALSE_VALUES;
  return fragment(`${sql} IN (${values.map(() => "?").join(", ")})`, values);
}

/** 1 or 0 for what stands for a bool. */
export function boolValue(sql: string): string {
  return `CASE WHEN ${sql} IN ${TRUE_LIST} THEN 1 WHEN ${sql} IN ${FALSE_LIST} THEN 0 END`;
}

const [TRUE_LIST, FALSE_LIST] = [TRUE_VALUES, FALSE_VALUES].map((values) => {
  const list = values.map((value) => (typeof value === "string" ? sqlString(value) : `${value}`));
  return `(${list.join(", ")})`;
});

/** The decimal number that a Money column stands for, as it is read (schema/types/money.ts). */
export function decimalText(sql: string): string {
  return `CASE WHEN abs(${sql}) < 1 THEN printf('%.9f', ${sql}) WHEN ${sql} IS NOT NULL THEN printf('%.15g', ${sql}) END`;
}

/** SQL for the milliseconds since the epoch; NULL for what the codec does not read. */
export function timeNumber(format: TimeFormat, column: string): string {
  const ms = `CAST(round(${scaleOf(format)?.sql(column)}) AS INTEGER)`;
  return (
    `CASE WHEN typeof(${column}) IN ('integer', 'real') ` +
    `AND ${ms} BETWEEN ${MIN_MS} AND ${MAX_MS} THEN ${ms} END`
  );
}
