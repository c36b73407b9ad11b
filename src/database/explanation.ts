// The part of the contract that tells how a List would be run, in words of the API.
// Types only: no name of a table, a column or an index is in them.

/** A step by its kind. */
export type StepKind = "search" | "scan-index" | "scan" | "sort";

/** One step of reading a page. */
export interface ExplainedStep {
  readonly kind: StepKind;
  /** The type of the resource, or the full name of the message of its lines. */
  readonly resourceType: string;
  /** The fields that an index serves in this step. */
  readonly fields: readonly string[];
}

/** How a List would be run. */
export interface Explanation {
  readonly steps: readonly ExplainedStep[];
  /** How many rows would be looked at, estimated. */
  readonly estimatedRows: bigint;
  /** True if nothing is looked at in vain: no scan for a filter, and no sort. */
  readonly indexed: boolean;
  /** True if rows are chosen by a filter. */
  readonly isFiltered: boolean;
}
