// One call that waits to be read for: answered once, by its result, its deadline or its cancellation.
// Must not know who reads.

import { StoreError } from "../errors.ts";
import type { StatementLog } from "../observe/statement-run.ts";
import { deadlineExceeded, endReason } from "./call-end.ts";
import type { CallLimits } from "./database.ts";

/** A job and where its result goes. */
interface Request<Job, Result> {
  readonly job: Job;
  resolve(result: Result): void;
  reject(error: StoreError): void;
}

/** A call that is not answered yet, or was. */
export interface WaitingCall<Job, Result> {
  readonly job: Job;
  /** Where its statements are noted. */
  readonly statements: StatementLog | undefined;
  readonly isOver: boolean;
  /** Runs once if the call ends by its deadline or its cancellation. */
  onOver: (() => void) | undefined;
  /** Answers the call, if nothing has. */
  resolve(result: Result): void;
  fail(error: StoreError): void;
}

/** Node's timers can wait no longer. */
const TIMER_MAX_MS = 2 ** 31 - 1;

/** A call under its limits; `timeoutMs` is its time if it has no deadline. */
export function createWaitingCall<Job, Result>(
  { job, resolve, reject }: Request<Job, Result>,
  limits: CallLimits,
  timeoutMs: number,
): WaitingCall<Job, Result> {
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

  const call: WaitingCall<Job, Result> = {
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
