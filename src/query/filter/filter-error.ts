// The errors of a filter: each says where in the text, about what, and why.
// Decides nothing.

import { invalidField, type StoreError } from "../../errors.ts";

/** Where a mistake is: an offset into the filter's text, as JavaScript counts. */
export type Offset = number;

/** An error at a place in a filter's text, which it counts in characters from 1. */
export function filterError(text: string, offset: Offset, reason: string): StoreError {
  const position = Array.from(text.slice(0, offset)).length + 1;
  return invalidField("filter", `at ${position}: ${reason}`);
}

const QUOTED_MAX = 40;

/** A part of a filter as an error shows it: not more than the beginning. */
export function excerpt(text: string): string {
  const characters = Array.from(text.slice(0, 2 * QUOTED_MAX + 2));
  const cut = characters.length > QUOTED_MAX || text.length > characters.join("").length;
  return cut ? `${characters.slice(0, QUOTED_MAX).join("")}…` : text;
}
