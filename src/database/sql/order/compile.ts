// The terms of an order → ORDER BY, and what paging through it needs.
// Pure: runs no SQL.

import type { OrderTerm } from "../../../query/order/checker.ts";
import type { ResourcePlan } from "../../../schema/plan.ts";
import type { SqlValue } from "../../../schema/sql-value.ts";
import type { TableFacts } from "../filter/source.ts";
import { type Keyset, rowsAfter, type SortTerm } from "./keyset.ts";
import { sortExpressions } from "./sort-expressions.ts";

/** An order as SQL, for a statement in which the plan's table has its own name. */
export interface CompiledOrder {
  /**
   * Together no two rows have the same values of them: the key is among them. Their values in a row
   * are what `keyset` takes.
   */
  readonly terms: readonly SortTerm[];
  /** Without the words ORDER BY. */
  readonly orderBy: string;
  /** The rows after the one with these values of the terms. */
  keyset(values: readonly SqlValue[]): Keyset;
}

/**
 * Compiles an order; one without terms is the order of the keys. Rows that are equal by its terms are
 * in the order of their keys, in the direction of the last term, so that an index can give it.
 */
export function compileOrder(
  plan: ResourcePlan,
  order: readonly OrderTerm[],
  facts: TableFacts,
): CompiledOrder {
  const sorted = order.flatMap((term) =>
    sortExpressions(plan, term, facts).map((expression) => ({
      ...expression,
      descending: term.descending,
    })),
  );
  const unique = sorted.findIndex((term) => term.unique);
  const key = {
    expression: `${plan.sql.table}.${plan.sql.key}`,
    descending: order.at(-1)?.descending ?? false,
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
    orderBy: terms.map((term) => facts.dialect.orderTerm(term)).join(", "),
    keyset: (values) => rowsAfter(terms, values),
  };
}
