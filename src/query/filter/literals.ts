// The text of a value → the value, by the kind of the field that it is compared with.
// Accepts one spelling per kind, listed in docs/filtering.md; says of others what is expected.

import { leafKind } from "../../schema/types/all-kinds.ts";
import { BadLiteral, type Leaf, type Value, type WrittenValue } from "../../schema/types/leaf.ts";

/**
 * The value of a literal.
 * @throws BadLiteral
 */
export function readLiteral(leaf: Leaf, literal: WrittenValue): Value {
  const { wildcards, isBare, describe, read } = leafKind(leaf);
  const mayHaveWildcards = wildcards === "all" || (wildcards === "quoted" && literal.quoted);
  if (!mayHaveWildcards && literal.pieces.length > 1) throw new BadLiteral("* is for strings");
  if (literal.quoted && isBare) {
    throw new BadLiteral(`${describe(leaf)} is written without quotes`);
  }
  return read(literal, leaf);
}

/** The value of a field that has no presence and is not set. */
export function defaultOf(leaf: Leaf): Value {
  const value = leafKind(leaf).zero?.(leaf);
  if (!value)
    throw new Error(`a field that is ${leafKind(leaf).describe(leaf)} always has presence`);
  return value;
}
