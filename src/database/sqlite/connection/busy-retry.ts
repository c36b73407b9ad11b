// Tries again, without blocking the event loop, what found the database locked by another process.
// Must not be given what has changed anything before it found the lock taken.

import { setTimeout as sleep } from "node:timers/promises";
import { StoreError } from "../../../errors.ts";
import { endReason } from "../../call-end.ts";
import type { CallLimits } from "../../database.ts";
import { isBusy } from "./connection.ts";

const FIRST_DELAY_MS = 2;
const LAST_DELAY_MS = 100;

/**
 * The result of `attempt`, which is called again after a delay while SQLite is busy.
 * @throws StoreError DEADLINE_EXCEEDED, CANCELLED, or what the last attempt failed with: after
 * `timeoutMs`, that SQLite is busy.
 */
export async function retryWhileBusy<T>(
  attempt: () => T,
  timeoutMs: number,
  limits: CallLimits = {},
): Promise<T> {
  const giveUpMs = Date.now() + timeoutMs;
  for (let delayMs = FIRST_DELAY_MS; ; delayMs = Math.min(delayMs * 2, LAST_DELAY_MS)) {
    checkLimits(limits);
    try {
      return attempt();
    } catch (error) {
      if (!meansBusy(error) || Date.now() >= giveUpMs) throw error;
    }
    // The jitter keeps competitors from meeting again.
    await sleep(delayMs * (0.5 + Math.random()));
  }
}

/** True for the error of SQLite, and for the one that it is translated to. */
export function meansBusy(error: unknown): boolean {
  return isBusy(error) || (error instanceof StoreError && error.code === "DATABASE_BUSY");
}

/** @throws StoreError DEADLINE_EXCEEDED, CANCELLED if the call has ended. */
function checkLimits(limits: CallLimits): void {
  const reason = endReason(limits);
  if (reason) throw reason;
}
