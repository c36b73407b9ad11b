// Makes backups at the times of a schedule, and lets those go that need not be kept. What failed is tried
// again. Must not know how a backup is made.

import { StoreError } from "../errors.ts";
import type { Log } from "../observe/log.ts";
import { pause, waitUntil } from "./background.ts";

/** What a schedule is made of. */
export interface BackupScheduleConfig {
  /** When the last one was made, in milliseconds since the epoch; undefined if none was. */
  readonly lastMs: () => Promise<number | undefined>;
  readonly make: (signal: AbortSignal) => Promise<{ readonly name: string }>;
  /** Lets old ones go; their names. */
  readonly removeExpired: () => Promise<readonly string[]>;
  readonly log: Log;
}

/** A schedule that runs until it is stopped. */
export interface BackupSchedule {
  /** Resolves when no backup is being made. */
  stop(): Promise<void>;
}

/** When a backup is due, if the one before was made at `lastMs`. */
export type Due = (lastMs: number | undefined, nowMs: number) => number;

/** How long to wait after one that failed; twice as long each time, up to the last. */
const [FIRST_RETRY_MS, LAST_RETRY_MS] = [60_000, 3_600_000];
/** How long to wait for one that somebody has asked for. */
const RUNNING_RETRY_MS = 2_000;

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

/** Starts it. */
export function startBackupSchedule(due: Due, config: BackupScheduleConfig): BackupSchedule {
  const { lastMs, make, removeExpired, log } = config;
  const stopping = new AbortController();
  const { signal } = stopping;

  async function makePatiently(): Promise<void> {
    let retryMs = FIRST_RETRY_MS;
    for (;;) {
      try {
        const { name } = await make(signal);
        log.info({ name }, "made a backup");
        return;
      } catch (error) {
        signal.throwIfAborted();
        if (error instanceof StoreError && error.code === "BACKUP_RUNNING") {
          await pause(RUNNING_RETRY_MS, signal);
          continue;
        }
        log.error({ err: error, retryMs }, "the backup that is due has failed");
      }
      await pause(retryMs, signal);
      retryMs = Math.min(2 * retryMs, LAST_RETRY_MS);
    }
  }

  async function run(): Promise<void> {
    try {
      for (;;) {
        await waitUntil(due(await lastMs(), Date.now()), signal);
        await makePatiently();
        try {
          const names = await removeExpired();
          if (names.length > 0) log.info({ names }, "removed old backups");
        } catch (error) {
          log.error({ err: error }, "old backups cannot be removed");
        }
      }
    } catch (error) {
      if (!signal.aborted) log.error({ err: error }, "the schedule of backups has ended");
    }
  }

  const ended = run();
  return {
    async stop() {
      stopping.abort();
      await ended;
    },
  };
}
