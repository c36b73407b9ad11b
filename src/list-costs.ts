// Wires the explanation of Lists to a SQLite database: for ExplainQuery, for the limit on scans, and
// for what the operator is told at boot.

import { setImmediate } from "node:timers/promises";
import type { Limits } from "./config.ts";
import type { Statement } from "./database/sql/statements.ts";
import {
  explainDetails,
  explainStatement,
  openEmptyCopy,
} from "./database/sqlite/inspect/explain.ts";
import { type Explanation, explainPlan, refuseScan } from "./database/sqlite/inspect/query-plan.ts";
import { createSchemaView, type SchemaView } from "./database/sqlite/inspect/schema-view.ts";
import type { SqliteDatabase } from "./database/sqlite/sqlite-database.ts";
import { type ExplainRequest, explainList, type ListText } from "./repositories/explain.ts";
import { type ListGuard, listStatement } from "./repositories/list.ts";
import type { ListExtras } from "./repositories/resource-repository.ts";
import { findUnindexed } from "./repositories/unindexed.ts";
import type { ResourcePlan } from "./schema/plan.ts";

/** What is known of the costs of Lists. */
export interface ListCosts {
  /** What a List may use and must heed. */
  readonly extras: ListExtras;
  /** Explains a List request. @throws StoreError INVALID_FIELD */
  explain(request: ExplainRequest): Promise<Explanation>;
  /** The fields declared as indexed that no index serves, a line each. */
  findUnindexed(): AsyncGenerator<string>;
}

/** The costs of Lists of the resources in this database. */
export function createListCosts(
  { connection }: SqliteDatabase,
  plans: readonly ResourcePlan[],
  limits: Limits,
): ListCosts {
  const view = createSchemaView(connection);
  const firstPage = (of: SchemaView) => (plan: ResourcePlan, list: ListText) =>
    listStatement(plan, { ...list, ...FIRST_PAGE }, of.factsOf(plan));
  const guard: ListGuard = async (plan, statement, filter) => {
    const query = { plan, sql: statement.sql, isFiltered: filter.trim() !== "" };
    const found = explainStatement(connection, plan, statement);
    refuseScan(explainPlan(query, found, view.describe), limits.scanRowsMax);
  };
  return {
    extras: { factsOf: view.factsOf, guard: limits.scanRowsMax > 0 ? guard : undefined },

    explain(request) {
      const explain = async (plan: ResourcePlan, statement: Statement) =>
        explainStatement(connection, plan, statement);
      const source = { listStatement: firstPage(view), explain, describe: view.describe };
      return explainList(source, plans, request);
    },

    async *findUnindexed() {
      // Over few rows SQLite scans although an index is there, so an empty copy is asked.
      const tables = plans.flatMap((plan) => [plan, ...plan.children].map(({ table }) => table));
      const copy = openEmptyCopy(connection, tables);
      try {
        const empty = createSchemaView(copy);
        const check = {
          listStatement: firstPage(empty),
          explainDetails: (statement: Statement) => explainDetails(copy, statement),
          describe: empty.describe,
        };
        for (const plan of plans) {
          // Some milliseconds for each plan; calls are served meanwhile.
          await setImmediate();
          yield* findUnindexed([plan], check);
        }
      } finally {
        copy.close();
      }
    },
  };
}

const FIRST_PAGE = { pageSize: 1, skip: 0 } as const;
