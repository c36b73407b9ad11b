// How long those are sent away who are refused: longer while there are many, as usual when there are few.

import { expect, test } from "vitest";
import { createRetryPace } from "../../src/grpc/retry-pace.ts";

/** Refuses so many in a second, evenly, for a while; the last answer, and when that was. */
function refuse(
  pace: ReturnType<typeof createRetryPace>,
  perSecond: number,
  fromMs: number,
  seconds: number,
) {
  let factor = 1;
  for (let each = 0; each < perSecond * seconds; each++) {
    factor = pace.refuse(fromMs + (each * 1_000) / perSecond);
  }
  return factor;
}

test("few are sent away for as long as usual", () => {
  expect(refuse(createRetryPace(), 100, 0, 60)).toBe(1);
});

test("many for longer, in the measure of how many they are, up to a bound", () => {
  const pace = createRetryPace(() => 0.5);
  expect(refuse(pace, 400, 0, 0.5)).toBeCloseTo(2, 1);
  expect(refuse(pace, 4_000, 500, 5)).toBe(32);
});

test("not all to the same moment", () => {
  const pace = createRetryPace();
  refuse(pace, 4_000, 0, 5);
  const all = Array.from({ length: 100 }, () => pace.refuse(5_000));
  expect(Math.min(...all)).toBeLessThan(24);
  expect(Math.max(...all)).toBeGreaterThan(40);
  expect(Math.min(...all)).toBeGreaterThanOrEqual(16);
});

test("those who were sent away are waited for before it is said that there are few", () => {
  const pace = createRetryPace(() => 0.5);
  refuse(pace, 4_000, 0, 5);
  expect(pace.refuse(10_000)).toBe(32);
  expect(pace.refuse(25_000)).toBeLessThan(32);
  expect(pace.refuse(120_000)).toBe(1);
});
