// Gives rows that other programs wrote the bytes that reads answer with, again and again, slowly: small
// commits beside the calls, with a rest after each. What it has done is in the rows themselves, so that
// it can be ended at any time. Changes nothing that clients see.

import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import {
  type DatabaseStatus_Fill,
  DatabaseStatus_FillSchema,
} from "../../gen/protostore/v1/database_service_pb.ts";
import type { BareRows, Database } from "../database/database.ts";
import { type ErrorCode, StoreError } from "../errors.ts";
import type { Limits } from "../limits.ts";
import type { Log } from "../observe/log.ts";
import type { ResourcePlan } from "../schema/plan.ts";
import { type BackgroundTask, patiently, pause, runInBackground } from "./background.ts";
import { createTriedRows } from "./tried-rows.ts";

/** What a filler is made of. */
export interface FillerConfig {
  readonly database: Pick<Database, "bareRows" | "commit">;
  /** Another value whenever anybody has written to the database. */
  readonly version: () => unknown;
  readonly plans: readonly ResourcePlan[];
  readonly limits: Pick<Limits, "fillRowsPerSecond" | "fillPauseMs">;
  readonly log: Log;
}

/** A filler that runs until it is stopped. */
export interface Filler extends BackgroundTask {
  status(): DatabaseStatus_Fill;
}

/** The rows of one commit, about 70 µs each, while other commits wait. */
const BATCH_ROWS = 32;
/** The bytes of columns and JSON of one commit, unless one row has more. */
const BATCH_BYTES = 128 * 1024;
/** The rows that are looked at in one read, under 1 µs each. */
const LOOKED_ROWS = 500;
/** So many rows are looked at in the time of one that is filled. */
const LOOKS_PER_ROW = 100;
/** After a pass it rests so many times as long as it was looking. */
const RESTS_PER_LOOK = 9;
/** How long a commit waits while another program has the lock. */
const LOCK_TIMEOUT_MS = 100;
/** How long it waits before its first pass: a server that has just started has other things to do. */
const START_MS = 1_000;
/** The rows that cannot be filled and are remembered one by one. */
const TRIED_ROWS_MAX = 10_000;

/** What is tried again; after anything else the table is left until the next pass. */
const PASSING: readonly ErrorCode[] = [
  "CANCELLED",
  "DATABASE_BUSY",
  "DATABASE_REPLACED",
  "DATABASE_UNAVAILABLE",
  "DEADLINE_EXCEEDED",
  "DISK_FULL",
  "OVERLOADED",
  "READ_ONLY_MODE",
  "SCHEMA_MISMATCH",
];
const willLast = (code: ErrorCode) => !PASSING.includes(code);

type FoundRow = BareRows["rows"][number];

/** What a pass has come to. */
interface Pass {
  looked: number;
  filled: number;
  left: number;
  /** The rows of each table that are still to be tried. */
  readonly pending: Map<ResourcePlan, number>;
  /** The types whose rows were left because of what is on their table. */
  readonly skipped: Set<string>;
}

