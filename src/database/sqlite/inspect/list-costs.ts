// What Lists cost: how one would be run, whether it may, and which declared fields no index serves.
// Reads no rows but to count a bounded number of them.

import { setImmediate } from "node:timers/promises";
import type { ResourcePlan } from "../../../schema/plan.ts";
import type { Explanation } from "../../explanation.ts";
import type { ListSelection } from "../../list-request.ts";
import { compileList } from "../../sql/list-statements.ts";
import type { Statement } from "../../sql/statements.ts";
import type { Connection } from "../connection/connection.ts";
import { explainStatement, openEmptyCopy } from "./explain.ts";
import { explainPlan, refuseScan } from "./query-plan.ts";
import { createSchemaView, type SchemaView } from "./schema-view.ts";
import { findUnindexed } from "./unindexed.ts";

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
function firstPageOf(list: ListSelection, facts: ReturnType<SchemaView["factsOf"]>): Statement {
  return compileList(list, facts).first({ pageSize: 1, skip: 0 });
}

/** The fields that are declared as indexed and that no index serves, a line each, for the operator. */
export async function* unindexedFields(
  connection: Connection,
  plans: readonly ResourcePlan[],
): AsyncGenerator<string> {
  // Over few rows SQLite scans although an index is there, so an empty copy is asked.
  const tables = plans.flatMap((plan) => [plan, ...plan.children].map(({ table }) => table));
  const copy = openEmptyCopy(connection, tables);
  try {
    const view = createSchemaView(copy);
    for (const plan of plans) {
      // Some milliseconds for each plan; calls are served meanwhile.
      await setImmediate();
      yield* findUnindexed(plan, copy, view);
    }
  } finally {
    copy.close();
  }
}
