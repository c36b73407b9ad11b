// The main thread's side of the writer: a bounded queue of commits, which go to the writer thread in
// groups. Knows no SQL.

import { StoreError } from "../../../errors.ts";
import {
  noteStatement,
  type OnStatement,
  type StatementRun,
} from "../../../observe/statement-run.ts";
import { type ChangeCount, createChangeCounts } from "../../change.ts";
import type { Checkpoint, CheckpointMode } from "../../checkpoint.ts";
import type { Commit, CommitOptions, Operation } from "../../database.ts";
import { endReason } from "../connection/busy-retry.ts";
import { fromPlainError } from "../threads/thread-errors.ts";
import { unpackRuns } from "../threads/told-statements.ts";
import {
  messageBytesOf,
  type PendingCommit,
  type PortableOutcomes,
  packCommits,
  unpackOutcomes,
} from "./commit-transport.ts";
import type { UpkeepStep } from "./upkeep.ts";
import type { WriterAnswers, WriterData, WriterReply, WriterRequest } from "./writer-messages.ts";
import { startWriterWorker, type WriterWorker } from "./writer-worker.ts";

/** Commits operations in the writer thread. */
export interface Writer {
  /** Resolves when the thread has its connection. @throws StoreError DATABASE_UNAVAILABLE */
  opened(): Promise<void>;
  /** @throws StoreError OVERLOADED if too many commits wait already. */
  commit(operations: readonly Operation[], options?: CommitOptions): Promise<Commit>;
  /** Copies the log, after the commits that the thread has. @throws StoreError */
  checkpoint(mode: CheckpointMode): Promise<Checkpoint>;
  /** Does a step of maintenance between two groups of commits. True if more may be done. @throws StoreError */
  upkeep(step: UpkeepStep): Promise<boolean>;
  /** The commits that have no answer yet. */
  readonly queued: number;
  /** How much was changed since the start. */
  readonly changes: readonly ChangeCount[];
  /** When the log was last copied as a whole into the database, in milliseconds since the epoch. */
  readonly lastCheckpointMs: number | undefined;
  /** To be told that the files are not as they should be: saves what can be. */
  mend(): void;
  /** Resolves when everything is answered and the connection is closed. */
  close(): Promise<void>;
}

/** A commit that has no answer yet. */
interface Waiting extends PendingCommit {
  readonly bytes: number;
  readonly options: CommitOptions;
  resolve(commit: Commit): void;
  reject(error: StoreError): void;
}

/** A client that is refused tries again after this. */
const OVERLOADED_RETRY_DELAY_MS = 100;

