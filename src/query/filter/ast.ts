// What a filter says, before anything is known of the message that it is about.
// Data only: the parser makes it, the checker gives it types.

import type { WrittenValue } from "../../schema/types/leaf.ts";
import type { Offset } from "./filter-error.ts";

/** The operators of AIP-160; `:` is "has". */
export type Operator = "=" | "!=" | "<" | "<=" | ">" | ">=" | ":";

/** One part of a path such as `credits.role`. */
export interface Segment {
  readonly text: string;
  readonly quoted: boolean;
  readonly offset: Offset;
}

/** A value as it was written. */
export interface Literal extends WrittenValue {
  readonly offset: Offset;
}

/** A field compared with a value. */
export interface RestrictionNode {
  readonly kind: "restriction";
  readonly path: readonly Segment[];
  readonly operator: Operator;
  readonly operatorOffset: Offset;
  readonly literal: Literal;
}

/** A word without a field, which is searched for. */
export interface BareNode {
  readonly kind: "bare";
  readonly literal: Literal;
}

/** An expression of a filter. */
export type FilterNode =
  | { readonly kind: "and" | "or"; readonly terms: readonly FilterNode[] }
  | { readonly kind: "not"; readonly term: FilterNode }
  | RestrictionNode
  | BareNode;
