// The reader threads as the main thread sees them: starts them, gives each one job at a time, ends
// the reads whose call is over, and keeps the rest waiting in a bounded queue.
// Must not block, and must not know what is in a job.

import { setTimeout as delay } from "node:timers/promises";
import { Worker } from "node:worker_threads";
import { StoreError } from "../../../errors.ts";
import type { Limits } from "../../../limits.ts";
import type { Log } from "../../../observe/log.ts";
import { noteStatement, type OnStatement } from "../../../observe/statement-run.ts";
import type { CallLimits } from "../../database.ts";
import type { WorkMeter } from "../../statement-figures.ts";
import { createWaitingCall, type WaitingCall } from "../../waiting-call.ts";
import { fromPlainError } from "../threads/thread-errors.ts";
import { threadUrl } from "../threads/thread-start.ts";
import { unpackRuns } from "../threads/told-statements.ts";
import type {
  ReaderAnswer,
  ReaderData,
  ReaderJob,
  ReaderResult,
  ReaderSetup,
} from "./reader-protocol.ts";

/** Runs jobs in reader threads. */
export interface ReaderPool {
  /**
   * What the job reads.
   * @throws StoreError OVERLOADED, DEADLINE_EXCEEDED, CANCELLED, DATABASE_UNAVAILABLE, or what the
   * job fails with.
   */
  run(job: ReaderJob, limits?: CallLimits): Promise<ReaderResult>;
  /** The calls that have no answer yet. */
  readonly queued: number;
  /** When the oldest read that is still going on began, in milliseconds since the epoch. */
  readonly oldestReadMs: number | undefined;
  /** Fails all calls and ends all threads; resolves when they have closed their connections. */
  close(): Promise<void>;
}

type Call = WaitingCall<ReaderJob, ReaderResult>;

/** A thread and what it is doing. */
interface Reader {
  readonly worker: Worker;
  readonly exited: Promise<void>;
  /** Not 0 once its call is over: it then ends its read within a few rows. */
  readonly over: Int32Array<SharedArrayBuffer>;
  call?: Call | undefined;
  startedMs?: number | undefined;
  /** Gives the thread up if its call is over and it does not come back. */
  grace?: NodeJS.Timeout | undefined;
  /** What it died of. */
  error?: unknown;
}

/** A thread has the modules, one page and a few hundred statements to hold. */
const RESOURCE_LIMITS = { maxOldGenerationSizeMb: 128, maxYoungGenerationSizeMb: 4 };

const OVERLOADED_RETRY_DELAY_MS = 200;

