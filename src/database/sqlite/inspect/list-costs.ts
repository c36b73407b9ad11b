// What Lists cost: how one would be run, and whether it may.
// Reads no rows but to count a bounded number of them.

import type { Explanation } from "../../explanation.ts";
import type { ListSelection } from "../../list-request.ts";
import { compileList } from "../../sql/list-statements.ts";
import { refuseScan } from "../../sql/refuse-scan.ts";
import type { Statement } from "../../sql/statements.ts";
import type { Connection } from "../connection/connection.ts";
import { explainStatement } from "./explain.ts";
import { explainPlan } from "./query-plan.ts";
import type { SchemaView } from "./schema-view.ts";

/** What is known of the costs of Lists. Every method fails with StoreError only. */
export interface ListCosts {
  explain(list: ListSelection): Explanation;
  /**
   * @throws StoreError INVALID_FIELD, for `filter`, if the statement, which reads the first page, would
   * look at more than `rowsMax` rows; 0 refuses none.
   */
  refuseScan(list: ListSelection, firstPage: Statement, rowsMax: number): void;
}

/** The costs of Lists of the database that `connection` has open. */
export function createListCosts(
  connection: Connection,
  { describe, factsOf }: SchemaView,
): ListCosts {
  function explain({ plan, condition }: ListSelection, firstPage: Statement): Explanation {
    const query = { plan, sql: firstPage.sql, isFiltered: condition !== undefined };
    return explainPlan(query, explainStatement(connection, plan, firstPage), describe);
  }
  return {
    explain: (list) => explain(list, firstPageOf(list, factsOf(list.plan))),

    refuseScan(list, firstPage, rowsMax) {
      if (rowsMax > 0) refuseScan(explain(list, firstPage), rowsMax);
    },
  };
}

/** The statement that is explained for a List. */
export function firstPageOf(
  list: ListSelection,
  facts: ReturnType<SchemaView["factsOf"]>,
): Statement {
  return compileList(list, facts).first({ pageSize: 1, skip: 0 });
}