/** Starts a filler, whose first pass begins soon; undefined if it is off. */
export function startFiller(config: FillerConfig): Filler | undefined {
  const { database, plans, limits, log } = config;
  if (limits.fillRowsPerSecond === 0) return undefined;
  const stopping = new AbortController();
  const { signal } = stopping;
  const tried = createTriedRows(TRIED_ROWS_MAX);
  const lookMs = 1_000 / limits.fillRowsPerSecond / LOOKS_PER_ROW;
  let filledRows = 0;
  let pass = newPass();
  let last: (Pass & { readonly endedMs: number }) | undefined;

  /** Each stretch of the table: its rows without bytes, and the revision at which they were read. */
  async function* bareRows(plan: ResourcePlan) {
    for (let after: bigint | undefined; ; ) {
      const from = after;
      const read = () => database.bareRows(plan, from, LOOKED_ROWS, { signal });
      const { rows, revision, looked, last: lastKey } = await patiently(read, willLast, signal);
      pass.looked += looked;
      yield { rows, revision };
      if (looked < LOOKED_ROWS) return;
      after = lastKey;
      await pause(LOOKED_ROWS * lookMs, signal);
    }
  }

  /** Finds out how many rows of a table are to be tried. */
  async function look(plan: ResourcePlan): Promise<void> {
    for await (const { rows } of bareRows(plan)) {
      const untried = rows.filter((row) => !tried.has(plan, row)).length;
      pass.pending.set(plan, (pass.pending.get(plan) ?? 0) + untried);
      pass.left += rows.length - untried;
    }
  }

  async function fillTable(plan: ResourcePlan): Promise<void> {
    let begun: bigint | undefined;
    for await (const { rows, revision } of bareRows(plan)) {
      begun ??= revision;
      const untried = rows.filter((row) => !tried.has(plan, row));
      for (const batch of batchesOf(untried)) await fillBatch(plan, batch);
    }
    if (begun !== undefined) tried.complete(plan, begun);
  }

  async function fillBatch(plan: ResourcePlan, batch: readonly FoundRow[]): Promise<void> {
    const beganMs = performance.now();
    const operations = batch.map(({ key }) => ({ kind: "fill", plan, key }) as const);
    const commit = () => database.commit(operations, { deadlineMs: Date.now() + LOCK_TIMEOUT_MS });
    const { messages } = await patiently(commit, willLast, signal);
    const vain = batch.filter((_, index) => messages[index] === undefined);
    for (const row of vain) tried.add(plan, row);
    filledRows += batch.length - vain.length;
    pass.filled += batch.length - vain.length;
    pass.left += vain.length;
    pass.pending.set(plan, Math.max((pass.pending.get(plan) ?? 0) - batch.length, 0));
    const tookMs = performance.now() - beganMs;
    const restMs = (batch.length * 1_000) / limits.fillRowsPerSecond - tookMs;
    // Where commits take long, others have at least as much of the time.
    await pause(Math.max(restMs, tookMs), signal);
  }

  /** Leaves the table if it is refused in a way that will last. */
  async function unlessRefused(plan: ResourcePlan, action: () => Promise<void>): Promise<void> {
    try {
      await action();
    } catch (error) {
      if (!(error instanceof StoreError && willLast(error.code))) throw error;
      pass.skipped.add(plan.resource.type);
      pass.left += pass.pending.get(plan) ?? 0;
      pass.pending.delete(plan);
    }
  }

  async function runPass(): Promise<void> {
    for (const plan of plans) await unlessRefused(plan, () => look(plan));
    const rows = pendingOf(pass);
    // Of what takes less than a second, nothing is told after the first pass.
    const isNews = rows > (last ? limits.fillRowsPerSecond : 0);
    if (isNews) log.info({ rows }, "giving rows of other programs their bytes");
    for (const [plan, count] of [...pass.pending]) {
      if (count > 0) await unlessRefused(plan, () => fillTable(plan));
    }
    if (isNews) log.info({ filled: pass.filled, left: pass.left }, "gave rows their bytes");
    const types = [...pass.skipped];
    if (types.some((type) => !last?.skipped.has(type))) {
      log.warn({ types }, "triggers or damage keep rows of these types from being given bytes");
    }
    last = { ...pass, endedMs: Date.now() };
    pass = newPass();
  }

  async function run(): Promise<void> {
    let seen: unknown;
    await pause(Math.min(START_MS, limits.fillPauseMs), signal);
    for (;;) {
      const version = versionOf(config);
      const isChanged = version === undefined || version !== seen;
      if (isChanged) await runPass();
      seen = version;
      const restMs = isChanged ? (last?.looked ?? 0) * lookMs * RESTS_PER_LOOK : 0;
      await pause(Math.max(limits.fillPauseMs, restMs), signal);
    }
  }

  return {
    ...runInBackground(run, stopping, log, "the filler has ended"),
    status() {
      return create(DatabaseStatus_FillSchema, {
        ...(last && { lastPassTime: timestampFromMs(last.endedMs) }),
        filledRowCount: BigInt(filledRows),
        pendingRowCount: BigInt(pendingOf(pass)),
        leftRowCount: BigInt(last?.left ?? 0),
        skippedResourceTypes: [...(last?.skipped ?? [])],
      });
    },
  };
}

function newPass(): Pass {
  return { looked: 0, filled: 0, left: 0, pending: new Map(), skipped: new Set() };
}

function pendingOf({ pending }: Pass): number {
  return [...pending.values()].reduce((sum, count) => sum + count, 0);
}

/** Undefined if it cannot be told. */
function versionOf({ version }: FillerConfig): unknown {
  try {
    return version();
  } catch {
    return undefined;
  }
}

/** The rows as they share commits. */
function* batchesOf(rows: readonly FoundRow[]): Generator<readonly FoundRow[]> {
  let batch: FoundRow[] = [];
  let bytes = 0;
  for (const row of rows) {
    const isFull = batch.length === BATCH_ROWS || bytes + row.bytes > BATCH_BYTES;
    if (isFull && batch.length > 0) {
      yield batch;
      [batch, bytes] = [[], 0];
    }
    batch.push(row);
    bytes += row.bytes;
  }
  if (batch.length > 0) yield batch;
}
