// How large a filter may be. A request within these limits is compiled in a bounded number of steps.
// Knows no grammar.

/** The limits of a filter: what exceeds one is refused before any SQL is made. */
export const FILTER_LIMITS = Object.freeze({
  /** The length of the text, in bytes of UTF-8. */
  bytes: 4096,
  /** The depth of nested parentheses, and the number of parts of a field's path. */
  depth: 32,
  /** The number of restrictions, bare words included. */
  restrictions: 64,
  /** The number of pieces between two `*`: each is looked for in every row. */
  pieces: 64,
});
