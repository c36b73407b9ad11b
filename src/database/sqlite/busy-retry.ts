// Tries again, without blocking the event loop, what found the database locked by another process.
// Must not be given what has changed anything before it found the lock taken.

import { setTimeout as sleep } from "node:timers/promises";
import { StoreError } from "../../errors.ts";
import type { CallLimits } from "../database.ts";
import { isBusy, translateSqliteError } from "./connection.ts";

const FIRST_DELAY_MS = 2;
const LAST_DELAY_MS = 100;

/**
 * The result of `attempt`, which is called again after a delay while SQLite is busy.
 * @throws StoreError DATABASE_BUSY after `timeoutMs`, DEADLINE_EXCEEDED, CANCELLED, or what the
 * attempt failed with.
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
      if (!isBusy(error) || Date.now() >= giveUpMs) throw translateSqliteError(error);
    }
    // The jitter keeps competitors from meeting again.
    await sleep(delayMs * (0.5 + Math.random()));
  }
}

/** @throws StoreError DEADLINE_EXCEEDED, CANCELLED if the call has ended. */
export function checkLimits({ signal, deadlineMs }: CallLimits): void {
  if (deadlineMs !== undefined && Date.now() >= deadlineMs) {
    throw new StoreError("DEADLINE_EXCEEDED", "the deadline has passed");
  }
  if (signal?.aborted) {
    throw signal.reason instanceof StoreError
      ? signal.reason
      : new StoreError("CANCELLED", "the call was cancelled");
  }
}
