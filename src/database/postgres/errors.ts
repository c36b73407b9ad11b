// What PostgreSQL and its connections fail with → our own errors. The original is kept as the cause; the
// message has no SQL, table or address.

import { StoreError } from "../../errors.ts";
import { BUSY_RETRY_DELAY_MS } from "../call-end.ts";
import { ConstraintError } from "../sql/steps.ts";

/** An error that the server has answered with. */
interface ServerError extends Error {
  /** SQLSTATE: https://www.postgresql.org/docs/current/errcodes-appendix.html */
  readonly code: string;
  readonly constraint?: string;
  readonly detail?: string;
  /** Where in the statement, in characters from 1. */
  readonly position?: string;
}

/** True for an error that the server has answered with: the connection is still there. */
export function isServerError(error: unknown): error is ServerError {
  return (
    error instanceof Error &&
    "severity" in error &&
    "code" in error &&
    !endsSession(`${error.code}`)
  );
}

/** The server ends the session with these, or does not begin one. */
function endsSession(code: string): boolean {
  return SESSION_ENDS.has(code);
}

const SESSION_ENDS: ReadonlySet<string> = new Set([
  "25P03",
  "25P04",
  "57P01",
  "57P02",
  "57P03",
  "57P05",
]);

/** A commit that its server has, and that no standby may have yet: it was kept from waiting for one. */
export class UnreplicatedCommit extends Error {
  constructor() {
    super("the commit has not reached a standby");
  }
}

/** What has become of a commit is not known: its answer has not come, or tells less than it should. */
export class OpenCommit extends Error {
  constructor(cause: unknown) {
    super("the outcome of a commit is not known", { cause });
  }
}

/** True if the connection is gone, or was never there: what has no answer may be asked on another. */
export function isLost(error: unknown): boolean {
  if (error instanceof StoreError || error instanceof ConstraintError) return false;
  return !isServerError(error) && lostConnection(error).code === "DATABASE_UNAVAILABLE";
}

/** True for a server that can be read and not be written: it is a standby, or about to be one. */
export function isReadOnlyServer(error: unknown): boolean {
  return isServerError(error) && error.code === "25006";
}

/** True for a server that has no room for another connection. */
export function isFull(error: unknown): boolean {
  return isServerError(error) && error.code === "53300";
}

/** What is wrong with the rows of a statement: their values, a constraint, their size, a trigger. */
const REFUSALS = /^(?:22|23|54|P0)/;

/** What steps know a refusal by; any other error is as it was. */
export function toStepError(error: unknown): unknown {
  if (!isServerError(error) || !REFUSALS.test(error.code)) return error;
  if (error.code === "23503") return new ConstraintError("foreignKey", error);
  if (error.code !== "23505") return new ConstraintError("other", error);
  const isPrimaryKey = error.constraint?.endsWith("_pkey") === true;
  return new ConstraintError(isPrimaryKey ? "primaryKey" : "unique", error);
}

/** The StoreError for whatever a statement or a connection has failed with. */
export function translatePostgresError(error: unknown): StoreError {
  if (error instanceof StoreError) return error;
  if (error instanceof ConstraintError || error instanceof OpenCommit) {
    return translatePostgresError(error.cause);
  }
  if (error instanceof UnreplicatedCommit) {
    return new StoreError("DATABASE_UNAVAILABLE", error.message, { cause: error });
  }
  if (!isServerError(error)) return lostConnection(error);
  const found = TRANSLATIONS.find(([prefix]) => codeOf(error).startsWith(prefix));
  if (!found) return new StoreError("INTERNAL", "internal error", { cause: error });
  const [, code, message] = found;
  const retry = code === "DATABASE_BUSY" ? { retryDelayMs: BUSY_RETRY_DELAY_MS } : {};
  return new StoreError(code, message, { cause: error, ...retry });
}

/** The same with what the server or the system has said, which has names and addresses: for who starts it. */
export function explainPostgresError(error: unknown): StoreError {
  const translated = translatePostgresError(error);
  const { code, message, cause } = translated;
  if (!(cause instanceof Error) || code !== "DATABASE_UNAVAILABLE") return translated;
  const reason = cause.message || ("code" in cause ? String(cause.code) : cause.name);
  return new StoreError(code, `${message}: ${reason}`, { cause });
}

/** What the check of a column with JSON refuses is refused elsewhere by PostgreSQL itself. */
function codeOf({ code, constraint }: ServerError): string {
  return code === "23514" && constraint?.endsWith("_data_check") ? "22P05" : code;
}

/** True if nothing of the transaction has happened, and it may go well when it is tried again. */
export function isInTheWay(error: unknown): boolean {
  return isServerError(error) && (error.code.startsWith("40") || error.code === "55P03");
}

function lostConnection(cause: unknown): StoreError {
  const isConnection =
    cause instanceof Error &&
    ("code" in cause ||
      /^Connection |^Client (?:was closed|has encountered)|^timeout expired/.test(cause.message));
  return isConnection
    ? new StoreError("DATABASE_UNAVAILABLE", "the database cannot be reached", { cause })
    : new StoreError("INTERNAL", "internal error", { cause });
}

const TRANSLATIONS = [
  ["23503", "FOREIGN_KEY", "a reference would point to nothing"],
  ["23505", "UNIQUE_VIOLATION", "another row has the same value"],
  ["23", "CONSTRAINT_VIOLATION", "a constraint of the table does not hold"],
  ["22021", "CONSTRAINT_VIOLATION", "PostgreSQL has no texts with the character U+0000"],
  ["22P05", "CONSTRAINT_VIOLATION", "PostgreSQL has no texts with the character U+0000"],
  ["25006", "READ_ONLY_MEDIA", "the database is read-only"],
  ["28", "DATABASE_UNAVAILABLE", "the database does not let the server in"],
  ["3D000", "DATABASE_UNAVAILABLE", "there is no such database"],
  ["40", "DATABASE_BUSY", "another transaction was in the way"],
  ["42501", "DATABASE_UNAVAILABLE", "the database does not allow it"],
  ["42", "SCHEMA_MISMATCH", "the database does not have the schema that is needed"],
  ["53100", "DISK_FULL", "the database's disk is full"],
  ["53200", "OUT_OF_MEMORY", "the database is out of memory"],
  ["53", "DATABASE_BUSY", "the database has no room for another connection"],
  ["54", "ROW_TOO_LARGE", "the row is too large for the database"],
  ["55P03", "DATABASE_BUSY", "the database is busy"],
  ["57014", "DEADLINE_EXCEEDED", "the deadline has passed"],
  ["57", "DATABASE_UNAVAILABLE", "the database is shutting down"],
  ["P0001", "WRITE_REFUSED", "a trigger of the database refuses it"],
  ["XX001", "DATABASE_CORRUPT", "the database is damaged"],
  ["XX002", "DATABASE_CORRUPT", "the database is damaged"],
] as const;
