// The part of the contract that is about rows as finished bytes: what a batch, and a page whose SQL is
// written by hand, are asked for with, and what they are answered with. Types only.

import type { ResourcePlan } from "../schema/plan.ts";
import type { RowFault } from "../schema/row-fault.ts";
import type { Row } from "../schema/sql-value.ts";
import type { Statement } from "./sql/statements.ts";

/** How a message stands in a response. */
export interface ItemForm {
  /** The number of the repeated field of the response. */
  readonly field: number;
  /** The message that has the resource in a field of its own; the resource itself if absent. */
  readonly envelope?: Envelope;
}

/** A message around a resource. */
export interface Envelope {
  /** The encoded fields before the resource, for example the type URL of an Any. */
  readonly before: Uint8Array;
  /** The number of the resource's field. */
  readonly message: number;
  /** The fields after it, whose values are the first extra values of the row. */
  readonly after: readonly EnvelopeField[];
}

/** A field without presence: it is left out for its default or NULL. */
export interface EnvelopeField {
  readonly number: number;
  readonly type: "string" | "double";
}

/** Which rows make a page, and how they stand in it. */
export interface PageRequest {
  readonly plan: ResourcePlan;
  /**
   * Each selects `itemColumns` and then any extra values. They are run one after the other until the
   * page is full; together they must have one row more than the page to tell that another follows.
   */
  readonly statements: readonly Statement[];
  /** The most rows of the page. */
  readonly pageSize: number;
  /** The bytes of whole messages after which the page ends; it passes one row at least. */
  readonly pageBytes: number;
  /** The most bytes of an item; a row that has more is left out. */
  readonly itemBytesMax: number;
  readonly item: ItemForm;
  /** The paths of the read mask; all of each message if absent. */
  readonly mask?: readonly string[] | undefined;
  /** Statements whose rows are wanted from the same snapshot. */
  readonly more?: readonly Statement[];
}

/** A page as it stands in the response. */
export interface PageBytes {
  /** The items, each after tag and length, with room for more fields after them in the buffer. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** How many items there are. */
  readonly count: number;
  /** The rows of the page that are left out. */
  readonly unreachable: readonly RowFault[];
  /** Key and extra values of the last row, which may be left out; absent if there is none. */
  readonly last: Row | undefined;
  /** Key and extra values of the row after the page; absent if there is none. */
  readonly following: Row | undefined;
  /** The rows of each statement of `more`. */
  readonly more: readonly (readonly Row[])[];
  readonly revision: bigint;
}

/** Which messages make a batch. */
export interface BatchRequest {
  readonly plan: ResourcePlan;
  /** In the order of the response; a key may come twice. */
  readonly keys: readonly bigint[];
  readonly item: ItemForm;
  /** The most bytes of the batch. */
  readonly answerBytesMax: number;
  /** The paths of the read mask; all of each message if absent. */
  readonly mask?: readonly string[] | undefined;
}

/** A batch as it stands in the response, or the first key that has no row. */
export type BatchBytes =
  | { readonly bytes: Uint8Array<ArrayBuffer>; readonly revision: bigint }
  | { readonly missing: bigint; readonly revision: bigint };

/** The bytes of a message, if there is one, and the revision of the database that they are of. */
export interface StoredMessage {
  readonly message: Uint8Array | undefined;
  readonly revision: bigint;
}
