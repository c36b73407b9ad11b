// What the filler remembers of rows that it could not fill: never that a row was tried which was written
// since, and no more rows than it may.

import fc from "fast-check";
import { expect, test } from "vitest";
import { RESOURCES } from "../../src/chinook/resources.ts";
import { createTriedRows } from "../../src/health/tried-rows.ts";
import { planResources, type ResourcePlan } from "../../src/schema/plan.ts";

const PLANS = planResources(RESOURCES);
const [plan, other] = PLANS as unknown as [ResourcePlan, ResourcePlan];

const arbitraryRow = fc.record({
  key: fc.bigInt(1n, 40n),
  revision: fc.option(fc.bigInt(0n, 5n)),
});

test("a row that was tried is known until it is written, and no other is", () => {
  fc.assert(
    fc.property(fc.array(arbitraryRow), arbitraryRow, (rows, asked) => {
      const tried = createTriedRows(100);
      const newest = new Map<bigint, bigint | null>();
      for (const row of rows) {
        tried.add(plan, row);
        newest.set(row.key, row.revision);
      }
      const isKnown = newest.has(asked.key) && newest.get(asked.key) === asked.revision;
      expect(tried.has(plan, asked)).toBe(isKnown);
      expect(tried.has(other, asked)).toBe(false);
    }),
  );
});

test("beyond its bound, what was written since the last pass over the table is tried again", () => {
  fc.assert(
    fc.property(fc.bigInt(0n, 9n), fc.option(fc.bigInt(0n, 9n)), (passed, revision) => {
      const tried = createTriedRows(2);
      for (const key of [1n, 2n, 3n]) tried.add(plan, { key, revision: 1n });
      // Until the pass is complete, a row of this revision may have been missed.
      expect(tried.has(plan, { key: 3n, revision })).toBe(false);
      tried.complete(plan, passed);
      tried.complete(other, 9n);
      expect(tried.has(plan, { key: 3n, revision })).toBe(revision === null || revision <= passed);
      expect(tried.has(plan, { key: 1n, revision: 1n })).toBe(true);
      expect(tried.has(other, { key: 3n, revision })).toBe(false);
    }),
  );
});
