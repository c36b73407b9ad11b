// One value in a row compared with one of a filter → SQL that is true, false, or NULL if the row has
// no value.

import type { SqlValue } from "../../../schema/sql-value.ts";
import type { Leaf, Value } from "../../../schema/types/leaf.ts";
import type { Dialect } from "../dialect.ts";
import { type Comparable, comparable } from "./comparable.ts";
import { compareColumn } from "./compare-column.ts";
import {
  type Comparison,
  compareBounds,
  compareKey,
  compareRows,
  compareText,
  type ValueOf,
} from "./compare-rows.ts";
import { type Fragment, fragment, joinFragments, rowOf } from "./fragment.ts";
import type { Source } from "./source.ts";

/** The condition that the value at `source` compares so with `value`. */
export function compareValue(
  source: Source,
  leaf: Leaf,
  operator: Comparison,
  value: Value,
  dialect: Dialect,
): Fragment {
  if (source.kind === "column") return compareColumn(source, leaf, operator, value);
  const left = comparable(source, leaf);
  const simple = (right: SqlValue) => compareRows(left, operator, [right]);
  switch (value.kind) {
    case "text":
      return compareText(left, operator, value.pieces, dialect);
    case "range":
      return compareBounds(left, operator, value.json);
    case "bool":
      return simple(value.value ? 1n : 0n);
    case "enum":
      return compareEnum(left, operator, value, leaf, dialect);
    case "timestamp":
      return simple(value.value);
    case "date":
      return compareRows(left, operator, value.value.split("-").map(BigInt));
    case "key":
      return compareKey(left, operator, value);
    case "json":
      throw new Error("a JSON value is compared by its type");
  }
}

/** JSON has an enum's name, which may be any of several, or its number. */
function compareEnum(
  left: Comparable,
  operator: Comparison,
  value: ValueOf<"enum">,
  leaf: Leaf,
  dialect: Dialect,
): Fragment {
  const sql = rowOf(left);
  const values = [...value.names, BigInt(value.number)];
  const list = (of: readonly unknown[]) => `(${of.map(() => "?").join(", ")})`;
  if (operator === "=") return fragment(`${sql} IN ${list(values)}`, values);
  // A name that the enum does not have is no value.
  const desc = (leaf as Extract<Leaf, { kind: "enum" }>).desc;
  const others = desc.values.map(({ name }) => name).filter((name) => !value.names.includes(name));
  const number = fragment(`(${dialect.isInteger(sql)} AND ${sql} <> ?)`, [BigInt(value.number)]);
  if (others.length === 0) return number;
  return joinFragments("OR", [fragment(`${sql} IN ${list(others)}`, others), number]);
}
