// SQL expressions that compare as the values that they stand for, wherever a value is stored.
// A value may need several, which compare as a row value does; all are NULL if there is no value.

import type { Leaf } from "./kinds.ts";
import { type JsonSource, jsonType, jsonValue, objectOf, type Source } from "./source.ts";

/** The expressions of a value; one in most cases. */
export type Comparable = readonly string[];

/** The width of the largest 64-bit unsigned integer, in digits. */
export const UINT64_DIGITS = 20;

/** The expressions for the value of `leaf` that is at `source`. */
export function comparable(source: Source, leaf: Leaf): Comparable {
  switch (source.kind) {
    case "part":
      return [source.sql];
    case "column":
      return [source.generated ?? columnComparable(source.sql, leaf)];
    case "json":
      if (source.generated !== undefined && !IN_PARTS.has(leaf.kind)) return [source.generated];
      return jsonComparable(source, leaf);
    default:
      return jsonComparable(source, leaf);
  }
}

function columnComparable(sql: string, leaf: Leaf): string {
  switch (leaf.kind) {
    case "timestamp":
      return timestampText(sql);
    case "date":
      return `substr(${sql}, 1, 10)`;
    default:
      return sql;
  }
}

function jsonComparable(source: Source, leaf: Leaf): Comparable {
  switch (leaf.kind) {
    case "int":
      return [`CAST(${plainValue(source)} AS INTEGER)`];
    case "uint64": {
      const value = plainValue(source);
      return [`substr('${"0".repeat(UINT64_DIGITS)}' || ${value}, -${UINT64_DIGITS})`];
    }
    case "double":
    case "float": {
      const value = plainValue(source);
      // Text is above every number, so NaN is; CAST gives "-0" and numbers in strings their value.
      return [
        `CASE ${value} WHEN 'NaN' THEN 'NaN' WHEN 'Infinity' THEN 9e999 ` +
          `WHEN '-Infinity' THEN -9e999 ELSE CAST(${value} AS REAL) END`,
      ];
    }
    case "timestamp":
      return [zonedTimestampText(plainValue(source))];
    case "duration":
      return durationParts(plainValue(source));
    case "date":
      return ["year", "month", "day"].map((name) =>
        whereObject(source, memberNumber(source, name)),
      );
    case "money": {
      const [units, nanos] = [memberNumber(source, "units"), memberNumber(source, "nanos")];
      const isValid = `abs(${nanos}) < 1000000000 AND ${units} * ${nanos} >= 0`;
      return [units, nanos].map((part) => whereObject(source, part, isValid));
    }
    default:
      return [plainValue(source)];
  }
}

/** What needs several expressions: no one column has it. */
const IN_PARTS: ReadonlySet<Leaf["kind"]> = new Set(["duration", "date", "money"]);

/** The value, or NULL if it is kept as bytes for want of an exact JSON form. */
function plainValue(source: Source): string {
  const mayBeObject = source.kind === "json" && source.mayBeBytes;
  const value = jsonValue(source);
  return mayBeObject ? `CASE WHEN ${jsonType(source)} <> 'object' THEN ${value} END` : value;
}

function memberNumber(source: Source, name: string): string {
  const value = jsonValue(memberOf(source, name));
  return `coalesce(CAST(${value} AS INTEGER), 0)`;
}

function memberOf(source: Source, name: string): JsonSource {
  const [base, path] =
    source.kind === "json"
      ? [source.base, source.path]
      : [objectOf((source as { alias: string }).alias), "$"];
  return { kind: "json", base, path: `${path}.${name}`, mayBeBytes: false };
}

function whereObject(source: Source, expression: string, condition?: string): string {
  const isObject = `${jsonType(source)} = 'object'`;
  const when = condition === undefined ? isObject : `${isObject} AND ${condition}`;
  return `CASE WHEN ${when} THEN ${expression} END`;
}

/** Text in UTC, with or without a time, a `T`, a fraction or a `Z` → `YYYY-MM-DD HH:MM:SS.nnnnnnnnn`. */
function timestampText(sql: string): string {
  const time = `coalesce(nullif(substr(${sql}, 12, 8), ''), '00:00:00')`;
  const nanos = `substr(rtrim(substr(${sql}, 21), 'Z') || '000000000', 1, 9)`;
  return `substr(${sql}, 1, 10) || ' ' || ${time} || '.' || ${nanos}`;
}

/** As timestampText; another program may have written an offset such as +02:00. */
function zonedTimestampText(sql: string): string {
  const seconds = `datetime(substr(${sql}, 1, 19) || substr(${sql}, -6))`;
  const fraction = `substr(${sql}, 21, max(length(${sql}) - 26, 0))`;
  return (
    `CASE WHEN substr(${sql}, -1) = 'Z' THEN ${timestampText(sql)} ` +
    `ELSE ${seconds} || '.' || substr(${fraction} || '000000000', 1, 9) END`
  );
}

/** Text such as `-1.5s` → seconds and nanoseconds, both with the sign. */
function durationParts(sql: string): Comparable {
  const fraction = `rtrim(substr(${sql}, instr(${sql} || '.', '.') + 1), 's')`;
  const nanos = `CAST(substr(${fraction} || '000000000', 1, 9) AS INTEGER)`;
  const sign = `CASE WHEN substr(${sql}, 1, 1) = '-' THEN -1 ELSE 1 END`;
  return [`CAST(${sql} AS INTEGER)`, `${nanos} * (${sign})`];
}
