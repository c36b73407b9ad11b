// What was sold, in groups.
// Types only.

/** What makes a group of sales. */
export type Grouping = "country" | "genre" | "artist" | "supportRep" | "month";

/** What was sold in one group. */
export interface Sales {
  /** The key of a row, or a text; null for sales that have none. */
  readonly key: bigint | string | null;
  readonly displayName: string;
  /** In billionths of the currency's unit. */
  readonly revenueNanos: bigint;
  readonly quantity: bigint;
  readonly invoiceCount: number;
}
