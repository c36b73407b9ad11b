// Looks whether the fields that are declared to be indexed are: SQLite is asked over an empty copy of the
// tables, since over few rows it scans although an index is there. Reads no rows.

import { setImmediate } from "node:timers/promises";
import type { ResourcePlan } from "../../../schema/plan.ts";
import type { Explanation } from "../../explanation.ts";
import type { ListSelection } from "../../list-request.ts";
import { findUnindexed } from "../../sql/unindexed.ts";
import type { Connection } from "../connection/connection.ts";
import { explainDetails, openEmptyCopy } from "./explain.ts";
import { firstPageOf } from "./list-costs.ts";
import { explainPlan } from "./query-plan.ts";
import { createSchemaView } from "./schema-view.ts";

/** The fields that are declared as indexed and that no index serves, a line each, for the operator. */
export async function* unindexedFields(
  connection: Connection,
  plans: readonly ResourcePlan[],
): AsyncGenerator<string> {
  const tables = plans.flatMap((plan) => [plan, ...plan.children].map(({ table }) => table));
  const copy = openEmptyCopy(connection, tables);
  try {
    const explain = explainOver(copy);
    for (const plan of plans) {
      // Some milliseconds for each plan; calls are served meanwhile.
      await setImmediate();
      yield* await findUnindexed(plan, explain);
    }
  } finally {
    copy.close();
  }
}

/** How Lists would be run over tables of which nothing is known. */
export function explainOver(empty: Connection): (list: ListSelection) => Explanation {
  const view = createSchemaView(empty);
  return (list) => {
    const { plan, condition } = list;
    const firstPage = firstPageOf(list, view.factsOf(plan));
    const found = { details: explainDetails(empty, firstPage), statistics: NOTHING_KNOWN };
    const query = { plan, sql: firstPage.sql, isFiltered: condition !== undefined };
    return explainPlan(query, found, view.describe);
  };
}

const NOTHING_KNOWN = { rows: 0n, perKey: new Map<string, readonly bigint[]>() };
