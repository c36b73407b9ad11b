// Where threads begin. The writer's loads its code before it is told what to open: beside the code of
// the main thread if it is started ahead. Must import nothing that takes time to load.

import { isMainThread, Worker, workerData } from "node:worker_threads";
import { StoreError } from "../../../errors.ts";

/** What a thread needs to load its code. */
export interface WriterCode {
  /** The URL of the module that exports the resources. */
  readonly definitions: string;
}

interface Ahead extends WriterCode {
  readonly worker: Worker;
}

let ahead: Ahead | undefined;

/** Starts a thread for whoever opens a database to write in this process. */
export function startAhead(code: WriterCode): void {
  const worker = startThread(code);
  // Perhaps none is opened: then nothing waits for it.
  worker.unref();
  ahead = { ...code, worker };
}

/** The thread that was started ahead if it is still there, or a new one. */
export function takeThread(code: WriterCode): Worker {
  const known = ahead;
  ahead = undefined;
  // One that could not load has exited, and told nobody.
  const isUsable = known?.definitions === code.definitions && known.worker.threadId >= 0;
  if (!known || !isUsable) return startThread(code);
  known.worker.ref();
  return known.worker;
}

/** Ends the thread that was started ahead: nothing is to be written. */
export function endAhead(): void {
  void ahead?.worker.terminate();
  ahead = undefined;
}

/**
 * For what a thread must not do again: a module of resources that also serves them would serve in each
 * thread that imports it. @throws StoreError INVALID_CONFIG
 */
export function refuseInThread(): void {
  // A thread of the program's own may have any data, or none.
  const code = workerData as Partial<WriterCode> | null;
  if (isMainThread || code?.definitions === undefined) return;
  throw new StoreError(
    "INVALID_CONFIG",
    `${code.definitions} defines resources and must not do anything else, since threads ` +
      "import it too: call serve in another module",
  );
}

/** The URL of a thread's module, such as `writer/writer-thread`; it has the same ending as this one. */
export function threadUrl(name: string): URL {
  const ending = import.meta.url.endsWith(".ts") ? "ts" : "js";
  return new URL(`../${name}.${ending}`, import.meta.url);
}

function startThread({ definitions }: WriterCode): Worker {
  const workerData: WriterCode = { definitions };
  return new Worker(threadUrl("writer/writer-thread"), { workerData, name: "writer" });
}
