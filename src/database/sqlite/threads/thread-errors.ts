// Carries StoreErrors from one thread to another: a class does not survive the way, plain values do.
// Must not decide what an error means.

import { type ErrorCode, type ErrorDetails, StoreError } from "../../../errors.ts";
import { translateSqliteError } from "../connection/connection.ts";

/** A StoreError in values that can be sent to another thread. */
export interface PlainError {
  readonly code: ErrorCode;
  readonly message: string;
  readonly details: Omit<ErrorDetails, "cause">;
  /** What the log needs to know of the cause. */
  readonly cause?: PlainCause;
}

interface PlainCause {
  readonly name: string;
  readonly message: string;
  readonly stack: string;
  /** For example SQLITE_IOERR_READ. */
  readonly code?: string;
}

/** The error to send; what is no StoreError is translated first. */
export function toPlainError(error: unknown): PlainError {
  const { code, message, details } = translateSqliteError(error);
  const { cause, ...rest } = details;
  return { code, message, details: rest, ...(cause !== undefined && { cause: plainCause(cause) }) };
}

/** The error that was sent. */
export function fromPlainError({ code, message, details, cause }: PlainError): StoreError {
  return new StoreError(code, message, {
    ...details,
    ...(cause && { cause: Object.assign(new Error(cause.message), cause) }),
  });
}

function plainCause(cause: unknown): PlainCause {
  if (!(cause instanceof Error)) return { name: "Error", message: String(cause), stack: "" };
  const { name, message, stack = "" } = cause;
  const { code } = cause as { code?: unknown };
  return { name, message, stack, ...(typeof code === "string" && { code }) };
}
