// Tells how a List would be run, for ExplainQuery and for the check at boot.
// Makes no statement itself: it is given the one that List runs.

import type { Statement } from "../database/sql/statements.ts";
import {
  type ExplainedQuery,
  type Explanation,
  explainPlan,
  type QueryPlan,
} from "../database/sqlite/inspect/query-plan.ts";
import { invalidField } from "../errors.ts";
import type { DescribeTable } from "../schema/drift.ts";
import type { ResourcePlan } from "../schema/plan.ts";

/** The part of a List request that decides how it is run. */
export interface ListText {
  /** AIP-160; all rows if empty. */
  readonly filter: string;
  /** AIP-132; by key if empty. */
  readonly orderBy: string;
}

/** What explanations are made from. */
export interface ExplainSource {
  /**
   * The statement that List runs for the first page.
   * @throws StoreError INVALID_FIELD for a filter or an order that cannot be.
   */
  readonly listStatement: (plan: ResourcePlan, list: ListText) => Statement;
  /** What the database would do for a statement that reads the plan's table. */
  readonly explain: (plan: ResourcePlan, statement: Statement) => Promise<QueryPlan>;
  readonly describe: DescribeTable;
}

/** A List request and the type of its resources. */
export interface ExplainRequest extends ListText {
  readonly resourceType: string;
}

/**
 * Explains a List of resources.
 * @throws StoreError INVALID_FIELD if no such resource is served, or for a filter or an order that
 * cannot be.
 */
export async function explainList(
  source: ExplainSource,
  plans: readonly ResourcePlan[],
  request: ExplainRequest,
): Promise<Explanation> {
  const plan = plans.find(({ resource }) => resource.type === request.resourceType);
  if (!plan) {
    const types = plans.map(({ resource }) => resource.type).join(", ");
    throw invalidField("resource_type", `must be one of ${types}`);
  }
  const statement = source.listStatement(plan, request);
  const found = await source.explain(plan, statement);
  const isFiltered = request.filter.trim() !== "";
  const query: ExplainedQuery = { plan, sql: statement.sql, isFiltered };
  return explainPlan(query, found, source.describe);
}
