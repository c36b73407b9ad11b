// Puts a database file in order: finds out what there is to do, has the writer thread do it in short steps,
// rests between them, and measures before and after. Must not write itself.

import { setTimeout as delay } from "node:timers/promises";
import { StoreError } from "../../errors.ts";
import type { Database } from "../database.ts";
import type { MaintenanceRuns } from "../figures.ts";
import type { MaintenanceOrder, MaintenanceProgress, MaintenanceStage } from "../maintenance.ts";
import { type Connection, readPragma, translateSqliteError } from "./connection/connection.ts";
import { measureFile } from "./inspect/page-figures.ts";
import { searchIndexesOf, tablesOf } from "./inspect/tables-of.ts";
import type { UpkeepStep } from "./writer/upkeep.ts";
import type { Writer } from "./writer/writer.ts";

/** What it is done with. */
export interface MaintenanceTools {
  /** One that only reads. */
  readonly connection: Connection;
  readonly writer: Pick<Writer, "upkeep" | "checkpoint">;
  readonly scans: Pick<Database, "read">;
  readonly requestRetentionMs: number;
}

/** The maintenance of a database. */
export interface Maintenance {
  /** Does it, and tells how far it is. */
  run(order: MaintenanceOrder, signal: AbortSignal): AsyncGenerator<MaintenanceProgress>;
  /** What has become of it so far. */
  readonly runs: MaintenanceRuns;
}

/** Pages that are given back in one step: a mebibyte of the usual ones. */
const FREE_PAGES = 256;
/** A step that found the database locked is tried again so often. */
const ATTEMPTS = 100;
const REST_MS = 5;
const RETRY_MS = 100;
/** Readers may need the log a moment longer. */
const CHECKPOINT_ATTEMPTS = 50;
const INCREMENTAL = 2n;

/** The maintenance of one database, which is done by one caller at a time. */
export function createMaintenance(tools: MaintenanceTools): Maintenance {
  let isRunning = false;
  let [started, done, seconds] = [0, 0, 0];
  let lastMs: number | undefined;
  return {
    async *run(order, signal) {
      if (isRunning) throw busy("the maintenance is going on already");
      isRunning = true;
      started += 1;
      const startMs = performance.now();
      try {
        for await (const progress of maintainOnce(tools, order, signal)) {
          if (progress.stage === "finished") {
            done += 1;
            lastMs = Date.now();
          }
          yield progress;
        }
      } catch (error) {
        signal.throwIfAborted();
        throw translateSqliteError(error);
      } finally {
        isRunning = false;
        seconds += (performance.now() - startMs) / 1_000;
      }
    },
    get runs() {
      const failed = started - done - (isRunning ? 1 : 0);
      return { done, failed: Math.max(failed, 0), seconds, lastMs };
    },
  };
}

async function* maintainOnce(
  { connection, writer, scans, requestRetentionMs }: MaintenanceTools,
  order: MaintenanceOrder,
  signal: AbortSignal,
): AsyncGenerator<MaintenanceProgress> {
  const { purge = false, forgetRequests = false } = order;
  const vacuum = order.vacuum || purge;
  const progress = (stage: MaintenanceStage, done: number, total: number) => ({
    stage,
    done,
    total,
  });

  async function step(one: UpkeepStep): Promise<boolean> {
    for (let attempt = 1; ; attempt++) {
      signal.throwIfAborted();
      const startMs = performance.now();
      try {
        const hasMore = await writer.upkeep(one);
        // As long as it took: writes get half of the time, at least.
        await delay(Math.max(performance.now() - startMs, REST_MS), undefined, { signal });
        return hasMore;
      } catch (error) {
        const isPassing = error instanceof StoreError && error.code === "DATABASE_BUSY";
        if (!isPassing || attempt === ATTEMPTS) throw error;
      }
      await delay(RETRY_MS, undefined, { signal });
    }
  }

  const measure = () => measureFile(connection, scans, signal);

  yield progress("measuring", 0, 1);
  const before = await measure();
  yield progress("measuring", 1, 1);

  if (purge) {
    yield progress("forgetting", 0, 1);
    const beforeMs = forgetRequests ? Number.MAX_SAFE_INTEGER : Date.now() - requestRetentionMs;
    while (await step({ kind: "forget", beforeMs }));
    await step({ kind: "forget-samples" });
    yield progress("forgetting", 1, 1);
  }

  yield progress("optimizing", 0, 1);
  await step({ kind: "optimize" });
  yield progress("optimizing", 1, 1);

  const tables = tablesOf(connection);
  for (const [index, table] of tables.entries()) {
    yield progress("analyzing", index, tables.length);
    await step({ kind: "analyze", table });
  }
  yield progress("analyzing", tables.length, tables.length);

  const indexes = searchIndexesOf(connection);
  for (const [index, table] of indexes.entries()) {
    const stage = purge ? "rebuilding" : "merging";
    yield progress(stage, index, indexes.length);
    if (purge) await step({ kind: "rebuild", table });
    else {
      let isFirst = true;
      while (await step({ kind: "merge", table, isFirst })) isFirst = false;
    }
    yield progress(stage, index + 1, indexes.length);
  }

  if (vacuum) {
    yield progress("vacuuming", 0, 1);
    await step({ kind: "vacuum" });
    yield progress("vacuuming", 1, 1);
  } else if (readPragma(connection, "auto_vacuum") === INCREMENTAL) {
    const total = Number(readPragma(connection, "freelist_count"));
    yield progress("freeing", 0, total);
    for (let done = FREE_PAGES; done < total + FREE_PAGES; done += FREE_PAGES) {
      const hasMore = await step({ kind: "free", pages: FREE_PAGES });
      yield progress("freeing", hasMore ? Math.min(done, total) : total, total);
      if (!hasMore) break;
    }
  }

  yield progress("checkpointing", 0, 1);
  // What was freed is given back to the disk by the copy of the log.
  for (let attempt = 1; ; attempt++) {
    const { blocked } = await writer.checkpoint(vacuum ? "TRUNCATE" : "PASSIVE");
    if (!blocked) break;
    if (attempt >= CHECKPOINT_ATTEMPTS) {
      if (purge)
        throw busy("a read transaction keeps the log from being emptied: purge again later");
      break;
    }
    await delay(RETRY_MS, undefined, { signal });
  }
  yield progress("checkpointing", 1, 1);
  yield { stage: "finished", before, after: await measure() };
}

function busy(message: string): StoreError {
  return new StoreError("DATABASE_BUSY", message, { retryDelayMs: RETRY_MS });
}