/** A pool without threads; they are started when they are needed. */
export function createReaderPool(
  setup: ReaderSetup,
  limits: Limits,
  log?: Log,
  meter?: Pick<WorkMeter, "takeCells" | "giveBack">,
  onStatement?: OnStatement,
): ReaderPool {
  const { readerThreads, readQueueMax, readTimeoutMs, readGraceMs, closeTimeoutMs } = limits;
  // A thread that is given up lives on until its statement returns.
  const [readers, ending] = [new Set<Reader>(), new Set<Reader>()];
  const queue = new Set<Call>();
  let isClosed = false;

  function assign(): void {
    for (const call of queue) {
      const reader = idleReader() ?? startReader();
      if (!reader) return;
      queue.delete(call);
      begin(reader, call);
    }
  }

  function idleReader(): Reader | undefined {
    for (const reader of readers) if (!reader.call) return reader;
    return undefined;
  }

  function startReader(): Reader | undefined {
    if (readers.size >= readerThreads || readers.size + ending.size >= 2 * readerThreads) {
      return undefined;
    }
    const over = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
    const cells = meter?.takeCells();
    const workerData: ReaderData = { ...setup, over, cells };
    const options = { workerData, resourceLimits: RESOURCE_LIMITS };
    const worker = new Worker(threadUrl("readers/reader-thread"), options);
    const exited = new Promise<void>((resolve) => worker.once("exit", () => resolve()));
    const reader: Reader = { worker, over, exited };
    readers.add(reader);
    worker.on("message", (answer: ReaderAnswer) => finish(reader, answer));
    worker.on("error", (error) => {
      reader.error = error;
      log?.error({ err: error }, "a reader thread died");
    });
    worker.on("exit", () => {
      if (cells) meter?.giveBack(cells);
      forget(reader);
    });
    return reader;
  }

  function begin(reader: Reader, call: Call): void {
    reader.call = call;
    reader.startedMs = Date.now();
    call.onOver = () => {
      Atomics.store(reader.over, 0, 1);
      reader.grace = setTimeout(() => {
        log?.warn({ startedMs: reader.startedMs }, "a reader goes on with a call that is over");
        giveUp(reader);
      }, readGraceMs);
    };
    Atomics.store(reader.over, 0, 0);
    // Only a thread that is at work keeps the process alive.
    reader.worker.ref();
    reader.worker.postMessage(call.job);
  }

  function finish(reader: Reader, answer: ReaderAnswer): void {
    const { call } = reader;
    clearTimeout(reader.grace);
    reader.call = undefined;
    reader.startedMs = undefined;
    reader.worker.unref();
    for (const run of unpackRuns(answer.statements)) {
      onStatement?.(run);
      if (call?.statements) noteStatement(call.statements, run);
    }
    if ("error" in answer) call?.fail(fromPlainError(answer.error));
    else call?.resolve(answer.result);
    if (ending.has(reader)) void reader.worker.terminate();
    assign();
  }

  /** Another may take its place. Within a statement it is not terminated: that would ask no more. */
  function giveUp(reader: Reader): void {
    clearTimeout(reader.grace);
    Atomics.store(reader.over, 0, 1);
    if (readers.delete(reader)) ending.add(reader);
    if (!reader.call) void reader.worker.terminate();
    assign();
  }

  function forget(reader: Reader): void {
    clearTimeout(reader.grace);
    readers.delete(reader);
    ending.delete(reader);
    reader.call?.fail(unavailable("the reader of the call has ended", reader.error));
    assign();
  }

  return {
    run(job, callLimits = {}) {
      if (isClosed) return Promise.reject(unavailable("the database is closed"));
      return new Promise((resolve, reject) => {
        const call = createWaitingCall<ReaderJob, ReaderResult>(
          { job, resolve, reject },
          callLimits,
          readTimeoutMs,
        );
        if (call.isOver) return;
        call.onOver = () => queue.delete(call);
        queue.add(call);
        assign();
        if (queue.size <= readQueueMax) return;
        queue.delete(call);
        call.fail(overloaded());
      });
    },
    get queued() {
      return queue.size + [...readers].filter(({ call }) => call !== undefined).length;
    },
    get oldestReadMs() {
      const started = [...readers, ...ending].flatMap(({ startedMs }) => startedMs ?? []);
      return started.length === 0 ? undefined : Math.min(...started);
    },
    async close() {
      isClosed = true;
      for (const call of queue) call.fail(unavailable("the database is closed"));
      queue.clear();
      for (const reader of readers) {
        reader.call?.fail(unavailable("the database is closed"));
        giveUp(reader);
      }
      const exited = Promise.all([...ending].map((reader) => reader.exited));
      // One that is in a statement which does not ask may close its connection when it can.
      await Promise.race([exited, delay(closeTimeoutMs, undefined, { ref: false })]);
    },
  };
}

function unavailable(message: string, cause?: unknown): StoreError {
  return new StoreError("DATABASE_UNAVAILABLE", message, cause === undefined ? {} : { cause });
}

function overloaded(): StoreError {
  const details = { retryDelayMs: OVERLOADED_RETRY_DELAY_MS, limit: "readQueueMax" } as const;
  return new StoreError("OVERLOADED", "too many reads are waiting", details);
}
