// A value in a column compared with one of a filter. The column is compared as it is, so that an index
// can be used; what it has that is no value of the field is kept out beside.

import type { SqlValue } from "../../../schema/sql-value.ts";
import { timeNumberOf } from "../../../schema/time-format.ts";
import { wholeMilliseconds } from "../../../schema/types/bounds.ts";
import { floorDivide } from "../../../schema/types/decimal.ts";
import type { Leaf, Value } from "../../../schema/types/leaf.ts";
import { type Comparable, comparable } from "./comparable.ts";
import {
  type Comparison,
  compareBounds,
  compareKey,
  compareRows,
  compareText,
} from "./compare-rows.ts";
import { type Fragment, fragment, joinFragments } from "./fragment.ts";
import type { ColumnSource } from "./source.ts";

/** The condition that the value in a column compares so with `value`. */
export function compareColumn(
  source: ColumnSource,
  leaf: Leaf,
  operator: Comparison,
  value: Value,
): Fragment {
  const { sql } = source;
  const left = value.kind === "timestamp" ? comparable(source, leaf) : [sql];
  const guarded = (comparison: Fragment, isLoose = false) =>
    isLoose || operator !== "=" ? guard(source, leaf, comparison) : comparison;
  const simple = (right: SqlValue) => guarded(compareRows(left, operator, [right]));
  switch (value.kind) {
    case "text":
      return guarded(compareColumnText(source, operator, value.pieces), value.pieces.length > 1);
    case "range":
      return guarded(compareBounds(left, operator, value.column), value.isUnkept);
    case "bool":
      return source.dialect.isBool(sql, value.value === (operator === "="));
    case "enum":
      return simple(BigInt(value.number));
    case "timestamp":
      return compareTimestamp(source, left, operator, value.value);
    case "date":
      return compareDay(source, operator, value.value);
    case "key":
      return compareKey(left, operator, value);
    case "json":
      throw new Error("a column has no JSON value");
  }
}

/** The condition that a column has a value of the field. */
export function hasValue(source: ColumnSource, leaf: Leaf): Fragment {
  const { sql } = source;
  if (leaf.kind === "bool") {
    return joinFragments(
      "OR",
      [true, false].map((value) => source.dialect.isBool(sql, value)),
    );
  }
  const isTime = leaf.kind === "timestamp" || leaf.kind === "date";
  const value = isTime && source.column ? (comparable(source, leaf)[0] ?? sql) : sql;
  return guard(source, leaf, fragment(`${value} IS NOT NULL`));
}

/**
 * What equals a value of the field is one; what is less, more or another one, or has a part of a text,
 * may be none.
 */
function guard({ sql, column, dialect }: ColumnSource, leaf: Leaf, comparison: Fragment): Fragment {
  // The service's own columns have what it writes.
  if (!column) return comparison;
  const condition = dialect.isValue(sql, leaf);
  return condition === undefined
    ? comparison
    : joinFragments("AND", [comparison, fragment(condition)]);
}

/** What is equal by its bytes is so by every collation: the column's own has the index. */
function compareColumnText(
  source: ColumnSource,
  operator: Comparison,
  pieces: readonly string[],
): Fragment {
  const exact = compareText([source.sql], operator, pieces, source.dialect);
  if (source.collated === undefined || operator !== "=" || pieces.length > 1) return exact;
  return joinFragments("AND", [compareRows([source.collated], "=", exact.parameters), exact]);
}

/** Above every time of a day in text, whether a space or a T is between them. */
const END_OF_DAY = "U";

/** Above every year. */
const END_OF_YEARS = ":";

/** About the time is compared too, as the column has it, so that an index can be used. */
function compareTimestamp(
  source: ColumnSource,
  left: Comparable,
  operator: Comparison,
  text: string,
): Fragment {
  const { sql, column } = source;
  const nanos = nanosOf(text);
  const exact = column?.timeFormat
    ? compareBounds(left, operator, wholeMilliseconds(nanos))
    : compareRows(left, operator, [text]);
  if (operator === "!=") return exact;
  const at = (offsetMs: bigint): SqlValue => {
    const ms = floorDivide(nanos, 1_000_000n) + offsetMs;
    if (column?.timeFormat) return timeNumberOf(column.timeFormat, ms);
    const day = /^\d{4}-\d\d-\d\d/.exec(new Date(Number(ms)).toISOString())?.[0];
    if (day === undefined) return END_OF_YEARS;
    return offsetMs > 0n ? day + END_OF_DAY : day;
  };
  // Numbers are rounded; the day of a text is another one in UTC if it has an offset.
  const marginMs = column?.timeFormat ? 1000n : 86_400_000n;
  const parts: Fragment[] = [];
  if (operator !== "<" && operator !== "<=") {
    parts.push(fragment(`${sql} >= ?`, [at(-marginMs)]));
  }
  if (operator !== ">" && operator !== ">=") parts.push(fragment(`${sql} < ?`, [at(marginMs)]));
  return joinFragments("AND", [...parts, exact]);
}

/** The nanoseconds since the epoch of a literal. */
function nanosOf(text: string): bigint {
  const ms = Date.parse(`${text.slice(0, 10)}T${text.slice(11, 19)}Z`);
  return BigInt(ms) * 1_000_000n + BigInt(text.slice(20));
}

function compareDay({ sql, dialect }: ColumnSource, operator: Comparison, day: string): Fragment {
  const isDay = fragment(`${dialect.dayText(sql)} IS NOT NULL`);
  return joinFragments("AND", [compareDayText(sql, operator, day), isDay]);
}

function compareDayText(column: string, operator: Comparison, day: string): Fragment {
  const end = day + END_OF_DAY;
  switch (operator) {
    case "=":
      return fragment(`(${column} >= ? AND ${column} < ?)`, [day, end]);
    case "!=":
      return fragment(`(${column} < ? OR ${column} >= ?)`, [day, end]);
    case "<":
    case ">=":
      return fragment(`${column} ${operator} ?`, [day]);
    case "<=":
      return fragment(`${column} < ?`, [end]);
    case ">":
      return fragment(`${column} >= ?`, [end]);
  }
}
