// The lock that lets one process at a time migrate a database, and the waiting that goes with it.
// Must not touch the database itself: the lock is on a small file beside it.

import { existsSync, realpathSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { StoreError } from "../../../errors.ts";
import { meansBusy, retryWhileBusy } from "../connection/busy-retry.ts";
import { type Connection, openConnection } from "../connection/connection.ts";

/**
 * Runs `action` while no other process migrates `database`. The operating system releases the lock
 * if this process dies. The lock file, `<database>-migrate`, stays: to remove it would be a race.
 * @throws StoreError MIGRATION_LOCKED if others hold the lock for longer than `lockTimeoutMs`.
 */
export async function withMigrationLock<T>(
  database: string,
  lockTimeoutMs: number,
  action: () => Promise<T>,
): Promise<T> {
  const lock = await waitForOthers(lockTimeoutMs, `another process is migrating ${database}`, () =>
    openLock(`${realPath(database)}-migrate`),
  );
  try {
    return await action();
  } finally {
    lock.close();
  }
}

/**
 * Calls `attempt` again, without blocking the thread, as long as SQLite answers that it is busy.
 * @throws StoreError MIGRATION_LOCKED with `reason` once `timeoutMs` have passed.
 */
export async function waitForOthers<T>(
  timeoutMs: number,
  reason: string,
  attempt: () => T,
): Promise<T> {
  try {
    return await retryWhileBusy(attempt, timeoutMs);
  } catch (error) {
    if (!meansBusy(error)) throw error;
    throw new StoreError("MIGRATION_LOCKED", `${reason}; gave up after ${timeoutMs} ms`, {
      cause: error,
    });
  }
}

/** Locks a file that is nothing but a lock, at once or not at all. */
export function openLock(path: string): Connection {
  const lock = openConnection(path, { create: true, busyTimeoutMs: 0 });
  try {
    lock.exec("BEGIN EXCLUSIVE");
    return lock;
  } catch (error) {
    lock.close();
    throw error;
  }
}

/** The same path for one file whatever links lead to it, so that all its users share one lock. */
function realPath(path: string): string {
  return existsSync(path) ? realpathSync(path) : join(realpathSync(dirname(path)), basename(path));
}
