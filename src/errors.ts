// The one error class of the project and the codes it carries.
// Knows nothing of gRPC: the edge (grpc/error-status.ts) maps each code to a status.

/** What went wrong, in the form that `google.rpc.ErrorInfo.reason` asks for. */
export type ErrorCode =
  // The caller's request.
  | "INVALID_FIELD"
  | "RESOURCE_NOT_FOUND"
  | "RESOURCE_EXISTS"
  | "UNIQUE_VIOLATION"
  | "FOREIGN_KEY"
  | "ETAG_MISMATCH"
  | "CONSTRAINT_VIOLATION"
  | "WRITE_REFUSED"
  | "SUM_TOO_LARGE"
  | "UNAUTHENTICATED"
  | "PERMISSION_DENIED"
  | "DEADLINE_EXCEEDED"
  | "CANCELLED"
  // The state of the database or the server.
  | "DATABASE_BUSY"
  | "DATABASE_UNAVAILABLE"
  | "DATABASE_REPLACED"
  | "DATABASE_CORRUPT"
  | "DISK_FULL"
  | "OUT_OF_MEMORY"
  | "OVERLOADED"
  | "KEYS_UNAVAILABLE"
  | "READ_ONLY_MODE"
  | "READ_ONLY_MEDIA"
  | "ROW_UNREADABLE"
  | "ROW_TOO_LARGE"
  | "ANSWER_TOO_LARGE"
  | "REQUEST_TOO_LARGE"
  | "SCHEMA_MISMATCH"
  | "IDS_EXHAUSTED"
  | "BACKUP_RUNNING"
  | "BACKUP_UNAVAILABLE"
  | "NOT_SUPPORTED"
  | "INTERNAL"
  // The operator: what stops a boot, a migration, an adoption, a restore or a copy.
  | "INVALID_CONFIG"
  | "INVALID_PLAN"
  | "SCHEMA_INCOMPATIBLE"
  | "UNMANAGED_DATABASE"
  | "NOT_ADOPTABLE"
  | "NOT_COPYABLE"
  | "MIGRATION_DIRTY"
  | "MIGRATION_EDITED"
  | "MIGRATION_MISSING"
  | "MIGRATION_INVALID"
  | "MIGRATION_FAILED"
  | "MIGRATION_LOCKED"
  | "VERIFY_FAILED"
  | "BACKUP_INVALID"
  | "BACKUP_KEY_MISSING"
  | "BACKUP_KEY_WRONG"
  | "DATABASE_IN_USE";

/** One field of a request that is not as it must be; `field` is a path such as `track.unit_price`. */
export interface FieldViolation {
  readonly field: string;
  readonly description: string;
}

/** A condition that the system is not in; `subject` is the resource it is about. */
export interface Precondition {
  readonly type: string;
  readonly subject: string;
  readonly description: string;
}

/** A resource by its type (`library.example.com/Book`) and name (`books/7`). */
export interface ResourceIdentity {
  readonly type: string;
  readonly name: string;
}

/** Everything about an error that a client may be told. */
export interface ErrorDetails {
  readonly fields?: readonly FieldViolation[];
  readonly preconditions?: readonly Precondition[];
  readonly resource?: ResourceIdentity;
  /** How long the client should wait before it tries again, in milliseconds. */
  readonly retryDelayMs?: number;
  readonly metadata?: Readonly<Record<string, string>>;
  /** Which limit refused, if nobody has counted that yet; it is not sent. */
  readonly limit?: "readQueueMax" | "commitQueueMax" | "commitQueueBytes";
  /** What caused it; it is logged and never sent. */
  readonly cause?: unknown;
}

/** An error whose message and details are safe to show to whoever asked. */
export class StoreError extends Error {
  readonly code: ErrorCode;
  readonly details: ErrorDetails;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = "StoreError";
    this.code = code;
    this.details = details;
  }
}

/** A request whose `field` is not as it must be. */
export function invalidField(field: string, description: string): StoreError {
  return new StoreError("INVALID_FIELD", `${field}: ${description}`, {
    fields: [{ field, description }],
  });
}

/** Refuses a request if there are such fields. @throws StoreError INVALID_FIELD, naming the first. */
export function refuseFields(violations: readonly FieldViolation[]): void {
  const [first] = violations;
  if (!first) return;
  throw new StoreError("INVALID_FIELD", `${first.field}: ${first.description}`, {
    fields: violations,
  });
}

/** A request that names a resource that does not exist. */
export function notFound(resource: ResourceIdentity): StoreError {
  return new StoreError("RESOURCE_NOT_FOUND", `${resource.name} does not exist`, { resource });
}
