// What all has in common that goes on beside the calls until the server stops: it rests, and tries again
// what could not be done for a while. Knows nothing of what is done.

import { setTimeout as delay } from "node:timers/promises";
import { type ErrorCode, StoreError } from "../errors.ts";
import type { Log } from "../observe/log.ts";

/** How long to wait after what failed, for example because too many others wait. */
const RETRY_MS = 1_000;

/** Something that goes on until it is stopped. */
export interface BackgroundTask {
  /** Resolves when nothing is being done. */
  stop(): Promise<void>;
}

/** One that can also be let finish what it is doing. */
export interface ScheduledTask extends BackgroundTask {
  /** It begins nothing any more; resolves when it has finished what it had begun. */
  retire(): Promise<void>;
}

/** What a scheduled task is told by: `stopping` at once, `retiring` when it would wait for its next time. */
export interface ScheduleEnds {
  readonly stopping: AbortSignal;
  readonly retiring: AbortSignal;
}

/** Starts what is done at its times, as runInBackground does. */
export function runOnSchedule(
  run: (ends: ScheduleEnds) => Promise<void>,
  log: Log,
  message: string,
): ScheduledTask {
  const [stopping, leaving] = [new AbortController(), new AbortController()];
  const retiring = AbortSignal.any([stopping.signal, leaving.signal]);
  const ended = run({ stopping: stopping.signal, retiring }).catch((error: unknown) => {
    if (!retiring.aborted) log.error({ err: error }, message);
  });
  return {
    async retire() {
      leaving.abort();
      await ended;
    },
    async stop() {
      stopping.abort();
      await ended;
    },
  };
}

/** Starts `run`, which `stopping` ends; if it ends by itself, `message` says so in the log. */
export function runInBackground(
  run: () => Promise<void>,
  stopping: AbortController,
  log: Log,
  message: string,
): BackgroundTask {
  const ended = run().catch((error: unknown) => {
    if (!stopping.signal.aborted) log.error({ err: error }, message);
  });
  return {
    async stop() {
      stopping.abort();
      await ended;
    },
  };
}

/** Rejects when `signal` aborts; keeps no process alive. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal, ref: false });
}

/** The clock may be set while it waits, and a timer has no more than 24 days. */
const LOOK_MS = 60_000;

/** Resolves at a time, in milliseconds since the epoch; rejects when `signal` aborts. */
export async function waitUntil(timeMs: number, signal: AbortSignal): Promise<void> {
  for (let nowMs = Date.now(); nowMs < timeMs; nowMs = Date.now()) {
    await pause(Math.min(timeMs - nowMs, LOOK_MS), signal);
  }
}

/** Does it until it succeeds, or fails with a code that will last, or with what is no StoreError. */
export async function patiently<T>(
  action: () => Promise<T>,
  willLast: (code: ErrorCode) => boolean,
  signal: AbortSignal,
): Promise<T> {
  for (;;) {
    signal.throwIfAborted();
    try {
      return await action();
    } catch (error) {
      const isPassing = error instanceof StoreError && !willLast(error.code);
      if (!isPassing) throw error;
    }
    await pause(RETRY_MS, signal);
  }
}
