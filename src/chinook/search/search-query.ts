// What a user typed into a search, as the terms that a track must have. Pure.
// Knows no database: each makes an expression of its own from the terms.

import { invalidField } from "../../errors.ts";

/** What a query may be at most. */
export const SEARCH_LIMITS = Object.freeze({
  /** The length of the text, in bytes of UTF-8. */
  queryBytes: 1_024,
  /** Words and phrases. */
  terms: 32,
});

/**
 * What must be in one of the texts of a track: the words in `text`, side by side. The database cuts it
 * into words as it does with tracks; there may be none in it, and then it is passed over.
 */
export interface SearchTerm {
  /** Without U+0000 and quotes. */
  readonly text: string;
  /** Whether the last word need only begin so. */
  readonly isPrefix: boolean;
}

/**
 * The terms of a query: words, all of which must be there, "phrases", and words with a `*` at their
 * end, which find what begins with them. Everything else is punctuation.
 * @throws StoreError INVALID_FIELD, for `field`, if there is nothing in it to search for, or too much.
 */
export function parseSearchQuery(text: string, field: string): readonly SearchTerm[] {
  if (Buffer.byteLength(text) > SEARCH_LIMITS.queryBytes) {
    throw invalidField(field, `must have at most ${SEARCH_LIMITS.queryBytes} bytes`);
  }
  if (!SEARCHABLE.test(text)) throw invalidField(field, "must have a letter or a digit");
  // Rows have letters and their marks in one, as a rule; and no database reads beyond a NUL.
  const readable = text.normalize("NFC").replaceAll("\0", " ");
  const terms = [...readable.matchAll(TERM)].map(({ groups }): SearchTerm => {
    const { phrase, word = "" } = groups ?? {};
    return { text: phrase ?? word, isPrefix: phrase === undefined && word.endsWith("*") };
  });
  if (terms.length > SEARCH_LIMITS.terms) {
    throw invalidField(field, `must have at most ${SEARCH_LIMITS.terms} words and phrases`);
  }
  return terms;
}

/** A phrase up to its closing quote or the end of the text, or a word up to a quote or a space. */
const TERM = /"(?<phrase>[^"]*)"?|(?<word>[^\s"]+)/g;

/** About what databases make words of. */
const SEARCHABLE = /[\p{L}\p{N}\p{Co}]/u;
