// The main thread's side of the writer: groups of commits, and whatever else it is asked, go to the
// writer thread, and its answers come back. Knows no SQL.

import type { StoreError } from "../../../errors.ts";
import {
  noteStatement,
  type OnStatement,
  type StatementRun,
} from "../../../observe/statement-run.ts";
import { type ChangeCount, createChangeCounts } from "../../change.ts";
import type { Checkpoint, CheckpointMode } from "../../checkpoint.ts";
import { createCommitQueue, databaseClosed } from "../../commit-queue.ts";
import type { Commit, CommitOptions, Operation } from "../../database.ts";
import type { PendingCommit } from "../../sql/write/group.ts";
import { fromPlainError } from "../threads/thread-errors.ts";
import { unpackRuns } from "../threads/told-statements.ts";
import { type PortableOutcomes, packCommits, unpackOutcomes } from "./commit-transport.ts";
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

/** Starts the writer thread; one that ends by itself is replaced when the next commit comes. */
export function startWriter(
  data: WriterData,
  onGroup?: (calls: number) => void,
  onStatement?: OnStatement,
): Writer {
  const queue = createCommitQueue(data.limits, send);
  /** What else the thread was asked, by id. */
  const asked = new Map<number, PromiseWithResolvers<WriterAnswers[keyof WriterAnswers]>>();
  let nextId = 0;
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
        for (const outcome of unpackOutcomes(reply.outcomes)) queue.settle(outcome);
        return;
      case "group-done":
        queue.next();
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
      const log = queue.optionsOf(id)?.statements;
      if (log) noteStatement(log, run);
    };
    for (const run of unpackRuns(statements)) {
      onStatement?.(run);
      if (run.last === Number.POSITIVE_INFINITY) for (const { id } of outcomes) note(id, run);
      else for (let id = run.first; id <= run.last; id++) note(id, run);
    }
  }

  function forget(error: StoreError): void {
    worker = undefined;
    queue.failAll(error);
    for (const { reject } of asked.values()) reject(error);
    asked.clear();
  }

  function send(group: readonly PendingCommit[]): void {
    onGroup?.(group.length);
    const portable = packCommits(group);
    worker ??= startWorker();
    worker.send({ kind: "commit", group: portable }, [portable.bytes.buffer]);
  }

  async function ask<Kind extends keyof WriterAnswers>(
    request: (id: number) => Extract<WriterRequest, { kind: Kind }>,
  ): Promise<WriterAnswers[Kind]> {
    if (isClosed) throw databaseClosed();
    const id = nextId++;
    const answer = Promise.withResolvers<WriterAnswers[keyof WriterAnswers]>();
    asked.set(id, answer);
    worker ??= startWorker();
    worker.send(request(id));
    return (await answer.promise) as WriterAnswers[Kind];
  }

  return {
    opened() {
      worker ??= startWorker();
      return worker.opened;
    },

    commit: queue.commit,
    checkpoint: (mode) => ask<"checkpoint">((id) => ({ kind: "checkpoint", id, mode })),
    upkeep: (step) => ask<"upkeep">((id) => ({ kind: "upkeep", id, step })),

    get queued() {
      return queue.queued;
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
      await queue.close();
      await worker?.close();
    },
  };
}
