// How many calls in a second a caller may make: a token bucket for each.
// Must not know what the calls are.

import { StoreError } from "../errors.ts";
import type { Limits } from "../limits.ts";

/** How many callers are remembered; beyond that, those whose buckets are full again are forgotten. */
const CALLERS_MAX = 10_000;

interface Bucket {
  left: number;
  filledMs: number;
}

/** Counts the call of a caller at this time. @throws StoreError OVERLOADED, with when to come again */
export type CallRate = (caller: string, nowMs: number) => void;

/** Undefined if every caller may make as many calls as it likes; `onRefused` is told of each too many. */
export function createCallRate(
  { callsPerSecond, callBurst }: Pick<Limits, "callsPerSecond" | "callBurst">,
  onRefused: () => void,
): CallRate | undefined {
  if (callsPerSecond === 0) return undefined;
  const most = Math.max(callBurst, 1);
  const buckets = new Map<string, Bucket>();

  function fill(bucket: Bucket, nowMs: number): number {
    const since = ((nowMs - bucket.filledMs) * callsPerSecond) / 1_000;
    bucket.left = Math.min(most, bucket.left + since);
    bucket.filledMs = nowMs;
    return bucket.left;
  }

  function bucketOf(caller: string, nowMs: number): Bucket {
    const known = buckets.get(caller);
    if (known) return known;
    if (buckets.size >= CALLERS_MAX) {
      for (const [name, bucket] of buckets) if (fill(bucket, nowMs) >= most) buckets.delete(name);
    }
    const bucket = { left: most, filledMs: nowMs };
    buckets.set(caller, bucket);
    return bucket;
  }

  return (caller, nowMs) => {
    const bucket = bucketOf(caller, nowMs);
    if (fill(bucket, nowMs) < 1) {
      onRefused();
      const retryDelayMs = Math.ceil(((1 - bucket.left) * 1_000) / callsPerSecond);
      throw new StoreError("OVERLOADED", `${caller} makes too many calls`, { retryDelayMs });
    }
    bucket.left -= 1;
  };
}
