// A PostgreSQL database while it is migrated: one connection, the lock that lets one program at a time migrate
// it, transactions. Knows nothing of migrations or versions.

import { setTimeout as sleep } from "node:timers/promises";
import { crc32 } from "node:zlib";
import { StoreError } from "../../../errors.ts";
import { DEFAULT_LIMITS } from "../../../limits.ts";
import { createConnector } from "../connector.ts";
import { explainPostgresError, isServerError, translatePostgresError } from "../errors.ts";
import type { Session } from "../session.ts";
import { withoutPassword } from "../url.ts";

/** A database that is being migrated. */
export interface Target {
  readonly session: Session;
  /** Its address as it may be shown, for messages. */
  readonly database: string;
  /**
   * Runs `body` in one transaction; again if its locks were in the way of others'.
   * @throws StoreError MIGRATION_LOCKED, or what `body` throws; then nothing is changed
   */
  inTransaction<T>(body: () => Promise<T>, ending?: Ending): Promise<T>;
}

/** What becomes of a transaction that went well: a trial is taken back. */
type Ending = "commit" | "rollback";

const LOCK_NOT_AVAILABLE = "55P03";
const DEADLOCK_DETECTED = "40P01";

/** Runs `action` with a connection. @throws StoreError that says why there is none, or what `action` throws */
export async function withSession<T>(
  url: string,
  action: (session: Session) => Promise<T>,
  lockTimeoutMs?: number,
): Promise<T> {
  const waiting = lockTimeoutMs === undefined ? {} : { lockTimeoutMs: atLeastOne(lockTimeoutMs) };
  const session = await createConnector(
    url,
    DEFAULT_LIMITS,
  )(waiting).catch((error: unknown) => {
    throw explainPostgresError(error);
  });
  try {
    return await action(session);
  } catch (error) {
    throw nameDatabase(withoutPassword(url), error);
  } finally {
    await session.close();
  }
}

/** To PostgreSQL, 0 would be for ever. */
function atLeastOne(timeoutMs: number): number {
  return Math.max(1, timeoutMs);
}

/**
 * Runs `action` with a connection while nobody else migrates the database: neither another process of ours nor
 * golang-migrate's command, whose lock it is. The server releases it if this process dies.
 * @throws StoreError MIGRATION_LOCKED if others hold it for longer than `lockTimeoutMs`, or what `action` throws
 */
export async function withDatabase<T>(
  url: string,
  lockTimeoutMs: number,
  action: (target: Target) => Promise<T>,
): Promise<T> {
  const database = withoutPassword(url);
  return await withSession(
    url,
    async (session) => {
      const key = await readLockKey(session);
      if (!(await takeLock(session, key, lockTimeoutMs))) {
        throw lockedError(`another process is migrating ${database}`, lockTimeoutMs);
      }
      try {
        return await action(toTarget(session, database, lockTimeoutMs));
      } finally {
        await unlessLost(() =>
          session.all({ sql: "SELECT pg_advisory_unlock(?::bigint)", parameters: [key] }),
        );
      }
    },
    lockTimeoutMs,
  );
}

/** How long to wait before the lock is asked for again, in milliseconds. */
const LOCK_RETRY_MS = 25;

/**
 * True once it is ours. No statement waits for it: that would hold a snapshot, which CREATE INDEX CONCURRENTLY
 * of whoever has the lock waits for.
 */
async function takeLock(session: Session, key: bigint, timeoutMs: number): Promise<boolean> {
  const giveUpMs = performance.now() + timeoutMs;
  for (;;) {
    const [[isTaken] = []] = await session.all({
      sql: "SELECT pg_try_advisory_lock(?::bigint)",
      parameters: [key],
    });
    if (isTaken === 1n) return true;
    if (performance.now() >= giveUpMs) return false;
    await sleep(LOCK_RETRY_MS);
  }
}

/** What golang-migrate's command multiplies the checksum of the names by. */
const LOCK_KEY_FACTOR = 1_486_364_155n;

/** The number of the lock that golang-migrate's command takes. */
async function readLockKey(session: Session): Promise<bigint> {
  const [[schema, database] = []] = await session.all({
    sql: "SELECT current_schema(), current_database()",
    parameters: [],
  });
  // It has the name of the database from the path of the address, with the slash.
  const names = [schema ?? "", "schema_migrations", `/${database}`].join("\0");
  return BigInt.asUintN(32, BigInt(crc32(names)) * LOCK_KEY_FACTOR);
}

function toTarget(session: Session, database: string, lockTimeoutMs: number): Target {
  async function attempt<T>(body: () => Promise<T>, ending: Ending): Promise<T> {
    await session.script("BEGIN ISOLATION LEVEL READ COMMITTED");
    try {
      const result = await body();
      await (ending === "commit" ? session.commit() : rollBack(session));
      return result;
    } catch (error) {
      await rollBack(session);
      throw error;
    }
  }

  return {
    session,
    database,
    async inTransaction(body, ending = "commit") {
      const giveUpMs = performance.now() + lockTimeoutMs;
      for (;;) {
        try {
          return await attempt(body, ending);
        } catch (error) {
          // Servers go on writing: the order in which they lock tables is not that of the file.
          if (hasCode(error, DEADLOCK_DETECTED) && performance.now() < giveUpMs) continue;
          if (!isBusy(error)) throw error;
          throw lockedError(`another process is using ${database}`, lockTimeoutMs, error);
        }
      }
    },
  };
}

/** Ends the open transaction, if there is one. */
export async function rollBack(session: Session): Promise<void> {
  if (session.inTransaction) await unlessLost(() => session.script("ROLLBACK"));
}

/** Does what the server has done by itself if the connection is lost, which is noticed only by trying. */
export async function unlessLost(action: () => Promise<unknown>): Promise<void> {
  try {
    await action();
  } catch (error) {
    if (error instanceof StoreError || isServerError(error)) throw error;
  }
}

/** True for what the server answers to who has waited too long for others, or would wait for ever. */
export function isBusy(error: unknown): boolean {
  return hasCode(error, LOCK_NOT_AVAILABLE) || hasCode(error, DEADLOCK_DETECTED);
}

function hasCode(error: unknown, code: string): boolean {
  return isServerError(error) && error.code === code;
}

function lockedError(reason: string, timeoutMs: number, cause?: unknown): StoreError {
  const message = `${reason}; gave up after ${timeoutMs} ms`;
  return new StoreError("MIGRATION_LOCKED", message, { cause });
}

/** The StoreError for `error`, with the address and what the server says: for operators only. */
function nameDatabase(database: string, error: unknown): StoreError {
  if (!isServerError(error)) return explainPostgresError(error);
  const { code } = translatePostgresError(error);
  return new StoreError(code, `${database}: ${error.message}`, { cause: error });
}
