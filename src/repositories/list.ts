// A page of a List: filter, order, keyset paging, total size.
// A page ends by its size or by its bytes; the row after it is read to know whether there is one.

import type { Registry } from "@bufbuild/protobuf";
import type { Limits } from "../config.ts";
import type { CallLimits, Database } from "../database/database.ts";
import { compileFilter } from "../query/filter/compile.ts";
import type { TableFacts } from "../query/filter/source.ts";
import { compileOrder } from "../query/order/compile.ts";
import {
  type Fragment,
  type Statement,
  selectCount,
  selectPage,
  sortValues,
} from "../query/statements.ts";
import type { ResourcePlan } from "../schema/plan.ts";
import type { SqlValue } from "../schema/sql-value.ts";
import { countForPage, messageBytes, readRows } from "./rows.ts";

/** What a List asks for. */
export interface ListQuery {
  /** AIP-160; all rows if empty. */
  readonly filter: string;
  /** AIP-132; by key if empty. */
  readonly orderBy: string;
  readonly pageSize: number;
  /** The rows to pass over before the page begins. */
  readonly skip: number;
  /** The sort values of the row before the page; absent for the first page. */
  readonly after: readonly SqlValue[] | undefined;
  readonly includeTotalSize: boolean;
}

/** Messages in the order that was asked for. */
export interface Page {
  readonly items: readonly Uint8Array[];
  /** The sort values of the last row; absent if no page follows. */
  readonly next: readonly SqlValue[] | undefined;
  /** The number of rows on all pages, if that was asked for. */
  readonly totalSize: number | undefined;
  readonly revision: bigint;
}

/** Where the rows come from. */
export interface ListSource {
  readonly database: Database;
  readonly plan: ResourcePlan;
  readonly registry: Registry;
  readonly limits: Limits;
  readonly facts: TableFacts;
  /** Refuses a statement that would cost too much. */
  readonly guard?: ListGuard | undefined;
}

/** @throws StoreError INVALID_FIELD if the statement, with this filter, must not be run. */
export type ListGuard = (plan: ResourcePlan, statement: Statement, filter: string) => Promise<void>;

/** Reads a page. @throws StoreError INVALID_FIELD for a filter or an order that cannot be. */
export async function listResources(
  { database, plan, registry, limits, facts, guard }: ListSource,
  query: ListQuery,
  call?: CallLimits,
): Promise<Page> {
  await guard?.(plan, listStatement(plan, { ...query, after: undefined }, facts), query.filter);
  const statements = listStatements(plan, query, facts);
  const counting = query.includeTotalSize
    ? [selectCount(plan, filterConditions(plan, query.filter, facts))]
    : [];
  const { rows, more, revision } = await readRows(database, plan, statements, call, counting);
  const messages = messageBytes(plan, rows, registry);
  const count = countForPage(messages, query.pageSize, limits.pageBytes);
  const last = count < messages.length ? rows.resources[count - 1] : undefined;
  return {
    items: messages.slice(0, count).map(({ bytes }) => bytes),
    next: last && sortValues(plan, last),
    totalSize: query.includeTotalSize ? Number(more[0]?.[0]?.[0]) : undefined,
    revision,
  };
}

/**
 * The statements whose rows, one after the other, are a page: what comes after a row is one range of
 * an index for each term of the order, and to ask for all of them at once would read from the start.
 */
function listStatements(plan: ResourcePlan, query: ListQuery, facts: TableFacts): Statement[] {
  if (!query.after || query.skip > 0) return [listStatement(plan, query, facts)];
  const { parts } = compileOrder(plan, query.orderBy, facts).keyset(query.after);
  return parts.map((part) => pageStatement(plan, query, facts, [part]));
}

/** The statement of a page: one row more than asked for tells whether there is a next page. */
export function listStatement(
  plan: ResourcePlan,
  { filter, orderBy, pageSize, skip, after }: Omit<ListQuery, "includeTotalSize">,
  facts: TableFacts,
): Statement {
  const range = after ? [toFragment(compileOrder(plan, orderBy, facts).keyset(after))] : [];
  return pageStatement(plan, { filter, orderBy, pageSize, skip }, facts, range);
}

function pageStatement(
  plan: ResourcePlan,
  { filter, orderBy, pageSize, skip }: Pick<ListQuery, "filter" | "orderBy" | "pageSize" | "skip">,
  facts: TableFacts,
  range: readonly Fragment[],
): Statement {
  const order = compileOrder(plan, orderBy, facts);
  return selectPage(plan, {
    conditions: [...filterConditions(plan, filter, facts), ...range],
    sortTerms: order.terms.map(({ expression }) => ({ sql: expression, parameters: [] })),
    orderBy: { sql: order.orderBy, parameters: [] },
    limit: pageSize + 1,
    offset: skip,
  });
}

function filterConditions(plan: ResourcePlan, filter: string, facts: TableFacts): Fragment[] {
  return filter.trim() === "" ? [] : [toFragment(compileFilter(plan, filter, facts))];
}

function toFragment(condition: {
  readonly where: string;
  readonly parameters: readonly SqlValue[];
}): Fragment {
  return { sql: condition.where, parameters: condition.parameters };
}
