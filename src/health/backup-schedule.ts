// Makes backups at the times of a schedule, and lets those go that need not be kept. What failed is tried
// again. Must not know how a backup is made.

import { StoreError } from "../errors.ts";
import type { Log } from "../observe/log.ts";
import {
  pause,
  runOnSchedule,
  type ScheduledTask,
  type ScheduleEnds,
  waitUntil,
} from "./background.ts";
import type { Due } from "./due-times.ts";

/** What a schedule is made of. */
export interface BackupScheduleConfig {
  /** When the last one was made, in milliseconds since the epoch; undefined if none was. */
  readonly lastMs: () => Promise<number | undefined>;
  readonly make: (signal: AbortSignal) => Promise<{ readonly name: string }>;
  /** Lets old ones go; their names. */
  readonly removeExpired: () => Promise<readonly string[]>;
  readonly log: Log;
}

/** How long to wait after one that failed; twice as long each time, up to the last. */
const [FIRST_RETRY_MS, LAST_RETRY_MS] = [60_000, 3_600_000];
/** How long to wait for one that somebody has asked for. */
const RUNNING_RETRY_MS = 2_000;

/** Starts it. */
export function startBackupSchedule(due: Due, config: BackupScheduleConfig): ScheduledTask {
  const { lastMs, make, removeExpired, log } = config;

  async function makePatiently({ stopping, retiring }: ScheduleEnds): Promise<void> {
    let retryMs = FIRST_RETRY_MS;
    for (;;) {
      try {
        const { name } = await make(stopping);
        log.info({ name }, "made a backup");
        return;
      } catch (error) {
        stopping.throwIfAborted();
        if (error instanceof StoreError && error.code === "BACKUP_RUNNING") {
          await pause(RUNNING_RETRY_MS, retiring);
          continue;
        }
        log.error({ err: error, retryMs }, "the backup that is due has failed");
      }
      await pause(retryMs, retiring);
      retryMs = Math.min(2 * retryMs, LAST_RETRY_MS);
    }
  }

  async function run(ends: ScheduleEnds): Promise<void> {
    for (;;) {
      await waitUntil(due(await lastMs(), Date.now()), ends.retiring);
      await makePatiently(ends);
      try {
        const names = await removeExpired();
        if (names.length > 0) log.info({ names }, "removed old backups");
      } catch (error) {
        log.error({ err: error }, "old backups cannot be removed");
      }
    }
  }

  return runOnSchedule(run, log, "the schedule of backups has ended");
}
