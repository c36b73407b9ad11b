// The condition "after this row" for any order (keyset paging): no row is counted, so that a page far
// from the first costs what the first does. Pure.

import type { SqlValue } from "../../../schema/sql-value.ts";
import { type Fragment, fragment, joinFragments, marks, rowOf } from "../filter/fragment.ts";

/** An expression that rows are sorted by. */
export interface SortTerm {
  readonly expression: string;
  readonly descending: boolean;
  /** True if it may be NULL: the least value, so that it is first, or last if descending. */
  readonly nullable: boolean;
}

/** The rows after another. */
export interface Keyset {
  readonly where: string;
  readonly parameters: readonly SqlValue[];
  /**
   * The same rows in parts that follow each other in the order: each is one range of an index on the
   * terms, where `where` reads rows with an equal value again. Take the next part when one has ended.
   */
  readonly parts: readonly Fragment[];
}

/** The rows after the one that has these values of the terms, in an order that has no two equal rows. */
export function rowsAfter(terms: readonly SortTerm[], values: readonly SqlValue[]): Keyset {
  if (values.length !== terms.length) throw new Error("a row has one value for each term");
  const range = isOneRange(terms, values) ? rangeAfter(terms, values) : undefined;
  const parts = stepsAfter(terms, values);
  const { sql, parameters } = joinFragments("OR", range ?? parts);
  return { where: sql, parameters, parts };
}

/** SQLite searches an index by a row value of columns, but not by one of other expressions. */
function isColumn({ expression }: SortTerm): boolean {
  return /^\w+\.\w+$/.test(expression);
}

/** True if a row value compares as the order does. */
function isOneRange(terms: readonly SortTerm[], values: readonly SqlValue[]): boolean {
  const descending = terms[0]?.descending;
  return (
    values.every((value) => value !== null) &&
    terms.every((term) => term.descending === descending) &&
    // A NULL after the first is between values when it is last.
    !(descending && terms.slice(1).some(({ nullable }) => nullable))
  );
}

function rangeAfter(terms: readonly SortTerm[], values: readonly SqlValue[]): Fragment[] {
  const [first] = terms as [SortTerm];
  const row = rowOf(terms.map(({ expression }) => expression));
  const sign = first.descending ? "<" : ">";
  const beyond = fragment(`${row} ${sign} ${marks(values.length)}`, values);
  // What the first term alone says is implied, but an index on its expression can be used for it.
  const from = fragment(`${first.expression} ${sign}= ?`, values.slice(0, 1));
  const range = terms.every(isColumn) ? beyond : joinFragments("AND", [from, beyond]);
  return first.descending && first.nullable ? [range, isNull(first)] : [range];
}

/** Rows that differ in the last term, then those that differ in the one before it, and so on. */
function stepsAfter(terms: readonly SortTerm[], values: readonly SqlValue[]): Fragment[] {
  const equal = terms.map((term, index) => equals(term, values[index] ?? null));
  return terms
    .map((term, index) => {
      const same = equal.slice(0, index);
      return after(term, values[index] ?? null).map((part) => allOf([...same, part]));
    })
    .reverse()
    .flat();
}

function after(term: SortTerm, value: SqlValue): Fragment[] {
  const { expression, descending, nullable } = term;
  if (value === null) return descending ? [] : [fragment(`${expression} IS NOT NULL`)];
  const beyond = fragment(`${expression} ${descending ? "<" : ">"} ?`, [value]);
  return descending && nullable ? [beyond, isNull(term)] : [beyond];
}

function equals(term: SortTerm, value: SqlValue): Fragment {
  return value === null ? isNull(term) : fragment(`${term.expression} = ?`, [value]);
}

function isNull({ expression }: SortTerm): Fragment {
  return fragment(`${expression} IS NULL`);
}

function allOf(parts: readonly Fragment[]): Fragment {
  return joinFragments("AND", parts);
}
