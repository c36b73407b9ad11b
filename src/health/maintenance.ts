// The maintenance of a server: told of to who asks for it, and done at the times of a schedule.
// Must not know what it consists of.

import { create } from "@bufbuild/protobuf";
import {
  type MaintainDatabaseResponse,
  MaintainDatabaseResponseSchema,
  MaintainDatabaseResponse_Stage as Stage,
} from "../../gen/protostore/v1/database_service_pb.ts";
import type {
  MaintenanceFigures,
  MaintenanceOrder,
  MaintenanceProgress,
} from "../database/maintenance.ts";
import type { Log } from "../observe/log.ts";
import { runOnSchedule, type ScheduledTask, type ScheduleEnds, waitUntil } from "./background.ts";
import { dueByCron } from "./due-times.ts";

/** What can be put in order. */
export interface Maintainable {
  maintain(order: MaintenanceOrder, signal: AbortSignal): AsyncGenerator<MaintenanceProgress>;
}

/** Does it for a caller. */
export async function* maintainFor(
  database: Maintainable,
  order: MaintenanceOrder,
  signal: AbortSignal,
): AsyncGenerator<MaintainDatabaseResponse> {
  for await (const progress of database.maintain(order, signal)) yield toResponse(progress);
}

/**
 * What starts the schedule; undefined if there is none. It never writes the whole file anew.
 * @throws StoreError INVALID_CONFIG
 */
export async function prepareMaintenance(
  database: Maintainable,
  schedule: string | undefined,
  log: Log,
): Promise<(() => ScheduledTask) | undefined> {
  if (schedule === undefined) return undefined;
  const due = await dueByCron(schedule, "--maintenance");

  return () => {
    async function run({ stopping, retiring }: ScheduleEnds): Promise<void> {
      for (;;) {
        await waitUntil(due(undefined, Date.now()), retiring);
        try {
          for await (const progress of database.maintain({ vacuum: false }, stopping)) {
            if (progress.stage === "finished") log.info(factsOf(progress), "put the file in order");
          }
        } catch (error) {
          stopping.throwIfAborted();
          log.error({ err: error }, "the file could not be put in order");
        }
      }
    }

    return runOnSchedule(run, log, "the schedule of maintenance has ended");
  };
}

const STAGES: Readonly<Record<MaintenanceProgress["stage"], Stage>> = {
  measuring: Stage.MEASURING,
  forgetting: Stage.FORGETTING,
  rebuilding: Stage.REBUILDING,
  optimizing: Stage.OPTIMIZING,
  analyzing: Stage.ANALYZING,
  merging: Stage.MERGING,
  freeing: Stage.FREEING,
  vacuuming: Stage.VACUUMING,
  checkpointing: Stage.CHECKPOINTING,
  finished: Stage.FINISHED,
};

function toResponse(progress: MaintenanceProgress): MaintainDatabaseResponse {
  const stage = STAGES[progress.stage];
  if (progress.stage === "finished") {
    const figures = {
      previousFigures: toFigures(progress.before),
      currentFigures: toFigures(progress.after),
    };
    return create(MaintainDatabaseResponseSchema, { stage, ...figures });
  }
  const counts = { done: BigInt(progress.done), total: BigInt(progress.total) };
  return create(MaintainDatabaseResponseSchema, { stage, ...counts });
}

function toFigures({
  pageSizeBytes,
  pageCount,
  freePageCount,
  fileBytes,
  logBytes,
  use,
}: MaintenanceFigures) {
  return {
    pageSizeBytes,
    pageCount,
    freelistCount: freePageCount,
    databaseSizeBytes: fileBytes,
    logSizeBytes: logBytes,
    ...(use && { use }),
  };
}

function factsOf({ before, after }: Extract<MaintenanceProgress, { stage: "finished" }>): object {
  return {
    bytesBefore: Number(before.fileBytes),
    bytes: Number(after.fileBytes),
    freePages: Number(after.freePageCount),
  };
}
