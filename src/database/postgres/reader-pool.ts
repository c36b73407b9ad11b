// Reads snapshots on a few connections, each in one transaction that ends with the read. A read whose
// call is over is cancelled, and those that find no connection wait in a bounded queue.

import { StoreError } from "../../errors.ts";
import type { Limits } from "../../limits.ts";
import type { Log } from "../../observe/log.ts";
import { noteStatement } from "../../observe/statement-run.ts";
import type { Row } from "../../schema/sql-value.ts";
import { databaseClosed } from "../commit-queue.ts";
import type { CallLimits } from "../database.ts";
import type { Statement } from "../sql/statements.ts";
import { createWaitingCall, type WaitingCall } from "../waiting-call.ts";
import { isLost, translatePostgresError } from "./errors.ts";
import { observe } from "./observed-session.ts";
import type { Session } from "./session.ts";

/** What is read on a connection. */
type Work = (session: Session) => Promise<object>;

/** Runs reads. */
export interface ReaderPool {
  /**
   * What `work` reads, with the revision of its snapshot.
   * @throws StoreError OVERLOADED, DEADLINE_EXCEEDED, CANCELLED, DATABASE_UNAVAILABLE
   */
  read<T extends object>(
    work: (session: Session) => Promise<T>,
    limits?: CallLimits,
  ): Promise<T & { readonly revision: bigint }>;
  /**
   * The only row of a statement, which is a snapshot by itself.
   * @throws StoreError as `read`
   */
  readOne(statement: Statement, limits?: CallLimits): Promise<{ readonly row: Row }>;
  /** The calls that have no answer yet. */
  readonly queued: number;
  close(): Promise<void>;
}

interface Reader {
  session?: Session | undefined;
  call?: Call | undefined;
  /** Resolves when its statement was cancelled: what it reads next must not be. */
  cancelling?: Promise<void> | undefined;
}

type Call = WaitingCall<Work, object>;

const OVERLOADED_RETRY_DELAY_MS = 200;

const statement = (sql: string): Statement => ({ sql, parameters: [] });

const BEGIN = statement("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
const COMMIT = statement("COMMIT");
const ROLLBACK = statement("ROLLBACK");
const REVISION = statement("SELECT revision FROM store_state");

/** A pool without connections; they are made when they are needed. */
export function createReaderPool(
  limits: Limits,
  connect: () => Promise<Session>,
  log?: Log,
): ReaderPool {
  const readers = Array.from({ length: limits.readerThreads }, (): Reader => ({}));
  const queue = new Set<Call>();
  let isClosed = false;

  function assign(): void {
    for (const call of queue) {
      const reader = readers.find((each) => !each.call);
      if (!reader) return;
      queue.delete(call);
      void carryOut(reader, call);
    }
  }

  async function carryOut(reader: Reader, call: Call): Promise<void> {
    reader.call = call;
    const attempt = async () => {
      if (!reader.session || reader.session.lost) reader.session = await connect();
      const { session } = reader;
      if (call.isOver) return;
      call.onOver = () => {
        reader.cancelling = cancel(session);
      };
      const { statements } = call;
      const noted = observe(session, statements && ((run) => noteStatement(statements, run)));
      call.resolve(await call.job(noted));
    };
    try {
      await onceMore(attempt, () => isClosed || call.isOver);
    } catch (error) {
      call.fail(isClosed ? databaseClosed() : translatePostgresError(error));
    }
    await reader.cancelling;
    reader.cancelling = undefined;
    reader.call = undefined;
    assign();
  }

  /** On another connection: its own waits for the answer. Where there is none, the read ends by its timeout. */
  async function cancel(session: Session): Promise<void> {
    try {
      const other = await connect();
      const parameters = [BigInt(session.processId)];
      await other.all({ sql: "SELECT pg_cancel_backend(?::int)", parameters });
      await other.close();
    } catch (error) {
      if (!isClosed) log?.warn({ err: error }, "a read whose call is over could not be cancelled");
    }
  }

  function run<T extends object>(
    job: (session: Session) => Promise<T>,
    callLimits: CallLimits = {},
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      if (isClosed) throw databaseClosed();
      if (queue.size >= limits.readQueueMax) {
        throw new StoreError("OVERLOADED", "too many reads are waiting", {
          retryDelayMs: OVERLOADED_RETRY_DELAY_MS,
          limit: "readQueueMax",
        });
      }
      const call = createWaitingCall<Work, object>(
        { job, resolve: (result) => resolve(result as T), reject },
        callLimits,
        limits.readTimeoutMs,
      );
      if (call.isOver) return;
      queue.add(call);
      call.onOver = () => queue.delete(call);
      assign();
    });
  }

  return {
    read: (work, callLimits) => run((session) => inSnapshot(session, work), callLimits),
    readOne: (only, callLimits) =>
      run(async (session) => ({ row: (await session.all(only))[0] ?? [] }), callLimits),

    get queued() {
      return queue.size + readers.filter(({ call }) => call).length;
    },

    async close() {
      isClosed = true;
      for (const call of queue) call.fail(databaseClosed());
      queue.clear();
      for (const { call, session } of readers) {
        call?.fail(databaseClosed());
        // What goes on is given up with its connection.
        if (call) session?.abandon();
      }
      await Promise.all(readers.map(({ session }) => session?.close()));
    },
  };
}

/** Reads again, on another connection, what was on its way when the first was lost: it changes nothing. */
export async function onceMore<T>(read: () => Promise<T>, isOver = () => false): Promise<T> {
  try {
    return await read();
  } catch (error) {
    if (!isLost(error) || isOver()) throw error;
    return read();
  }
}

/** What `work` reads, with the revision of the snapshot that it sees. */
async function inSnapshot<T extends object>(
  session: Session,
  work: (session: Session) => Promise<T>,
): Promise<T & { readonly revision: bigint }> {
  // Sent together: what is read first need not wait for the snapshot to be there.
  const begun = Promise.all([session.run(BEGIN), session.all(REVISION)]);
  const reading = work(session);
  await Promise.allSettled([begun, reading]);
  try {
    const [, rows] = await begun;
    const read = await reading;
    await session.run(COMMIT);
    return { ...read, revision: rows[0]?.[0] as bigint };
  } catch (error) {
    if (!session.lost) await session.run(ROLLBACK).catch(() => session.abandon());
    throw error;
  }
}
