// Copies the log into the database now and then, though nobody writes: a backup of the main file, or a
// program that reads it alone, then finds what was written. Waits for nobody.

import type { CheckpointMode } from "../database/checkpoint.ts";
import { StoreError } from "../errors.ts";
import type { Limits } from "../limits.ts";
import type { Log } from "../observe/log.ts";
import { pause, runOnSchedule, type ScheduledTask, type ScheduleEnds } from "./background.ts";

/** What can copy its log. */
interface Copying {
  checkpoint(mode: CheckpointMode): Promise<unknown>;
}

/** Starts them; undefined if they are off. */
export function startCheckpoints(
  database: Copying,
  { checkpointIntervalMs }: Pick<Limits, "checkpointIntervalMs">,
  log: Log,
): ScheduledTask | undefined {
  if (checkpointIntervalMs === 0) return undefined;

  async function run({ retiring }: ScheduleEnds): Promise<void> {
    for (;;) {
      await pause(checkpointIntervalMs, retiring);
      try {
        await database.checkpoint("PASSIVE");
      } catch (error) {
        // The next may succeed; what it is about is told by health.
        if (!(error instanceof StoreError)) throw error;
        log.debug({ err: error }, "the log was not copied");
      }
    }
  }

  return runOnSchedule(run, log, "the log is not copied any more but by writes");
}