/** Starts the writer thread; one that ends by itself is replaced when the next commit comes. */
export function startWriter(
  data: WriterData,
  onGroup?: (calls: number) => void,
  onStatement?: OnStatement,
): Writer {
  const { limits } = data;
  /** Those that wait here. */
  let queue: Waiting[] = [];
  /** Those that the thread has, by id; made anew for each group, as an old table keeps what was in it. */
  let sent: Map<number, Waiting> = new Map();
  /** What else the thread was asked, by id. */
  const asked = new Map<number, PromiseWithResolvers<WriterAnswers[keyof WriterAnswers]>>();
  let [nextId, waitingBytes] = [0, 0];
  /** While the thread commits one group, the next gathers here. */
  let isCommitting = false;
  let isScheduled = false;
  /** Told when nothing waits any more. */
  let onIdle: (() => void) | undefined;
  let lastCheckpointMs: number | undefined;
  const changes = createChangeCounts();
  let isClosed = false;
  let worker: WriterWorker | undefined = startWorker();

  function startWorker(): WriterWorker {
    return startWriterWorker(data, { onReply: receive, onEnd: forget });
  }

  function receive(reply: WriterReply): void {
    switch (reply.kind) {
      case "outcomes":
        changes.add(reply.outcomes.changes);
        noteStatements(reply.outcomes);
        for (const outcome of unpackOutcomes(reply.outcomes)) {
          const waiting = sent.get(outcome.id);
          sent.delete(outcome.id);
          waitingBytes -= waiting?.bytes ?? 0;
          if (outcome.error) waiting?.reject(outcome.error);
          else waiting?.resolve(outcome.commit);
        }
        return;
      case "group-done":
        isCommitting = false;
        flush();
        return;
      case "checkpointed":
        lastCheckpointMs = reply.atMs;
        return;
      case "answered":
        asked.get(reply.id)?.resolve(reply.answer);
        asked.delete(reply.id);
        return;
      case "refused":
        asked.get(reply.id)?.reject(fromPlainError(reply.error));
        asked.delete(reply.id);
        return;
    }
  }

  /** Notes each where it was run for: for a few commits, or for all that are told of. */
  function noteStatements({ outcomes, statements }: PortableOutcomes): void {
    const note = (id: number, run: StatementRun) => {
      const log = sent.get(id)?.options.statements;
      if (log) noteStatement(log, run);
    };
    for (const run of unpackRuns(statements)) {
      onStatement?.(run);
      if (run.last === Number.POSITIVE_INFINITY) for (const { id } of outcomes) note(id, run);
      else for (let id = run.first; id <= run.last; id++) note(id, run);
    }
  }

  function forget(error: StoreError): void {
    const lost = [...sent.values(), ...queue];
    worker = undefined;
    sent.clear();
    queue = [];
    waitingBytes = 0;
    isCommitting = false;
    for (const waiting of lost) waiting.reject(error);
    for (const { reject } of asked.values()) reject(error);
    asked.clear();
    onIdle?.();
  }

  function flush(): void {
    isScheduled = false;
    while (queue.length > 0 && !isCommitting) {
      const group = takeGroup().filter(stillWanted);
      if (group.length === 0) continue;
      isCommitting = true;
      onGroup?.(group.length);
      sent = new Map(group.map((waiting) => [waiting.id, waiting]));
      const portable = packCommits(group);
      worker ??= startWorker();
      worker.send({ kind: "commit", group: portable }, [portable.bytes.buffer]);
    }
    if (!isCommitting) onIdle?.();
  }

  async function ask<Kind extends keyof WriterAnswers>(
    request: (id: number) => Extract<WriterRequest, { kind: Kind }>,
  ): Promise<WriterAnswers[Kind]> {
    if (isClosed) throw closed();
    const id = nextId++;
    const answer = Promise.withResolvers<WriterAnswers[keyof WriterAnswers]>();
    asked.set(id, answer);
    worker ??= startWorker();
    worker.send(request(id));
    return (await answer.promise) as WriterAnswers[Kind];
  }

  /** The oldest commits, at least one, as many as may share a transaction. */
  function takeGroup(): Waiting[] {
    let operations = 0;
    const end = queue.findIndex((waiting, index) => {
      operations += waiting.operations.length;
      return index > 0 && operations > limits.groupOperationsMax;
    });
    return queue.splice(0, end === -1 ? queue.length : end);
  }

  /** A call that has ended meanwhile runs no SQL. */
  function stillWanted(waiting: Waiting): boolean {
    const reason = endReason(waiting.options);
    if (!reason) return true;
    waitingBytes -= waiting.bytes;
    waiting.reject(reason);
    return false;
  }

  function enqueue(waiting: Waiting): void {
    queue.push(waiting);
    waitingBytes += waiting.bytes;
    if (isScheduled || isCommitting) return;
    isScheduled = true;
    // All commits that arrive in this turn of the event loop go together.
    setImmediate(flush);
  }

  function refuseOverload(bytes: number): void {
    const isFull =
      queue.length + sent.size >= limits.commitQueueMax ||
      (waitingBytes > 0 && waitingBytes + bytes > limits.commitQueueBytes);
    if (!isFull) return;
    throw new StoreError("OVERLOADED", "too many writes are waiting", {
      retryDelayMs: OVERLOADED_RETRY_DELAY_MS,
    });
  }

  return {
    opened() {
      worker ??= startWorker();
      return worker.opened;
    },

    commit(operations, options = {}) {
      return new Promise((resolve, reject) => {
        if (isClosed) throw closed();
        const bytes = messageBytesOf(operations);
        refuseOverload(bytes);
        enqueue({
          id: nextId++,
          operations,
          options,
          bytes,
          validateOnly: options.validateOnly ?? false,
          request: options.request,
          answered: options.answered ?? true,
          deadlineMs: options.deadlineMs ?? Number.POSITIVE_INFINITY,
          giveUpMs: Date.now() + limits.writeTimeoutMs,
          resolve,
          reject,
        });
      });
    },

    checkpoint: (mode) => ask<"checkpoint">((id) => ({ kind: "checkpoint", id, mode })),
    upkeep: (step) => ask<"upkeep">((id) => ({ kind: "upkeep", id, step })),

    get queued() {
      return queue.length + sent.size;
    },
    get changes() {
      return changes.read();
    },
    get lastCheckpointMs() {
      return lastCheckpointMs;
    },

    mend() {
      worker?.send("mend");
    },

    async close() {
      isClosed = true;
      const idle = new Promise<void>((resolve) => {
        onIdle = resolve;
      });
      if (queue.length > 0 || sent.size > 0) await idle;
      await worker?.close();
    },
  };
}

function closed(): StoreError {
  return new StoreError("DATABASE_UNAVAILABLE", "the database is closed");
}
