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
