// The part of the contract that is about Lists: what a page is asked for with, in conditions and terms,
// and what it is answered with. Types only.

import type { Condition } from "../query/filter/checker.ts";
import type { OrderTerm } from "../query/order/checker.ts";
import type { ResourcePlan } from "../schema/plan.ts";
import type { RowFault } from "../schema/row-fault.ts";
import type { SqlValue } from "../schema/sql-value.ts";
import type { ItemForm } from "./page-request.ts";

/** Which resources a List has, and in which order: the part that decides how it is run. */
export interface ListSelection {
  readonly plan: ResourcePlan;
  /** What each resource must meet; all do if it is absent. */
  readonly condition?: Condition | undefined;
  /** By key if it has no terms. */
  readonly order: readonly OrderTerm[];
}

/** Which part of a List is its page, and how the messages stand in the response. */
export interface ListRange {
  readonly pageSize: number;
  /** The resources to pass over before the page begins. */
  readonly skip: number;
  /** `next` of the page before; absent for the first page. */
  readonly after: readonly SqlValue[] | undefined;
  readonly includeTotalSize: boolean;
  readonly item: ItemForm;
  /** The paths of the read mask; all of each message if absent. */
  readonly mask?: readonly string[] | undefined;
}

/** A page of a List. */
export interface ListRequest extends ListSelection, ListRange {
  /** The bytes of whole messages after which the page ends; it passes one row at least. */
  readonly pageBytes: number;
  /** The most bytes of an item; a row that has more is left out. */
  readonly itemBytesMax: number;
}

/** Messages in the order that was asked for, as they stand in the response. */
export interface Page {
  /** The items, each after tag and length, with room for more fields after them in the buffer. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** How many messages there are. */
  readonly count: number;
  /** The rows of the page that are left out: they cannot be read, or not be sent. */
  readonly unreachable: readonly RowFault[];
  /** The values by which the next page is found; absent if none follows. */
  readonly next: readonly SqlValue[] | undefined;
  /** The number of resources on all pages, if that was asked for. */
  readonly totalSize: number | undefined;
  readonly revision: bigint;
}
