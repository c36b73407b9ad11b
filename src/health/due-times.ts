// When something is due that is done again and again: by an interval, or a cron expression.
// Must not know what it is, nor wait for it.

import { StoreError } from "../errors.ts";

/** When it is due, if it was last done at `lastMs`; times are in milliseconds since the epoch. */
export type Due = (lastMs: number | undefined, nowMs: number) => number;

/** One that comes that long after the one before, or now if there was none. */
export function dueEvery(intervalMs: number): Due {
  // One from the future was made before the clock was set back.
  return (lastMs, nowMs) => (lastMs === undefined ? nowMs : Math.min(lastMs, nowMs) + intervalMs);
}

/** When `option` says. @throws StoreError INVALID_CONFIG if it is no cron expression that comes up again. */
export async function dueByCron(expression: string, option: string): Promise<Due> {
  const { Cron } = await import("croner");
  try {
    const cron = new Cron(expression, { paused: true });
    if (!cron.nextRun()) throw new RangeError("it never comes up again");
    return (_lastMs, nowMs) => cron.nextRun(new Date(nowMs))?.getTime() ?? Number.POSITIVE_INFINITY;
  } catch (cause) {
    const message = `${option} "${expression}": ${(cause as Error).message}`;
    throw new StoreError("INVALID_CONFIG", message, { cause });
  }
}
