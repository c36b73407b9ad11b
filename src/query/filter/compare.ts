// One value in a row compared with one of a filter → SQL that is true, false, or NULL if the row has
// no value. Values become parameters here, and here only.

import type { SqlValue } from "../../schema/sql-value.ts";
import { INT64_MAX } from "../../schema/sql-value.ts";
import type { Operator } from "./ast.ts";
import { type Comparable, comparable, UINT64_DIGITS } from "./comparable.ts";
import { type Decimal, doublesOf, floorDivide, scaleDecimal } from "./decimal.ts";
import { type Fragment, fragment, marks, rowOf } from "./fragment.ts";
import type { Leaf } from "./kinds.ts";
import type { Value } from "./literals.ts";
import { matchPattern } from "./pattern.ts";
import { jsonValue, type Source } from "./source.ts";

/** The operators that are left when `:` is read as `=`. */
export type Comparison = Exclude<Operator, ":">;

type ValueOf<K extends Value["kind"]> = Extract<Value, { readonly kind: K }>;

/** The condition that the value at `source` compares so with `value`. */
export function compareValue(
  source: Source,
  leaf: Leaf,
  operator: Comparison,
  value: Value,
): Fragment {
  const isColumn = source.kind === "column";
  const left = comparable(source, leaf);
  const simple = (right: SqlValue) => compareRows(left, operator, [right]);
  switch (value.kind) {
    case "text":
      return compareText(left, operator, value.pieces);
    case "integer":
      return simple(integerParameter(value.value, leaf, source));
    case "number":
      return simple(Number.isNaN(value.value) ? "NaN" : value.value);
    case "bool":
      return simple(value.value ? 1n : 0n);
    case "bytes":
      return simple(isColumn ? value.value : Buffer.from(value.value).toString("base64"));
    case "enum":
      return isColumn ? simple(BigInt(value.number)) : compareEnum(source, operator, value);
    case "timestamp":
      return isColumn
        ? compareTimestamp(source.sql, left, operator, value.value)
        : simple(value.value);
    case "duration":
      return isColumn
        ? compareMilliseconds(left, operator, value.nanos)
        : compareRows(left, operator, [value.nanos / 1_000_000_000n, value.nanos % 1_000_000_000n]);
    case "date":
      return isColumn
        ? compareDay(source.sql, operator, value.value)
        : compareRows(left, operator, value.value.split("-").map(BigInt));
    case "money":
      return isColumn
        ? compareAmount(left, operator, value.amount)
        : compareUnits(left, operator, value.amount);
    case "key":
      return compareKey(left, operator, value);
    case "json":
      throw new Error("a JSON value is compared by its type");
  }
}

function compareRows(left: Comparable, operator: string, right: readonly SqlValue[]): Fragment {
  const sign = operator === "!=" ? "<>" : operator;
  return fragment(`${rowOf(left)} ${sign} ${marks(right.length)}`, right);
}

/**
 * Compares with a value that lies from `least`, the first that is not below it, to `greatest`, the
 * last that is not above it. They are the same if it can be stored as it is.
 */
function compareRange(
  left: Comparable,
  operator: Comparison,
  least: readonly SqlValue[],
  greatest: readonly SqlValue[],
): Fragment {
  switch (operator) {
    case "<":
    case ">=":
      return compareRows(left, operator, least);
    case "<=":
    case ">":
      return compareRows(left, operator, greatest);
    default: {
      const [row, mark] = [rowOf(left), marks(left.length)];
      const range =
        operator === "="
          ? `(${row} >= ${mark} AND ${row} <= ${mark})`
          : `(${row} < ${mark} OR ${row} > ${mark})`;
      return fragment(range, [...least, ...greatest]);
    }
  }
}

function compareText(left: Comparable, operator: Comparison, pieces: readonly string[]): Fragment {
  if (pieces.length === 1) return compareRows(left, operator, [pieces[0] as string]);
  return matchPattern(rowOf(left), pieces, operator === "!=");
}

/** 64-bit unsigned integers are text of one width in JSON, and at most 2^63 - 1 in a column. */
function integerParameter(value: bigint, leaf: Leaf, source: Source): SqlValue {
  if (leaf.kind === "uint64" && source.kind !== "column") {
    return String(value).padStart(UINT64_DIGITS, "0");
  }
  return value > INT64_MAX ? Number(value) : value;
}

/** JSON has an enum's name, which may be any of several, or its number. */
function compareEnum(source: Source, operator: Comparison, value: ValueOf<"enum">): Fragment {
  const values = [...value.names, BigInt(value.number)];
  const list = values.map(() => "?").join(", ");
  const generated = source.kind === "json" ? source.generated : undefined;
  const sql = source.kind === "part" ? source.sql : (generated ?? jsonValue(source));
  return fragment(`${sql} ${operator === "=" ? "IN" : "NOT IN"} (${list})`, values);
}

/** Above every time of a day in text, whether a space or a T is between them. */
const END_OF_DAY = "U";

/** The day alone is compared too, as the column has it, so that an index can be used. */
function compareTimestamp(
  column: string,
  left: Comparable,
  operator: Comparison,
  text: string,
): Fragment {
  const day = text.slice(0, 10);
  const exact = compareRows(left, operator, [text]);
  const parts: Fragment[] = [];
  if (operator !== "<" && operator !== "<=") parts.push(fragment(`${column} >= ?`, [day]));
  if (operator !== ">" && operator !== ">=") {
    parts.push(fragment(`${column} < ?`, [day + END_OF_DAY]));
  }
  if (operator === "!=") return exact;
  const all = [...parts, exact];
  return fragment(
    `(${all.map(({ sql }) => sql).join(" AND ")})`,
    all.flatMap(({ parameters }) => parameters),
  );
}

function compareDay(column: string, operator: Comparison, day: string): Fragment {
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

const NANOS_PER_MILLISECOND = 1_000_000n;

function compareMilliseconds(left: Comparable, operator: Comparison, nanos: bigint): Fragment {
  const greatest = floorDivide(nanos, NANOS_PER_MILLISECOND);
  const least = greatest * NANOS_PER_MILLISECOND === nanos ? greatest : greatest + 1n;
  return compareRange(left, operator, [least], [greatest]);
}

function compareAmount(left: Comparable, operator: Comparison, amount: Decimal): Fragment {
  const { least, greatest } = doublesOf(amount);
  return compareRange(left, operator, [least], [greatest]);
}

function compareUnits(left: Comparable, operator: Comparison, amount: Decimal): Fragment {
  const [floor, ceiling] = scaleDecimal(amount, 9);
  const toRow = (nanos: bigint) => [nanos / 1_000_000_000n, nanos % 1_000_000_000n];
  return compareRange(left, operator, toRow(ceiling), toRow(floor));
}

function compareKey(left: Comparable, operator: Comparison, { key }: ValueOf<"key">): Fragment {
  if (key !== null) return compareRows(left, operator, [key]);
  return fragment(`${rowOf(left)} ${operator === "=" ? "IS NULL" : "IS NOT NULL"}`);
}
