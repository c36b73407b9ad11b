// One call that waits for a reader: answered once, by its result, its deadline or its cancellation.
// Must not know threads.

import { StoreError } from "../../../errors.ts";
import type { StatementLog } from "../../../observe/statement-run.ts";
import type { CallLimits } from "../../database.ts";
import { deadlineExceeded, endReason } from "../connection/busy-retry.ts";
import type { ReaderJob, ReaderResult } from "./reader-protocol.ts";

/** A job and where its result goes. */
interface Request {
  readonly job: ReaderJob;
  resolve(result: ReaderResult): void;
  reject(error: StoreError): void;
}

/** A call that is not answered yet, or was. */
export interface WaitingCall {
  readonly job: ReaderJob;
  /** Where its statements are noted. */
  readonly statements: StatementLog | undefined;
  readonly isOver: boolean;
  /** Runs once if the call ends by its deadline or its cancellation. */
  onOver: (() => void) | undefined;
  /** Answers the call, if nothing has. */
  resolve(result: ReaderResult): void;
  fail(error: StoreError): void;
}

/** Node's timers can wait no longer. */
const TIMER_MAX_MS = 2 ** 31 - 1;

/** A call under its limits; `timeoutMs` is its time if it has no deadline. */
export function createWaitingCall(
  { job, resolve, reject }: Request,
  limits: CallLimits,
  timeoutMs: number,
): WaitingCall {
  const { signal, deadlineMs, statements } = limits;
  let isOver = false;
  let timer: NodeJS.Timeout | undefined;

  function settle(): boolean {
    if (isOver) return false;
    isOver = true;
    clearTimeout(timer);
    signal?.removeEventListener("abort", onAbort);
    return true;
  }
  function endWith(error: StoreError): void {
    if (!settle()) return;
    reject(error);
    call.onOver?.();
  }
  const onAbort = () => endWith(endReason(limits) ?? deadlineExceeded());

  const call: WaitingCall = {
    job,
    statements,
    get isOver() {
      return isOver;
    },
    onOver: undefined,
    resolve(result) {
      if (settle()) resolve(result);
    },
    fail(error) {
      if (settle()) reject(error);
    },
  };
  const reason = endReason(limits);
  if (reason) {
    endWith(reason);
    return call;
  }
  const [restMs, late] =
    deadlineMs === undefined
      ? ([timeoutMs, () => tookTooLong(timeoutMs)] as const)
      : ([deadlineMs - Date.now(), deadlineExceeded] as const);
  if (restMs <= TIMER_MAX_MS) timer = setTimeout(() => endWith(late()), restMs);
  signal?.addEventListener("abort", onAbort);
  return call;
}

function tookTooLong(timeoutMs: number): StoreError {
  const message = `the read took longer than the ${timeoutMs} ms that one without a deadline may take`;
  return new StoreError("DEADLINE_EXCEEDED", message);
}
