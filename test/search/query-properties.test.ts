// Whatever a user types: FTS5 never sees an operator of theirs, and never raises a syntax error.

import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { StoreError } from "../../src/errors.ts";
import { openSmallIndex, type SmallIndex, TRACKS } from "./small-index.ts";

const SEED = Number(process.env.SEED ?? Date.now() % 2 ** 31);
const RUNS = 10_000;

let index: SmallIndex;
beforeAll(() => {
  index = openSmallIndex();
});
afterAll(() => index.close());

/** What FTS5 has a meaning for, and what has confused parsers before. */
const SHARP = fc.constantFrom(
  ...['"', "'", "*", "^", ":", "-", "+", "(", ")", "{", "}", "\0", " ", "\\", "/", ",", "%", ";"],
  ...[
    "AND",
    "OR",
    "NOT",
    "NEAR",
    "NEAR(",
    "NEAR/2",
    "title:",
    "rank",
    "--",
    "/*",
    "\uFEFF",
    "\u0308",
  ],
  ...[
    "army",
    "me",
    "of",
    "high",
    "ö",
    "夜",
    "𝄞",
    "😀",
    "🤖",
    "\uE000",
    "\u{10FFFF}",
    "\u0085",
    "ﷺ",
  ],
);

const ANY_TEXT = fc.oneof(
  fc.string({ unit: "binary", maxLength: 60 }),
  fc.string({ unit: "grapheme", maxLength: 40 }),
  fc.string({ unit: "binary-ascii", maxLength: 60 }),
  fc.array(SHARP, { maxLength: 20 }).map((parts) => parts.join("")),
  fc
    .array(fc.oneof(SHARP, fc.string({ unit: "binary", maxLength: 3 })), { maxLength: 20 })
    .map((parts) => parts.join(" ")),
);

test(`no text raises an FTS5 error (SEED=${SEED})`, () => {
  const outcomes = { found: 0, nothing: 0, refused: 0 };
  fc.assert(
    fc.property(ANY_TEXT, (text) => {
      try {
        outcomes[index.find(text).length > 0 ? "found" : "nothing"]++;
      } catch (error) {
        if (!(error instanceof StoreError && error.code === "INVALID_FIELD")) throw error;
        outcomes.refused++;
      }
    }),
    { numRuns: RUNS, seed: SEED },
  );
  // All three ways have been gone, so that the property is about something.
  expect(Math.min(...Object.values(outcomes))).toBeGreaterThan(RUNS / 100);
});

const WORDS = fc.constantFrom(
  "a",
  "b",
  "c",
  "army",
  "me",
  "of",
  "near",
  "and",
  "or",
  "hell",
  "high",
);
const TERMS = fc.oneof(
  { weight: 6, arbitrary: WORDS },
  { weight: 2, arbitrary: WORDS.map((word) => `${word.slice(0, 2)}*`) },
  {
    weight: 3,
    arbitrary: fc
      .array(WORDS, { minLength: 1, maxLength: 3 })
      .map((words) => `"${words.join(" ")}"`),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom("-", "+", "(", ")", "^", ":", "AND", "OR", "NOT", "NEAR"),
  },
);

test(`means what an evaluator in memory says (SEED=${SEED})`, () => {
  let found = 0;
  fc.assert(
    fc.property(fc.array(TERMS, { minLength: 1, maxLength: 4 }), (terms) => {
      fc.pre(terms.some((term) => wordsOf(term).length > 0));
      const expected = TRACKS.flatMap((track, at) => (isMatch(track, terms) ? [at] : []));
      found += expected.length;
      expect(index.find(terms.join(" "))).toEqual(expected);
    }),
    { numRuns: 2_000, seed: SEED },
  );
  expect(found).toBeGreaterThan(500);
});

/** True if each term stands somewhere in one of the columns. */
function isMatch(track: (typeof TRACKS)[number], terms: readonly string[]): boolean {
  const columns = track.map((text) => wordsOf(text ?? ""));
  return terms.every((term) => {
    const wanted = wordsOf(term);
    const isPrefix = term.endsWith("*");
    return columns.some(
      (words) =>
        words.some((_, start) =>
          wanted.every((word, at) => {
            const found = words[start + at] ?? "";
            return isPrefix && at === wanted.length - 1 ? found.startsWith(word) : found === word;
          }),
        ) || wanted.length === 0,
    );
  });
}

function wordsOf(text: string): string[] {
  const folded = text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
  return folded.match(/[\p{L}\p{N}]+/gu) ?? [];
}
