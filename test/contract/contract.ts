// What handlers and repositories rely on of every database, as tests that are a function of its driver.
// Must not know any driver: what only one of them has is tested beside it.

import { describe } from "vitest";
import { describeLife } from "./life.ts";
import { describeLists } from "./lists.ts";
import { describeReads } from "./reads.ts";
import type { MakeStore } from "./support.ts";
import { describeWrites } from "./writes.ts";

/** Tests a driver: `makeStore` makes an empty database of the resources in src/chinook/resources.ts. */
export function describeContract(name: string, makeStore: MakeStore): void {
  describe(`the contract over ${name}`, () => {
    describe("get, batch and page", () => describeReads(makeStore));
    describe("list and explain", () => describeLists(makeStore));
    describe("commit", () => describeWrites(makeStore));
    describe("secret, status, verify, limits and close", () => describeLife(makeStore));
  });
}
