// What filters and orders know of a value: its kind, how a literal of it is written, what it is read as.
// Types only: SQL is made of them elsewhere, and each kind is in a file of its own.

import type { DescEnum } from "@bufbuild/protobuf";
import type { ResourceType } from "../resource-name.ts";
import type { Bounds } from "./bounds.ts";

/** A value that can be compared. */
export type Leaf =
  | { readonly kind: "int"; readonly min: bigint; readonly max: bigint }
  | { readonly kind: "enum"; readonly desc: DescEnum }
  // The name of a resource, kept as the key of its row; `own` is the row's own name.
  | { readonly kind: "reference"; readonly resource: ResourceType; readonly own: boolean }
  | { readonly kind: SimpleKind };

type SimpleKind =
  | "text"
  | "uint64"
  | "double"
  | "float"
  | "bool"
  | "bytes"
  | "timestamp"
  | "duration"
  | "date"
  | "money"
  | "etag"
  // A google.protobuf.Value: whatever JSON is there.
  | "value";

/** A leaf of one kind. */
export type LeafOf<K extends Leaf["kind"]> = Extract<Leaf, { readonly kind: K }>;

/** A value as a filter has it. */
export interface WrittenValue {
  /** Without quotes and escapes. */
  readonly text: string;
  /** `text` split at each `*` that is a wildcard; one piece if there is none. */
  readonly pieces: readonly string[];
  readonly quoted: boolean;
}

/** A value to compare with. */
export type Value =
  /** Pieces between wildcards; a single piece is a text without. */
  | { readonly kind: "text"; readonly pieces: readonly string[] }
  | RangeValue
  | { readonly kind: "bool"; readonly value: boolean }
  | { readonly kind: "enum"; readonly number: number; readonly names: readonly string[] }
  /** In UTC, `YYYY-MM-DD HH:MM:SS.nnnnnnnnn`. */
  | { readonly kind: "timestamp"; readonly value: string }
  /** `YYYY-MM-DD` */
  | { readonly kind: "date"; readonly value: string }
  /** The key of a row, null of none; or a revision. */
  | { readonly kind: "key"; readonly key: bigint | null }
  | { readonly kind: "json"; readonly value: string | number | boolean | null };

/** A value that is compared with what stands for it where it is stored. */
export interface RangeValue {
  readonly kind: "range";
  readonly column: Bounds;
  readonly json: Bounds;
  /** How it compares with what a field without presence has if it is not set. */
  readonly sign: -1 | 0 | 1;
  /** True if no column keeps it: what is equal to its bounds there is no value of the field. */
  readonly isUnkept?: boolean;
}

/** Thrown for a literal that is no value of its field; the caller knows the place. */
export class BadLiteral extends Error {}

/** How values of one kind are written in a filter. */
export interface LeafKind<K extends Leaf["kind"]> {
  /** The kind, as errors and documentation call it. */
  readonly describe: (leaf: LeafOf<K>) => string;
  /** True if one value can be less than another. */
  readonly isOrdered: boolean;
  /** Which literals may have a wildcard. */
  readonly wildcards?: "all" | "quoted";
  /** True if a literal must not have quotes. */
  readonly isBare?: boolean;
  /** @throws BadLiteral */
  read(literal: WrittenValue, leaf: LeafOf<K>): Value;
  /** What a field without presence has if it is not set; absent where a field always has presence. */
  zero?(leaf: LeafOf<K>): Value;
  /** A literal that is not the zero. */
  sample(leaf: LeafOf<K>): string;
}
