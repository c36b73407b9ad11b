// Moments of the clock that durations are measured with, as times of day: spans are told with those.
// All of one call must come from the same offset, or a part of it would begin before it.

import { monotonicMs } from "../observe/statement-run.ts";

/** A difference that is none: `Date.now()` has whole milliseconds. */
const NOISE_MS = 5;

let offsetMs = Date.now() - performance.now();

/** A moment of `performance.now()`, in milliseconds since the epoch. */
export function toEpochMs(threadMs: number): number {
  const foundMs = Date.now() - performance.now();
  // The clock of the day is set now and then, and drifts.
  if (Math.abs(foundMs - offsetMs) > NOISE_MS) offsetMs = foundMs;
  return offsetMs + threadMs;
}

/** A moment of the clock that threads share, in milliseconds since the epoch. */
export function fromMonotonicMs(sharedMs: number): number {
  return toEpochMs(sharedMs - monotonicMs(0));
}
