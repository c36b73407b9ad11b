// A database while it is migrated: how it is opened, locked and written to.
// Knows nothing of migrations or versions.

import { existsSync, rmSync, statSync } from "node:fs";
import { StoreError } from "../../../errors.ts";
import {
  type Connection,
  type ConnectionOptions,
  isBusy,
  isSqliteError,
  openConnection,
  readPragma,
  translateSqliteError,
} from "../connection/connection.ts";
import { readOnlyMedia, whyNotWritable } from "../connection/media.ts";
import { waitForOthers, withMigrationLock } from "./lock.ts";

/** A database that is being migrated. */
export interface Target {
  readonly connection: Connection;
  /** Its path, for messages. */
  readonly database: string;
  /** How long to wait for locks of other processes, in milliseconds. */
  readonly lockTimeoutMs: number;
}

/** How long SQLite itself blocks before the attempt is made again, in milliseconds. */
const BUSY_TIMEOUT_MS = 250;

/**
 * Refuses a database that cannot be written where it is, or made there.
 * @throws StoreError READ_ONLY_MEDIA, which says what to do with one that is there.
 */
export function requireWritable(path: string, todo?: string): void {
  const reason = whyNotWritable(path);
  if (reason === undefined) return;
  const advice = todo !== undefined && existsSync(path) ? `; ${todo}` : "";
  throw readOnlyMedia(`${path}: ${reason}${advice}`);
}

/** Creates the database if it is absent, readable by its owner only. */
export function createDatabase(database: string): void {
  openDatabase(database, { create: true }).close();
}

/** Removes a database of our own, with the files that SQLite may have put beside it. */
export function removeDatabase(path: string): void {
  for (const suffix of ["", "-wal", "-shm", "-journal"]) rmSync(path + suffix, { force: true });
}

/**
 * Makes sure, before anything is put beside it, that the file is there and is a database.
 * @throws StoreError DATABASE_UNAVAILABLE, DATABASE_CORRUPT
 */
export function requireDatabase(database: string): void {
  const file = statSync(database, { throwIfNoEntry: false });
  if (!file?.isFile()) {
    const what = file ? "is not a file" : "does not exist";
    throw new StoreError("DATABASE_UNAVAILABLE", `${database} ${what}`);
  }
  const connection = openForReading(database);
  try {
    readPragma(connection, "schema_version");
  } catch (error) {
    if (!isBusy(error)) throw nameDatabase(database, error);
  } finally {
    connection.close();
  }
}

/** Opens a connection. @throws StoreError whose message names the file. */
export function openDatabase(
  path: string,
  options: Omit<ConnectionOptions, "busyTimeoutMs"> = {},
): Connection {
  try {
    return openConnection(path, { ...options, busyTimeoutMs: BUSY_TIMEOUT_MS });
  } catch (error) {
    throw prefixWithPath(path, error);
  }
}

/** Opens a connection that is only read from, and that leaves the files as they are. */
export function openForReading(path: string): Connection {
  return openDatabase(path, { readOnly: leavesAsItIs(path) });
}

/** Whether it is a read-only connection that leaves the files at `path` as they are. */
export function leavesAsItIs(path: string): boolean {
  // A read-only connection would leave an empty log behind where there is none; one that may write
  // would write an existing log back into the database as it closes.
  return existsSync(`${path}-wal`) || whyNotWritable(path) !== undefined;
}

/**
 * Runs `action` with a connection while no other process migrates `database`, which must exist.
 * @throws StoreError MIGRATION_LOCKED, or what `action` throws.
 */
export async function withDatabase<T>(
  database: string,
  lockTimeoutMs: number,
  action: (target: Target) => Promise<T>,
): Promise<T> {
  requireDatabase(database);
  requireWritable(database);
  return await withMigrationLock(database, lockTimeoutMs, async () => {
    const connection = openDatabase(database);
    try {
      // A migration that was reported as done must survive a power cut.
      await waitForOthers(lockTimeoutMs, inUse(database), () =>
        connection.pragma("synchronous = FULL"),
      );
      return await action({ connection, database, lockTimeoutMs });
    } catch (error) {
      throw nameDatabase(database, error);
    } finally {
      // Before the lock is released: closing may write, and the next process would meet that.
      connection.close();
    }
  });
}

/**
 * Runs `body` in one `BEGIN IMMEDIATE` transaction; all of it again as long as SQLite is busy.
 * @throws StoreError MIGRATION_LOCKED, or what `body` throws; then nothing is changed.
 */
export async function inTransaction<T>(target: Target, body: () => T): Promise<T> {
  const { connection, database, lockTimeoutMs } = target;
  return await waitForOthers(lockTimeoutMs, inUse(database), () => {
    connection.exec("BEGIN IMMEDIATE");
    try {
      const result = body();
      connection.exec("COMMIT");
      return result;
    } catch (error) {
      rollBack(connection);
      throw error;
    }
  });
}

/** Ends the open transaction, if SQLite has not done so already. */
export function rollBack(connection: Connection): void {
  if (connection.inTransaction) connection.exec("ROLLBACK");
}

/** Gives the database a write-ahead log, which it then keeps. */
export async function useWriteAheadLog(target: Target): Promise<void> {
  const { connection, database, lockTimeoutMs } = target;
  const mode = await waitForOthers(lockTimeoutMs, inUse(database), () => {
    if (readPragma(connection, "journal_mode") === "wal") return "wal";
    return readPragma(connection, "journal_mode = WAL");
  });
  if (mode === "wal") return;
  throw new StoreError("DATABASE_UNAVAILABLE", `${database} cannot have a write-ahead log there`);
}

/**
 * Makes sure that a database which exists has a write-ahead log, before it is opened to be served.
 * @throws StoreError MIGRATION_LOCKED, DATABASE_UNAVAILABLE whose message names the file
 */
export async function requireWriteAheadLog(database: string, lockTimeoutMs: number): Promise<void> {
  const connection = openDatabase(database);
  try {
    await useWriteAheadLog({ connection, database, lockTimeoutMs });
  } catch (error) {
    throw nameDatabase(database, error);
  } finally {
    connection.close();
  }
}

/** What a wait for `database` says when it gives up. */
export function inUse(database: string): string {
  return `another process is using ${database}`;
}

/** If SQLite threw `error`, the StoreError for it, whose message names the file. */
export function nameDatabase(path: string, error: unknown): unknown {
  return isSqliteError(error) ? prefixWithPath(path, error) : error;
}

function prefixWithPath(path: string, error: unknown): StoreError {
  const { code, message } = translateSqliteError(error);
  return new StoreError(code, `${path}: ${message}`, { cause: error });
}
