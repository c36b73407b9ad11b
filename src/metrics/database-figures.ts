// The figures of the database: its statements, its files, its queues.
// Looks at files and counts only: it must cost no lock, and fail with nothing.

import { statSync } from "node:fs";
import type { ChangeCount } from "../database/change.ts";
import type { QueueLengths } from "../database/database.ts";
import type { MaintenanceRuns, WorkFigures } from "../database/figures.ts";
import type { Distribution } from "../observe/distribution.ts";
import { counter, type Family, gauge, histogram, value } from "./families.ts";

/** What a database tells of itself. */
export interface MeasuredDatabase {
  readonly driver: string;
  work(): WorkFigures | undefined;
  queues(): QueueLengths;
  changes(): readonly ChangeCount[];
  maintenanceRuns(): MaintenanceRuns | undefined;
}

/** Where the database is, if it is in a file. */
export interface MeasuredFile {
  readonly path: string;
  pageCount(): number;
}

/** The figures at this moment. */
export function databaseFamilies(
  database: MeasuredDatabase,
  file: MeasuredFile | undefined,
): readonly Family[] {
  const { queuedCommits, queuedReads } = database.queues();
  const { driver } = database;
  return [
    ...workFamilies(database.work(), driver),
    ...maintenanceFamilies(database.maintenanceRuns()),
    gauge("database_queue_length", "Calls that wait for the writer, or for a reader.", [
      value(queuedCommits, { driver, queue: "commits" }),
      value(queuedReads, { driver, queue: "reads" }),
    ]),
    counter(
      "protostore_rows_changed_total",
      "Rows that commits have changed.",
      database.changes().map(({ type, kind, rows }) => ({
        labels: { resource_type: type, kind },
        value: rows,
      })),
    ),
    ...(file ? fileFamilies(file) : []),
  ];
}

function fileFamilies({ path, pageCount }: MeasuredFile): readonly Family[] {
  return [
    size("database_sqlite_file_size_bytes", "The size of the database file.", sizeOf(path)),
    size(
      "database_sqlite_wal_size_bytes",
      "The size of the write-ahead log.",
      sizeOf(`${path}-wal`),
    ),
    size("database_sqlite_page_count", "The pages of the database.", count(pageCount)),
  ];
}

function workFamilies(work: WorkFigures | undefined, driver: string): readonly Family[] {
  if (!work) return [];
  const { statements, commits, groups, lockWaits } = work;
  return [
    histogram(
      "database_query_duration_seconds",
      "How long statements took, in the thread that ran them.",
      statements.map(({ operation, durations }) => [{ driver, operation }, durations]),
    ),
    counter(
      "database_query_total",
      "Statements, by how they ended.",
      statements.flatMap(({ operation, durations: { counts }, errors }) => {
        const all = counts.reduce((sum, of) => sum + of, 0);
        return [
          value(all - errors, { driver, operation, status: "ok" }),
          value(errors, { driver, operation, status: "error" }),
        ];
      }),
    ),
    histogram(
      "database_commit_duration_seconds",
      "How long commits took: each waits until the disk has it.",
      [[{ driver }, commits]],
    ),
    histogram("database_commit_group_calls", "How many calls shared a transaction.", [
      [{ driver }, groups],
    ]),
    ...(driver === "sqlite" ? [lockWaitFamily(lockWaits)] : []),
  ];
}

function lockWaitFamily(lockWaits: Distribution): Family {
  return histogram(
    "database_sqlite_lock_wait_seconds",
    "How long the writer waited, each time that another process had the lock.",
    [[{}, lockWaits]],
  );
}

/** Of processes, each has its own; a database that is only read has none. */
function maintenanceFamilies(runs: MaintenanceRuns | undefined): readonly Family[] {
  if (!runs) return [];
  const { done, failed, seconds, lastMs } = runs;
  return [
    counter("protostore_maintenance_runs_total", "Maintenance, by how it ended.", [
      value(done, { status: "ok" }),
      value(failed, { status: "error" }),
    ]),
    counter("protostore_maintenance_seconds_total", "How long maintenance took in all.", [
      value(seconds),
    ]),
    gauge(
      "protostore_maintenance_timestamp_seconds",
      "When the file was last put in order since the start.",
      lastMs === undefined ? [] : [value(lastMs / 1_000)],
      "max",
    ),
  ];
}

/** All processes see the same files. */
function size(name: string, help: string, found: number | undefined): Family {
  return gauge(name, help, found === undefined ? [] : [value(found)], "max");
}

function sizeOf(path: string): number {
  try {
    return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  } catch {
    return 0;
  }
}

function count(read: () => number): number | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}
