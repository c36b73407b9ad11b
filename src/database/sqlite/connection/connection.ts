// Opens SQLite connections with the settings that every one of them needs.
// Must not know tables or messages.

import { chmodSync, closeSync, mkdirSync, openSync } from "node:fs";
import { dirname } from "node:path";
import Database from "better-sqlite3";
import { StoreError } from "../../../errors.ts";
import type { SqlValue } from "../../../schema/sql-value.ts";
import { BUSY_RETRY_DELAY_MS } from "../../call-end.ts";
import { CONTINUE_FUNCTION } from "../../sql/interrupt.ts";
import { UTF8_FUNCTION } from "../dialect/text.ts";
import { immutableName, mustBeImmutable } from "./media.ts";

/** Lets SQLite take URIs, which is said once, before the first connection of the process. */
process.env.SQLITE_USE_URI = "1";

/** The pages that a connection which only reads keeps; the library's default is 16 MiB. */
const READ_CACHE_KIB = 2_048;

/** A connection; integers are read as bigint. */
export type Connection = Database.Database;

export interface ConnectionOptions {
  readonly readOnly?: boolean;
  /** Creates the file, readable by its owner only, if there is none. */
  readonly create?: boolean;
  /** How long SQLite blocks the thread for a lock, in milliseconds. */
  readonly busyTimeoutMs: number;
  /** Whether the file is taken for one that nobody changes; if absent, where it cannot be otherwise. */
  readonly immutable?: boolean | undefined;
}

/**
 * Opens the database at `path`.
 * @throws StoreError DATABASE_UNAVAILABLE if it is absent or no database can be opened there,
 * READ_ONLY_MEDIA if it cannot be read where nothing can be written.
 */
export function openConnection(path: string, options: ConnectionOptions): Connection {
  try {
    if (options.create) createPrivateFile(path);
    const { immutable = options.readOnly === true && mustBeImmutable(path) } = options;
    const connection = new Database(immutable ? immutableName(path) : path, {
      readonly: options.readOnly ?? false,
      fileMustExist: true,
      timeout: options.busyTimeoutMs,
    });
    connection.defaultSafeIntegers(true);
    connection.pragma("foreign_keys = ON");
    connection.pragma("trusted_schema = OFF");
    connection.pragma("cell_size_check = ON");
    connection.pragma("mmap_size = 0");
    connection.function(UTF8_FUNCTION, UTF8_OPTIONS, toUtf8);
    checkWhileReading(connection, () => {});
    // Pages are read once and sent; only who writes comes back to the same ones.
    if (options.readOnly) connection.pragma(`cache_size = -${READ_CACHE_KIB}`);
    return connection;
  } catch (error) {
    throw translateSqliteError(error);
  }
}

/** For statements alone: a schema that named it could be used by no other program. */
const UTF8_OPTIONS = { deterministic: true, directOnly: true };

/** The bytes by which texts compare as their code points do, where the file has them in UTF-16. */
function toUtf8(text: unknown): Uint8Array | null {
  return typeof text === "string" ? Buffer.from(text) : null;
}

/** Lets `check` end the statements that look at many rows: what it throws is what they fail with. */
export function checkWhileReading(connection: Connection, check: () => void): void {
  connection.function(CONTINUE_FUNCTION, { directOnly: true }, () => {
    check();
    return 1;
  });
}

/** The value of a pragma that answers with one row and one column. */
export function readPragma(connection: Connection, pragma: string): SqlValue {
  return connection.pragma(pragma, { simple: true }) as SqlValue;
}

/** True for an error that SQLite raised; its extended code is in `code`. */
export function isSqliteError(error: unknown): error is InstanceType<typeof Database.SqliteError> {
  return error instanceof Database.SqliteError;
}

/** The extended code of an error that SQLite raised, such as SQLITE_BUSY; `other` for any other error. */
export function sqliteCode(error: unknown): string {
  return isSqliteError(error) ? error.code : "other";
}

