// Comparisons of SQL expressions with parameters, which columns and JSON share. Values become
// parameters here and in the files beside, and nowhere else.

import type { Operator } from "../../../query/filter/ast.ts";
import type { SqlValue } from "../../../schema/sql-value.ts";
import type { Bounds } from "../../../schema/types/bounds.ts";
import type { Value } from "../../../schema/types/leaf.ts";
import type { Dialect } from "../dialect.ts";
import type { Comparable } from "./comparable.ts";
import { type Fragment, fragment, marks, rowOf } from "./fragment.ts";

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

/** Compares with a value that lies between these bounds. */
export function compareBounds(
  left: Comparable,
  operator: Comparison,
  { least, greatest }: Bounds,
): Fragment {
  if (least === greatest) return compareRows(left, operator, least);
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

/** Compares the key of a row, NULL of none. */
export function compareKey(
  left: Comparable,
  operator: Comparison,
  { key }: ValueOf<"key">,
): Fragment {
  if (key !== null) return compareRows(left, operator, [key]);
  return fragment(`${rowOf(left)} ${operator === "=" ? "IS NULL" : "IS NOT NULL"}`);
}
