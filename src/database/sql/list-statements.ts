// The statements that read a List: its pages, and how many rows it has.
// Pure: runs no SQL.

import type { SqlValue } from "../../schema/sql-value.ts";
import type { ListRequest, ListSelection } from "../list-request.ts";
import { toSql } from "./filter/condition.ts";
import type { Fragment } from "./filter/fragment.ts";
import type { TableFacts } from "./filter/source.ts";
import { compileOrder } from "./order/compile.ts";
import { type Statement, selectCount, selectPage } from "./statements.ts";

/** Where a page begins and ends. */
type PageBounds = Pick<ListRequest, "pageSize" | "skip">;

/** The statements of a List, whichever page is read. */
export interface ListStatements {
  /** The first page. */
  first(bounds: PageBounds): Statement;
  /**
   * The statements whose rows, one after the other, are the page after the row with these values: what
   * comes after a row is one range of an index for each term of the order, and to ask for all of them
   * at once would read from the start.
   */
  after(bounds: PageBounds, values: readonly SqlValue[]): readonly Statement[];
  /** One row with the number of rows on all pages. */
  count(): Statement;
}

/** Compiles what all pages of a List have in common. */
export function compileList(
  { plan, condition, order }: ListSelection,
  facts: TableFacts,
): ListStatements {
  const filter = condition ? [toSql(plan, condition, facts)] : [];
  const { terms, orderBy, keyset } = compileOrder(plan, order, facts);

  /** One row more than asked for tells whether there is a next page. */
  function page({ pageSize, skip }: PageBounds, range: readonly Fragment[] = []): Statement {
    return selectPage(
      plan,
      {
        conditions: [...filter, ...range],
        sortTerms: terms.map(({ expression }) => ({ sql: expression, parameters: [] })),
        orderBy: { sql: orderBy, parameters: [] },
        limit: pageSize + 1,
        offset: skip,
      },
      facts.dialect,
    );
  }

  return {
    first: page,

    after(bounds, values) {
      const { where, parameters, parts } = keyset(values);
      // What is passed over may end in any of the ranges, so only one statement can count it.
      const ranges = bounds.skip > 0 ? [{ sql: where, parameters }] : parts;
      return ranges.map((range) => page(bounds, [range]));
    },

    count: () => selectCount(plan, filter, facts.dialect),
  };
}
