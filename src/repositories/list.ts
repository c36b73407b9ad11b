// A page of a List: filter, order, keyset paging, total size.
// A page ends by its size or by its bytes; the row after it is read to know whether there is one.

import { itemBytesMax, type Limits } from "../config.ts";
import type { CallLimits, Database } from "../database/database.ts";
import type { ItemForm, PageBytes } from "../database/page-request.ts";
import { toSql } from "../database/sql/filter/condition.ts";
import type { Fragment } from "../database/sql/filter/fragment.ts";
import type { TableFacts } from "../database/sql/filter/source.ts";
import { type CompiledOrder, compileOrder } from "../database/sql/order/compile.ts";
import {
  type Statement,
  selectCount,
  selectJoinedPage,
  selectPage,
} from "../database/sql/statements.ts";
import { checkFilter } from "../query/filter/checker.ts";
import { checkOrder } from "../query/order/checker.ts";
import type { ResourcePlan } from "../schema/plan.ts";
import type { RowFault } from "../schema/row-fault.ts";
import type { SqlValue } from "../schema/sql-value.ts";

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
  /** How the messages stand in the response. */
  readonly item: ItemForm;
  /** The paths of the read mask; all of each message if absent. */
  readonly mask?: readonly string[] | undefined;
  /** The bytes of rows after which the page ends; as `Limits.pageBytes` has it if absent. */
  readonly pageBytes?: number;
}

/** Messages in the order that was asked for, as they stand in the response. */
export interface Page {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** How many messages there are. */
  readonly count: number;
  /** The rows of the page that are left out: they cannot be read, or not be sent. */
  readonly unreachable: readonly RowFault[];
  /** The values by which the next page is found; absent if none follows. */
  readonly next: readonly SqlValue[] | undefined;
  /** The number of rows on all pages, if that was asked for. */
  readonly totalSize: number | undefined;
  readonly revision: bigint;
}

/** Where the rows come from. */
export interface ListSource {
  readonly database: Database;
  readonly plan: ResourcePlan;
  readonly limits: Limits;
  readonly facts: TableFacts;
  /** Refuses a statement that would cost too much. */
  readonly guard?: ListGuard | undefined;
}

/** @throws StoreError INVALID_FIELD if the statement, with this filter, must not be run. */
export type ListGuard = (plan: ResourcePlan, statement: Statement, filter: string) => Promise<void>;

/** Reads a page. @throws StoreError INVALID_FIELD for a filter or an order that cannot be. */
export async function listResources(
  source: ListSource,
  query: ListQuery,
  call?: CallLimits,
): Promise<Page> {
  const { bytes, count, unreachable, last, following, more, revision } =
    (await readShort(source, query)) ?? (await readAny(source, query, call));
  // The values behind the key are those of the order.
  const next = following && last?.slice(1);
  const totalSize = query.includeTotalSize ? Number(more[0]?.[0]?.[0]) : undefined;
  return { bytes, count, unreachable, next, totalSize, revision };
}

/** To compile what is asked for, and to wake a reader, would take longer than the page. */
async function readShort(
  { database, plan, limits }: ListSource,
  query: ListQuery,
): Promise<PageBytes | undefined> {
  if (!isShort(query, limits)) return undefined;
  const { after, item, pageSize, pageBytes = limits.pageBytes } = query;
  const joined = selectJoinedPage(plan, after?.[0], limits.shortPageRowBytes, pageSize + 1);
  return database.shortPage({ joined, item, pageSize, pageBytes });
}

async function readAny(
  { database, plan, limits, facts, guard }: ListSource,
  query: ListQuery,
  call: CallLimits | undefined,
): Promise<PageBytes> {
  const list = compileList(plan, query, facts);
  await guard?.(plan, pageStatement(list, query), query.filter);
  return database.page(
    {
      plan,
      statements: pageStatements(list, query),
      pageSize: query.pageSize,
      pageBytes: query.pageBytes ?? limits.pageBytes,
      itemBytesMax: itemBytesMax(limits),
      item: query.item,
      mask: query.mask,
      more: query.includeTotalSize ? [selectCount(plan, list.filter)] : [],
    },
    call,
  );
}

/** A few rows in the order of their keys, and nothing else to look for. */
function isShort(query: ListQuery, limits: Limits): boolean {
  const { filter, orderBy, skip, includeTotalSize, mask, item } = query;
  const isPlain = filter === "" && orderBy === "" && skip === 0 && !includeTotalSize;
  return isPlain && !mask && !item.envelope && query.pageSize <= limits.shortPageRows;
}

/** The statement of a first page. */
export function listStatement(
  plan: ResourcePlan,
  query: Pick<ListQuery, "filter" | "orderBy" | "pageSize" | "skip">,
  facts: TableFacts,
): Statement {
  return pageStatement(compileList(plan, query, facts), query);
}

/** What all pages of a List have in common. */
interface CompiledList {
  readonly plan: ResourcePlan;
  readonly filter: readonly Fragment[];
  readonly order: CompiledOrder;
}

function compileList(
  plan: ResourcePlan,
  { filter, orderBy }: Pick<ListQuery, "filter" | "orderBy">,
  facts: TableFacts,
): CompiledList {
  const { condition } = filter.trim() === "" ? {} : checkFilter(plan, filter);
  return {
    plan,
    filter: condition ? [toSql(plan, condition, facts)] : [],
    order: compileOrder(plan, checkOrder(plan, orderBy), facts),
  };
}

/**
 * The statements whose rows, one after the other, are a page: what comes after a row is one range of
 * an index for each term of the order, and to ask for all of them at once would read from the start.
 */
function pageStatements(list: CompiledList, query: ListQuery): Statement[] {
  if (!query.after) return [pageStatement(list, query)];
  const keyset = list.order.keyset(query.after);
  // What is passed over may end in any of the ranges, so only one statement can count it.
  const ranges = query.skip > 0 ? [toFragment(keyset)] : keyset.parts;
  return ranges.map((range) => pageStatement(list, query, [range]));
}

/** One row more than asked for tells whether there is a next page. */
function pageStatement(
  { plan, filter, order }: CompiledList,
  { pageSize, skip }: Pick<ListQuery, "pageSize" | "skip">,
  range: readonly Fragment[] = [],
): Statement {
  return selectPage(plan, {
    conditions: [...filter, ...range],
    sortTerms: order.terms.map(({ expression }) => ({ sql: expression, parameters: [] })),
    orderBy: { sql: order.orderBy, parameters: [] },
    limit: pageSize + 1,
    offset: skip,
  });
}

function toFragment(condition: {
  readonly where: string;
  readonly parameters: readonly SqlValue[];
}): Fragment {
  return { sql: condition.where, parameters: condition.parameters };
}
