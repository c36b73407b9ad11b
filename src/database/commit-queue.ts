// Commits on their way to who carries them out: a bounded queue, and groups of what has arrived
// together. While one group is carried out, the next gathers. Knows no SQL and no thread.

import { StoreError } from "../errors.ts";
import type { Limits } from "../limits.ts";
import { endReason } from "./call-end.ts";
import type { Commit, CommitOptions, Operation } from "./database.ts";
import type { Outcome, PendingCommit } from "./sql/write/group.ts";

/** The queue of one writer. */
export interface CommitQueue {
  /** @throws StoreError OVERLOADED if too many commits wait already. */
  commit(operations: readonly Operation[], options?: CommitOptions): Promise<Commit>;
  /** Answers a commit of the group that was sent. */
  settle(outcome: Outcome): void;
  /** How a commit of the group that was sent is to be carried out, until it is answered. */
  optionsOf(id: number): CommitOptions | undefined;
  /** The group has ended, each of its commits answered: the next one is sent. */
  next(): void;
  /** Nothing of the group, nor of what waits, will be carried out. */
  failAll(error: StoreError): void;
  /** The commits that have no answer yet. */
  readonly queued: number;
  /** Takes no more; resolves when everything is answered. */
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

/** A queue whose groups, of one commit at least, go to `send`, one after the other. */
export function createCommitQueue(
  limits: Limits,
  send: (group: readonly PendingCommit[]) => void,
): CommitQueue {
  /** Those that wait here. */
  let queue: Waiting[] = [];
  /** Those that were sent, by id; made anew for each group, as an old table keeps what was in it. */
  let sent: Map<number, Waiting> = new Map();
  let [nextId, waitingBytes] = [0, 0];
  let isCommitting = false;
  let isScheduled = false;
  let isClosed = false;
  /** Told when nothing waits any more. */
  let onIdle: (() => void) | undefined;

  function flush(): void {
    isScheduled = false;
    while (queue.length > 0 && !isCommitting) {
      const group = takeGroup().filter(stillWanted);
      if (group.length === 0) continue;
      isCommitting = true;
      sent = new Map(group.map((waiting) => [waiting.id, waiting]));
      send(group);
    }
    if (!isCommitting) onIdle?.();
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
    const isLong = queue.length + sent.size >= limits.commitQueueMax;
    const isLarge = waitingBytes > 0 && waitingBytes + bytes > limits.commitQueueBytes;
    if (!isLong && !isLarge) return;
    throw new StoreError("OVERLOADED", "too many writes are waiting", {
      retryDelayMs: OVERLOADED_RETRY_DELAY_MS,
      limit: isLong ? "commitQueueMax" : "commitQueueBytes",
    });
  }

  return {
    commit(operations, options = {}) {
      return new Promise((resolve, reject) => {
        if (isClosed) throw databaseClosed();
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

    settle(outcome) {
      const waiting = sent.get(outcome.id);
      sent.delete(outcome.id);
      waitingBytes -= waiting?.bytes ?? 0;
      if (outcome.error) waiting?.reject(outcome.error);
      else waiting?.resolve(outcome.commit);
    },

    optionsOf: (id) => sent.get(id)?.options,

    next() {
      isCommitting = false;
      flush();
    },

    failAll(error) {
      const lost = [...sent.values(), ...queue];
      sent.clear();
      queue = [];
      waitingBytes = 0;
      isCommitting = false;
      for (const waiting of lost) waiting.reject(error);
      onIdle?.();
    },

    get queued() {
      return queue.length + sent.size;
    },

    async close() {
      isClosed = true;
      const idle = new Promise<void>((resolve) => {
        onIdle = resolve;
      });
      if (queue.length > 0 || sent.size > 0) await idle;
    },
  };
}

/** The bytes that the messages of a commit have. */
function messageBytesOf(operations: readonly Operation[]): number {
  let bytes = 0;
  for (const operation of operations) if ("message" in operation) bytes += operation.message.length;
  return bytes;
}

/** The error of what comes after the database was closed. */
export function databaseClosed(): StoreError {
  return new StoreError("DATABASE_UNAVAILABLE", "the database is closed");
}
