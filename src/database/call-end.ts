// Why a call must not go on: its deadline has passed, or nobody waits for it.
// Must not know what the call does.

import { StoreError } from "../errors.ts";
import type { CallLimits } from "./database.ts";

/** Why a call must not go on, if it must not. */
export function endReason({ signal, deadlineMs }: CallLimits): StoreError | undefined {
  if (deadlineMs !== undefined && Date.now() >= deadlineMs) return deadlineExceeded();
  if (!signal?.aborted) return undefined;
  return signal.reason instanceof StoreError
    ? signal.reason
    : new StoreError("CANCELLED", "the call was cancelled");
}

/** The error of a call whose deadline has passed. */
export function deadlineExceeded(): StoreError {
  return new StoreError("DEADLINE_EXCEEDED", "the deadline has passed");
}

/** After how many milliseconds a client should try again what found the database busy. */
export const BUSY_RETRY_DELAY_MS = 100;
