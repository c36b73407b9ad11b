// The memory of requests that have come in part, of all connections together, and its bound.
// Must not know calls.

import { StoreError } from "../../errors.ts";
import type { Limits } from "../../limits.ts";
import type { CountRefusal } from "../refusal-counts.ts";

/** The memory of requests. */
export interface RequestMemory {
  /** @throws StoreError OVERLOADED if there is no room for so many bytes more. */
  take(bytes: number): void;
  giveBack(bytes: number): void;
}

/** Memory of which nothing is taken. */
export function createRequestMemory(
  limits: Pick<Limits, "unreadRequestBytes" | "retryDelayMs">,
  countRefusal: CountRefusal,
): RequestMemory {
  let taken = 0;
  return {
    take(bytes) {
      if (taken + bytes > limits.unreadRequestBytes) {
        countRefusal("unreadRequestBytes");
        throw new StoreError("OVERLOADED", "too many requests have come in part", {
          retryDelayMs: limits.retryDelayMs,
        });
      }
      taken += bytes;
    },
    giveBack(bytes) {
      taken -= bytes;
    },
  };
}
