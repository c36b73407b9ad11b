// What each form of a query finds, and which queries are refused.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseSearchQuery, SEARCH_LIMITS } from "../../src/chinook/search/search-query.ts";
import { openSmallIndex, type SmallIndex } from "./small-index.ts";

let index: SmallIndex;
beforeAll(() => {
  index = openSmallIndex();
});
afterAll(() => index.close());

const find = (query: string) => index.find(query);

describe("finds", () => {
  test.for<[query: string, found: number[]]>([
    ["bjork", [0, 1]],
    ["BJÖRK", [0, 1]],
    ["bjo\u0308rk", [0, 1]],
    ["army me", [0, 1]],
    ["me army", [0, 1]],
    ['"army of me"', [0]],
    ['"of me"', [0]],
    ["army graham post", [0]],
    ["high*", [2]],
    ["hel*", [2]],
    ["hel", []],
    ["AC/DC", [2, 4]],
    ["ac/d*", [2, 4]],
    ['ac "dc"', [2, 4]],
    ["dc/ac", []],
    ["rock'n'roll", [4]],
    ["agaetis", []],
    ["ágætis", [6]],
    ["agætis", [6]],
    ["sigur ros", [6]],
    ["夜行*", [7]],
    ["夜", []],
    ['"unfinished business', []],
    ['"army of', [0]],
    ['army"of me"', [0]],
    ["army - of & me!", [0, 1]],
    ["army ***", [0, 1]],
  ])("%j", ([query, found]) => {
    expect(find(query)).toEqual(found);
  });
});

describe("takes for a word", () => {
  test.for<[query: string, found: number[]]>([
    ["army OR highway", []],
    ["fade NOT away", [3]],
    ["army NOT highway", []],
    ["near and or", [3]],
    ["NEAR(army me)", []],
    ["title:army", []],
    ["title : rank", [5]],
    ["-title : army", []],
    ["{title artist} : army", []],
    ["^army", [0, 1]],
    ["^me", [0, 1]],
    ["army + of", [0, 1]],
    ["of + army", [0, 1]],
    ["(army)", [0, 1]],
    ["*army", [0, 1]],
    ["ar*my", []],
    ['"high*"', []],
    ['"high" *', []],
    ["c++", [5, 8]],
    ["99%", [5]],
    ["army\0highway", []],
    ["army\0of", [0, 1]],
    ["rank", [5]],
  ])("%j", ([query, found]) => {
    expect(find(query)).toEqual(found);
  });
});

describe("refuses", () => {
  const long = "a".repeat(SEARCH_LIMITS.queryBytes);
  const many = "a ".repeat(SEARCH_LIMITS.terms);
  test.for([
    "",
    " \t\n",
    '"',
    '""',
    "*",
    "* * *",
    "- + ( ) { } ^ :",
    "\0",
    "!?",
    "…",
    `${long}a`,
    "ö".repeat(513),
    `${many}a`,
  ])("%j", (query) => {
    const error = caught(() => parseSearchQuery(query, "query"));
    expect(error).toMatchObject({
      code: "INVALID_FIELD",
      details: { fields: [{ field: "query" }] },
    });
  });

  test("nothing at the limits", () => {
    expect(find(long)).toEqual([]);
    expect(find(many)).toEqual([8]);
  });
});

function caught(action: () => unknown): unknown {
  try {
    return action();
  } catch (error) {
    return error;
  }
}
