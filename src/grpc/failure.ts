// Turns whatever a handler threw into the status that its caller gets, and logs what it must not.
// Must never throw: it is what stands between a handler's mistake and the process.

import { randomUUID } from "node:crypto";
import { inspect } from "node:util";
import { status } from "@grpc/grpc-js";
import { StoreError } from "../errors.ts";
import type { Log } from "../observe/log.ts";
import { type CallStatus, STATUS_BY_CODE, toCallStatus } from "./error-status.ts";
import type { CountRefusal } from "./refusal-counts.ts";
import type { RetryPace } from "./retry-pace.ts";

/** Where failures are told. */
export interface FailureOptions {
  readonly log: Log;
  /** Whose the reasons in `ErrorInfo` are. */
  readonly errorDomain: string;
  /** Told of those that are refused for want of room. */
  readonly pace?: RetryPace | undefined;
  /** Counts those refusals that nobody has counted. */
  readonly countRefusal?: CountRefusal | undefined;
}

/** The errors that an operator must hear of, whoever caused them. */
const LOGGED = [status.INTERNAL, status.DATA_LOSS, status.RESOURCE_EXHAUSTED];

/**
 * The status for `thrown`, which a handler of `method` threw or rejected with. What is not a
 * StoreError is INTERNAL; the log gets its text and stack, the client only an id to find them by.
 */
export function failureStatus(thrown: unknown, method: string, to: FailureOptions): CallStatus {
  const { log, errorDomain } = to;
  const error = paced(toStoreError(thrown), to);
  const errorId = randomUUID();
  // Of many calls that are refused because they are many, no line each.
  if (LOGGED.includes(STATUS_BY_CODE[error.code]) && error.code !== "OVERLOADED") {
    const { code, message, details } = error;
    logSafely(log, { errorId, method, code, message }, details.cause ?? error);
  }
  return toCallStatus(error, errorDomain, errorId);
}

function paced(error: StoreError, { pace, countRefusal }: FailureOptions): StoreError {
  if (error.code !== "OVERLOADED") return error;
  const { limit, retryDelayMs } = error.details;
  if (limit) countRefusal?.(limit);
  const factor = pace?.refuse(performance.now()) ?? 1;
  if (factor === 1 || retryDelayMs === undefined) return error;
  const details = { ...error.details, retryDelayMs: Math.round(retryDelayMs * factor) };
  return new StoreError(error.code, error.message, details);
}

/** Logs an error that no client can be told of any more. */
export function logLateFailure(thrown: unknown, method: string, log: Log): void {
  logSafely(log, { method }, thrown);
}

/** What was thrown, as an error with a code. */
export function toStoreError(thrown: unknown): StoreError {
  try {
    if (thrown instanceof StoreError) return thrown;
  } catch {
    // A proxy may throw even here.
  }
  return new StoreError("INTERNAL", "internal error", { cause: thrown ?? String(thrown) });
}

function logSafely(log: Log, fields: object, thrown: unknown): void {
  try {
    const err = thrown instanceof Error ? thrown : new Error(`not an Error: ${inspect(thrown)}`);
    log.error({ ...fields, err }, "a call failed");
  } catch {
    log.error(fields, "a call failed with an error that cannot be printed");
  }
}
