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

/** The calls of each caller. */
export interface CallRate {
  /** Whether there is a bound: who the caller is need not be known otherwise. */
  readonly isBounded: boolean;
  /** Counts the call of a caller at this time. @throws StoreError OVERLOADED, with when to come again */
  count(caller: string, nowMs: number): void;
}

/** Nobody has called yet; `onRefused` is told of each call too many. */
export function createCallRate(
  limits: Pick<Limits, "callsPerSecond" | "callBurst">,
  onRefused: () => void,
): CallRate {
  const buckets = new Map<string, Bucket>();

  function most(): number {
    return Math.max(limits.callBurst, 1);
  }

  function fill(bucket: Bucket, nowMs: number): number {
    const since = ((nowMs - bucket.filledMs) * limits.callsPerSecond) / 1_000;
    bucket.left = Math.min(most(), bucket.left + since);
    bucket.filledMs = nowMs;
    return bucket.left;
  }

  function bucketOf(caller: string, nowMs: number): Bucket {
    const known = buckets.get(caller);
    if (known) return known;
    if (buckets.size >= CALLERS_MAX) {
      for (const [name, bucket] of buckets) if (fill(bucket, nowMs) >= most()) buckets.delete(name);
    }
    const bucket = { left: most(), filledMs: nowMs };
    buckets.set(caller, bucket);
    return bucket;
  }

  return {
    get isBounded() {
      return limits.callsPerSecond > 0;
    },
    count(caller, nowMs) {
      const bucket = bucketOf(caller, nowMs);
      if (fill(bucket, nowMs) < 1) {
        onRefused();
        const retryDelayMs = Math.ceil(((1 - bucket.left) * 1_000) / limits.callsPerSecond);
        throw new StoreError("OVERLOADED", `${caller} makes too many calls`, { retryDelayMs });
      }
      bucket.left -= 1;
    },
  };
}
