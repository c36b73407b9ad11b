// Orders of List requests (AIP-132): text → ORDER BY, and what paging through it needs. The meaning is
// in docs/filtering.md. Pure: runs no SQL.

import type { ResourcePlan } from "../../schema/plan.ts";
import type { SqlValue } from "../../schema/sql-value.ts";
import type { TableFacts } from "../filter/source.ts";
import { type Keyset, type OrderTerm, rowsAfter } from "./keyset.ts";
import { parseOrder } from "./parser.ts";
import { sortExpressions } from "./term.ts";

/** An order as SQL, for a statement in which the plan's table has its own name. */
export interface CompiledOrder {
  /**
   * Together no two rows have the same values of them: the key is among them. Their values in a row
   * are what `keyset` takes.
   */
  readonly terms: readonly OrderTerm[];
  /** Without the words ORDER BY. */
  readonly orderBy: string;
  /** The paths that are sorted by, as they were written. */
  readonly fields: readonly string[];
  /** The rows after the one with these values of the terms. */
  keyset(values: readonly SqlValue[]): Keyset;
}

/**
 * Compiles an order_by; an empty one is the order of the keys. Rows that are equal by its fields are
 * in the order of their keys, in the direction of the last field, so that an index can give it.
 * @throws StoreError INVALID_FIELD, for `order_by`
 */
export function compileOrder(
  plan: ResourcePlan,
  text: string,
  facts: TableFacts = {},
): CompiledOrder {
  const fields = parseOrder(text);
  const sorted = fields.flatMap(({ path, descending }) =>
    sortExpressions(plan, path, facts).map((expression) => ({ ...expression, descending })),
  );
  const unique = sorted.findIndex((term) => term.unique);
  const key = {
    expression: `${plan.sql.table}.${plan.sql.key}`,
    descending: fields.at(-1)?.descending ?? false,
    nullable: false,
  };
  // After a term that tells all rows apart, no other one matters.
  const all = unique < 0 ? [...sorted, key] : sorted.slice(0, unique + 1);
  const terms = all.map(({ expression, descending, nullable }) => ({
    expression,
    descending,
    nullable,
  }));
  return {
    terms,
    orderBy: terms.map((term) => term.expression + (term.descending ? " DESC" : "")).join(", "),
    fields: fields.map(({ path }) => path),
    keyset: (values) => rowsAfter(terms, values),
  };
}
