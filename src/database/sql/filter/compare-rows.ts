// Comparisons of SQL expressions with parameters, which columns and JSON share. Values become
// parameters here and in the files beside, and nowhere else.

import type { Operator } from "../../../query/filter/ast.ts";
import { doublesOf, doublesOfFloat } from "../../../query/filter/decimal.ts";
import type { SqlValue } from "../../../schema/sql-value.ts";
import { INT64_MAX } from "../../../schema/sql-value.ts";
import { type Decimal, floorDivide } from "../../../schema/types/decimal.ts";
import type { Leaf, Value } from "../../../schema/types/leaf.ts";
import { type Dialect, UINT64_DIGITS } from "../dialect.ts";
import type { Comparable } from "./comparable.ts";
import { type Fragment, fragment, marks, rowOf } from "./fragment.ts";
import type { Source } from "./source.ts";

/** The operators that are left when `:` is read as `=`. */
export type Comparison = Exclude<Operator, ":">;

export type ValueOf<K extends Value["kind"]> = Extract<Value, { readonly kind: K }>;

/** Compares expressions with as many values, as row values do. */
export function compareRows(
  left: Comparable,
  operator: string,
  right: readonly SqlValue[],
): Fragment {
  const sign = operator === "!=" ? "<>" : operator;
  return fragment(`${rowOf(left)} ${sign} ${marks(right.length)}`, right);
}

/**
 * Compares with a value that lies from `least`, the first that is not below it, to `greatest`, the
 * last that is not above it. They are the same if it can be stored as it is.
 */
export function compareRange(
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

/** Texts that are equal are so in every encoding; which is less is told by the code points. */
export function compareText(
  left: Comparable,
  operator: Comparison,
  pieces: readonly string[],
  dialect: Dialect,
): Fragment {
  const sql = rowOf(left);
  if (pieces.length > 1) return dialect.matches(sql, pieces, operator === "!=");
  const text = pieces[0] as string;
  if (operator === "=" || operator === "!=") return compareRows(left, operator, [text]);
  return compareRows([dialect.textKey(sql)], operator, [dialect.textKeyOf(text)]);
}

/** 64-bit unsigned integers are text of one width in JSON, and at most 2^63 - 1 in a column. */
export function integerParameter(value: bigint, leaf: Leaf, source: Source): SqlValue {
  if (leaf.kind === "uint64" && source.kind !== "column") {
    return String(value).padStart(UINT64_DIGITS, "0");
  }
  return value > INT64_MAX ? Number(value) : value;
}

/**
 * Compares a double, or the double that stands for a float: another program may have written any of
 * those that the float is nearest to.
 */
export function compareNumber(
  left: Comparable,
  operator: Comparison,
  value: number,
  leaf: Leaf,
): Fragment {
  if (!Number.isFinite(value) || leaf.kind !== "float") {
    return compareRows(left, operator, [Number.isNaN(value) ? "NaN" : value]);
  }
  const { least, greatest } = doublesOfFloat(value);
  return compareRange(left, operator, [least], [greatest]);
}

const NANOS_PER_MILLISECOND = 1_000_000n;

/** Compares whole milliseconds with nanoseconds. */
export function compareMilliseconds(
  left: Comparable,
  operator: Comparison,
  nanos: bigint,
): Fragment {
  const greatest = floorDivide(nanos, NANOS_PER_MILLISECOND);
  const least = greatest * NANOS_PER_MILLISECOND === nanos ? greatest : greatest + 1n;
  return compareRange(left, operator, [least], [greatest]);
}

/** Compares the number of a Money column with an amount. */
export function compareAmount(left: Comparable, operator: Comparison, amount: Decimal): Fragment {
  const { least, greatest } = doublesOf(amount);
  return compareRange(left, operator, [least], [greatest]);
}

/** Compares the key of a row, NULL of none. */
export function compareKey(
  left: Comparable,
  operator: Comparison,
  { key }: ValueOf<"key">,
): Fragment {
  if (key !== null) return compareRows(left, operator, [key]);
  return fragment(`${rowOf(left)} ${operator === "=" ? "IS NULL" : "IS NOT NULL"}`);
}
