// What a user typed into a search, as an expression for FTS5's MATCH. Pure.
// Nothing that a user writes stands outside of a quoted string: FTS5 never sees it as an operator.

import { invalidField } from "../../errors.ts";

/** What a query may be at most. */
export const SEARCH_LIMITS = Object.freeze({
  /** The length of the text, in bytes of UTF-8. */
  queryBytes: 1_024,
  /** Words and phrases. */
  terms: 32,
});

/**
 * The MATCH expression for a query: words, all of which must be there, "phrases", and words with a
 * `*` at their end, which find what begins with them. Everything else is punctuation.
 * @throws StoreError INVALID_FIELD, for `field`, if there is nothing in it to search for, or too much.
 */
export function toMatchExpression(text: string, field: string): string {
  if (Buffer.byteLength(text) > SEARCH_LIMITS.queryBytes) {
    throw invalidField(field, `must have at most ${SEARCH_LIMITS.queryBytes} bytes`);
  }
  if (!SEARCHABLE.test(text)) throw invalidField(field, "must have a letter or a digit");
  // Rows have letters and their marks in one, as a rule. FTS5 reads up to the first NUL.
  const readable = text.normalize("NFC").replaceAll("\0", " ");
  const terms = [...readable.matchAll(TERM)].map(({ groups }) => {
    const { phrase, word = "" } = groups ?? {};
    return phrase === undefined && word.endsWith("*") ? `"${word}" *` : `"${phrase ?? word}"`;
  });
  if (terms.length > SEARCH_LIMITS.terms) {
    throw invalidField(field, `must have at most ${SEARCH_LIMITS.terms} words and phrases`);
  }
  // Side by side, all must be there; FTS5 passes over a term that has no word in it.
  return terms.join(" ");
}

/** A phrase up to its closing quote or the end of the text, or a word up to a quote or a space. */
const TERM = /"(?<phrase>[^"]*)"?|(?<word>[^\s"]+)/g;

/** What the tokenizer unicode61 makes words of. */
const SEARCHABLE = /[\p{L}\p{N}\p{Co}]/u;
