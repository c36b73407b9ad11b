// The texts of List requests, filter and order_by → what the database is asked for.
// Must not know how a database finds rows.

import type { Database } from "../database/database.ts";
import type { Explanation } from "../database/explanation.ts";
import type { ListRange, ListSelection } from "../database/list-request.ts";
import { invalidField } from "../errors.ts";
import { checkFilter } from "../query/filter/checker.ts";
import { checkOrder } from "../query/order/checker.ts";
import type { ResourcePlan } from "../schema/plan.ts";

/** The part of a List request that decides how it is run. */
export interface ListText {
  /** AIP-160; all rows if empty. */
  readonly filter: string;
  /** AIP-132; by key if empty. */
  readonly orderBy: string;
}

/** What a List asks for. */
export interface ListQuery extends ListText, ListRange {
  /** The bytes of rows after which the page ends; as `Limits.pageBytes` has it if absent. */
  readonly pageBytes?: number;
}

/** A List request and the type of its resources. */
export interface ExplainRequest extends ListText {
  readonly resourceType: string;
}

/** What the texts select. @throws StoreError INVALID_FIELD for a filter or an order that cannot be. */
export function checkList(plan: ResourcePlan, { filter, orderBy }: ListText): ListSelection {
  const { condition } = filter.trim() === "" ? ALL : checkFilter(plan, filter);
  return { plan, condition, order: orderBy === "" ? [] : checkOrder(plan, orderBy) };
}

const ALL = { condition: undefined };

/**
 * Explains a List of resources.
 * @throws StoreError INVALID_FIELD if no such resource is served, or for a filter or an order that
 * cannot be.
 */
export async function explainList(
  database: Pick<Database, "explain">,
  plans: readonly ResourcePlan[],
  request: ExplainRequest,
): Promise<Explanation> {
  const plan = plans.find(({ resource }) => resource.type === request.resourceType);
  if (!plan) {
    const types = plans.map(({ resource }) => resource.type).join(", ");
    throw invalidField("resource_type", `must be one of ${types}`);
  }
  return database.explain(checkList(plan, request));
}
