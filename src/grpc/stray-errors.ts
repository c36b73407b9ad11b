// Keeps the process alive when something throws where nobody waits for it: a timer or a promise
// that a handler left behind. Must not be used to hide errors: each is logged with its stack.

import type { Log } from "../observe/log.ts";
import { logLateFailure } from "./failure.ts";

/** Logs stray errors instead of dying of them, until the result is called. */
export function surviveStrayErrors(log: Log): () => void {
  const onException = (thrown: unknown) => logLateFailure(thrown, "uncaughtException", log);
  const onRejection = (thrown: unknown) => logLateFailure(thrown, "unhandledRejection", log);
  process.on("uncaughtException", onException);
  process.on("unhandledRejection", onRejection);
  return () => {
    process.off("uncaughtException", onException);
    process.off("unhandledRejection", onRejection);
  };
}