/** True if SQLite gave up waiting for a lock: the statement may succeed later. */
export function isBusy(error: unknown): boolean {
  return isSqliteError(error) && /^SQLITE_(BUSY|LOCKED)/.test(error.code);
}

/** True if a constraint, or a trigger that raises an error, refused a statement. */
export function isConstraintError(
  error: unknown,
): error is InstanceType<typeof Database.SqliteError> {
  return isSqliteError(error) && error.code.startsWith("SQLITE_CONSTRAINT");
}

/**
 * The StoreError for whatever a connection threw. The original is kept as its cause; the message
 * has no SQL, table or path. Constraint errors that the caller understands better are its own to
 * translate first.
 */
export function translateSqliteError(error: unknown): StoreError {
  if (error instanceof StoreError) return error;
  if (!isSqliteError(error)) {
    return error instanceof TypeError && error.message === "The database connection is not open"
      ? new StoreError("DATABASE_UNAVAILABLE", "the database is closed", { cause: error })
      : new StoreError("INTERNAL", "internal error", { cause: error });
  }
  // Statements are made from the plans: what they do not find was there when the server started.
  if (MISSING.test(error.message)) return schemaMismatch(error);
  const found = TRANSLATIONS.find(([prefix]) => error.code.startsWith(prefix));
  if (!found) return new StoreError("INTERNAL", "internal error", { cause: error });
  const [, code, message] = found;
  const retry = code === "DATABASE_BUSY" ? { retryDelayMs: BUSY_RETRY_DELAY_MS } : {};
  return new StoreError(code, message, { cause: error, ...retry });
}

/** How SQLite says that a statement names what is not in the database. */
const MISSING =
  /\bno such (?:table|column|view|function|collation sequence)\b|\bhas no column named\b|\bbecause it is a view$/;

/** The error for a database whose tables are not those that the messages need. */
export function schemaMismatch(cause?: unknown): StoreError {
  const message = "the database does not have the schema that is needed";
  return new StoreError("SCHEMA_MISMATCH", message, { cause });
}

const TRANSLATIONS = [
  ["SQLITE_BUSY", "DATABASE_BUSY", "the database is busy"],
  ["SQLITE_LOCKED", "DATABASE_BUSY", "the database is busy"],
  ["SQLITE_FULL", "DISK_FULL", "the disk is full"],
  ["SQLITE_NOMEM", "OUT_OF_MEMORY", "the database is out of memory"],
  ["SQLITE_TOOBIG", "ROW_TOO_LARGE", "the row is too large for the database"],
  ["SQLITE_READONLY", "READ_ONLY_MEDIA", "the database's file is read-only"],
  ["SQLITE_CORRUPT", "DATABASE_CORRUPT", "the database is damaged"],
  ["SQLITE_NOTADB", "DATABASE_CORRUPT", "the file is not a database"],
  ["SQLITE_CANTOPEN", "DATABASE_UNAVAILABLE", "the database cannot be opened"],
  ["SQLITE_CONSTRAINT_UNIQUE", "UNIQUE_VIOLATION", "another row has the same value"],
  ["SQLITE_CONSTRAINT_PRIMARYKEY", "RESOURCE_EXISTS", "the row exists already"],
  ["SQLITE_CONSTRAINT_ROWID", "RESOURCE_EXISTS", "the row exists already"],
  ["SQLITE_CONSTRAINT_FOREIGNKEY", "FOREIGN_KEY", "a reference would point to nothing"],
  ["SQLITE_CONSTRAINT_TRIGGER", "WRITE_REFUSED", "a trigger of the database refuses it"],
  ["SQLITE_CONSTRAINT", "CONSTRAINT_VIOLATION", "a constraint of the table does not hold"],
] as const;

/** Creates `path` with mode 0600 and its folder with 0700, before SQLite would with wider ones. */
function createPrivateFile(path: string): void {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    closeSync(openSync(path, "wx", 0o600));
    chmodSync(path, 0o600);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return;
    throw new StoreError("DATABASE_UNAVAILABLE", "the database cannot be created", {
      cause: error,
    });
  }
}
