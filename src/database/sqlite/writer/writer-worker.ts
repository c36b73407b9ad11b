// The life of the writer thread as the main thread sees it: start, messages, end.
// Must not know what is committed.

import { StoreError } from "../../../errors.ts";
import { fromPlainError } from "../threads/thread-errors.ts";
import { takeThread } from "../threads/thread-start.ts";
import type { WriterData, WriterReply, WriterRequest } from "./writer-messages.ts";

/** A writer thread that was started. */
export interface WriterWorker {
  /** Resolves when it has its connection. @throws StoreError DATABASE_UNAVAILABLE */
  readonly opened: Promise<void>;
  send(request: WriterRequest, transfer?: ArrayBuffer[]): void;
  /** Resolves when it has done all that it was sent, and ended. */
  close(): Promise<void>;
}

/** What it tells. */
export interface WriterListener {
  onReply(reply: WriterReply): void;
  /** The thread has exited, because of `error`; what it was sent stays unanswered. */
  onEnd(error: StoreError): void;
}

/** Starts the thread. */
export function startWriterWorker(data: WriterData, listener: WriterListener): WriterWorker {
  const worker = takeThread(data);
  worker.postMessage(data);
  const opened = Promise.withResolvers<void>();
  const ended = Promise.withResolvers<void>();
  // Whoever waits is told; nobody has to.
  opened.promise.catch(() => {});
  let failure: StoreError | undefined;
  worker.on("message", (reply: WriterReply) => {
    if (reply.kind === "opened") opened.resolve();
    else if (reply.kind === "failed") failure = fromPlainError(reply.error);
    else listener.onReply(reply);
  });
  worker.on("error", (cause) => {
    failure = writerEnded(cause);
  });
  worker.on("exit", () => {
    const error = failure ?? writerEnded();
    opened.reject(error);
    listener.onEnd(error);
    ended.resolve();
  });
  return {
    opened: opened.promise,
    send: (request, transfer = []) => worker.postMessage(request, transfer),
    close() {
      worker.postMessage("close" satisfies WriterRequest);
      return ended.promise;
    },
  };
}

function writerEnded(cause?: unknown): StoreError {
  // What it had was perhaps carried out: the client cannot know, unless it asks with a request_id.
  return new StoreError("DATABASE_UNAVAILABLE", "the database cannot be written now", { cause });
}
