// The one place where an error of ours becomes a gRPC status.
// Decides nothing else: what a client may be told is in the StoreError already.

import { status } from "@grpc/grpc-js";
import type { ErrorCode, StoreError } from "../errors.ts";
import { clipText, encodeStatus } from "./error-details.ts";

/** The gRPC status of each error code. */
export const STATUS_BY_CODE: Readonly<Record<ErrorCode, status>> = {
  INVALID_FIELD: status.INVALID_ARGUMENT,
  RESOURCE_NOT_FOUND: status.NOT_FOUND,
  RESOURCE_EXISTS: status.ALREADY_EXISTS,
  UNIQUE_VIOLATION: status.ALREADY_EXISTS,
  FOREIGN_KEY: status.FAILED_PRECONDITION,
  ETAG_MISMATCH: status.ABORTED,
  CONSTRAINT_VIOLATION: status.INVALID_ARGUMENT,
  WRITE_REFUSED: status.FAILED_PRECONDITION,
  SUM_TOO_LARGE: status.OUT_OF_RANGE,
  UNAUTHENTICATED: status.UNAUTHENTICATED,
  PERMISSION_DENIED: status.PERMISSION_DENIED,
  DEADLINE_EXCEEDED: status.DEADLINE_EXCEEDED,
  CANCELLED: status.CANCELLED,
  DATABASE_BUSY: status.UNAVAILABLE,
  DATABASE_UNAVAILABLE: status.UNAVAILABLE,
  DATABASE_REPLACED: status.UNAVAILABLE,
  DATABASE_CORRUPT: status.DATA_LOSS,
  DISK_FULL: status.RESOURCE_EXHAUSTED,
  OUT_OF_MEMORY: status.RESOURCE_EXHAUSTED,
  OVERLOADED: status.RESOURCE_EXHAUSTED,
  KEYS_UNAVAILABLE: status.UNAVAILABLE,
  READ_ONLY_MODE: status.FAILED_PRECONDITION,
  READ_ONLY_MEDIA: status.FAILED_PRECONDITION,
  ROW_UNREADABLE: status.DATA_LOSS,
  ROW_TOO_LARGE: status.RESOURCE_EXHAUSTED,
  ANSWER_TOO_LARGE: status.RESOURCE_EXHAUSTED,
  REQUEST_TOO_LARGE: status.RESOURCE_EXHAUSTED,
  SCHEMA_MISMATCH: status.UNAVAILABLE,
  IDS_EXHAUSTED: status.RESOURCE_EXHAUSTED,
  BACKUP_RUNNING: status.UNAVAILABLE,
  BACKUP_UNAVAILABLE: status.FAILED_PRECONDITION,
  NOT_SUPPORTED: status.UNIMPLEMENTED,
  INTERNAL: status.INTERNAL,
  INVALID_CONFIG: status.INTERNAL,
  INVALID_PLAN: status.INTERNAL,
  SCHEMA_INCOMPATIBLE: status.INTERNAL,
  UNMANAGED_DATABASE: status.INTERNAL,
  NOT_ADOPTABLE: status.INTERNAL,
  NOT_COPYABLE: status.INTERNAL,
  MIGRATION_DIRTY: status.INTERNAL,
  MIGRATION_EDITED: status.INTERNAL,
  MIGRATION_MISSING: status.INTERNAL,
  MIGRATION_INVALID: status.INTERNAL,
  MIGRATION_FAILED: status.INTERNAL,
  MIGRATION_LOCKED: status.INTERNAL,
  VERIFY_FAILED: status.INTERNAL,
  BACKUP_INVALID: status.INTERNAL,
  BACKUP_KEY_MISSING: status.INTERNAL,
  BACKUP_KEY_WRONG: status.INTERNAL,
  DATABASE_IN_USE: status.INTERNAL,
};

/** The name of the status that a call ends with. */
export function statusName(error: StoreError | undefined): string {
  const code = error ? STATUS_BY_CODE[error.code] : status.OK;
  return status[code] ?? String(code);
}

/** How a call ends that fails. */
export interface CallStatus {
  readonly code: status;
  readonly message: string;
  /** A `google.rpc.Status`, encoded. */
  readonly details: Uint8Array;
}

/** The metadata key under which `google.rpc.Status` travels. */
export const STATUS_DETAILS_KEY = "grpc-status-details-bin";

/** As much of a message as is sent; each of its bytes takes up to three in `grpc-message`. */
const MESSAGE_BYTES = 1_024;

/**
 * The status that a client is sent for `error`. One that is INTERNAL is not the client's to
 * understand: it gets no message and no details but `errorId`, by which the log can be searched.
 */
export function toCallStatus(error: StoreError, domain: string, errorId = ""): CallStatus {
  const code = STATUS_BY_CODE[error.code];
  const hidden = code === status.INTERNAL;
  const message = hidden ? "internal error" : clipText(error.message, MESSAGE_BYTES);
  const details = hidden ? { metadata: { error_id: errorId } } : error.details;
  return { code, message, details: encodeStatus(code, message, error.code, details, domain) };
}
