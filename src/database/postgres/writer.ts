// Commits groups on a connection of its own: the row of the store's state is locked first, so that the
// servers of a database commit one after the other, in the order of the revisions. A group that is known
// not to be there is tried again, and of one whose outcome is open what its request ids settle.

import { setTimeout as sleep } from "node:timers/promises";
import type { Registry } from "@bufbuild/protobuf";
import { type Clock, timestamp } from "../../clock.ts";
import type { Durability } from "../../config.ts";
import { StoreError } from "../../errors.ts";
import { type Limits, messageBytesMax } from "../../limits.ts";
import { noteStatement, type OnStatement } from "../../observe/statement-run.ts";
import type { ResourcePlan, TablePlan } from "../../schema/plan.ts";
import { type ChangeCount, countChanges, createChangeCounts } from "../change.ts";
import { createCommitQueue, databaseClosed } from "../commit-queue.ts";
import type { Database } from "../database.ts";
import { type Statement, selectNextKey } from "../sql/statements.ts";
import {
  type AppliedGroup,
  applyGroup,
  type Entry,
  type GroupTransaction,
  type PendingCommit,
  prepareAll,
  whyOverdue,
} from "../sql/write/group.ts";
import type { RowInserts } from "../sql/write/transaction.ts";
import { POSTGRES } from "./dialect/postgres-dialect.ts";
import { synchronousCommit } from "./durability.ts";
import {
  isFull,
  isInTheWay,
  isLost,
  isReadOnlyServer,
  isServerError,
  OpenCommit,
  translatePostgresError,
} from "./errors.ts";
import { selectForeignCode, toForeignCode } from "./foreign-code.ts";
import { observe } from "./observed-session.ts";
import { readRowInserts } from "./row-inserts.ts";
import { runSteps } from "./run-steps.ts";
import type { Session } from "./session.ts";

/** What is written with. */
export interface WriterOptions {
  readonly plans: readonly ResourcePlan[];
  readonly registry: Registry;
  readonly clock: Clock;
  readonly limits: Limits;
  readonly durability: Durability;
  /** Told how many calls share a transaction. */
  readonly onGroup?: ((calls: number) => void) | undefined;
  /** Opens a connection. */
  connect(): Promise<Session>;
}

/** Notes the statements of a group. */
interface Noting {
  readonly onStatement: OnStatement;
  readonly concern: GroupTransaction["concern"];
}

/** Commits operations. */
export interface Writer {
  readonly commit: Database["commit"];
  readonly queued: number;
  /** How much was changed since the start. */
  readonly changes: readonly ChangeCount[];
  close(): Promise<void>;
}

const statement = (sql: string): Statement => ({ sql, parameters: [] });

const BEGIN = statement("BEGIN ISOLATION LEVEL READ COMMITTED");
const LOCK = statement("SELECT revision FROM store_state WHERE id = 1 FOR UPDATE");
const FINISH = "UPDATE store_state SET revision = ?";
const COMMIT_AGAIN = statement("UPDATE store_state SET revision = revision");
const ROLLBACK = statement("ROLLBACK");

/** How often a group is tried again that has met a server which cannot be written. */
const RETRIES_MAX = 5;
const PAUSE_MS = 25;
const PAUSE_MAX_MS = 500;

/** A writer that connects when the first commit comes, and again when its connection is lost. */
export function createWriter(options: WriterOptions): Writer {
  const { plans, registry, clock, limits, connect, onGroup } = options;
  const settings = settingsOf(options);
  const settingsFor = (waitMs: number): Statement => ({ sql: settings, parameters: [`${waitMs}`] });
  const foreignCode = selectForeignCode(plans);
  const queue = createCommitQueue(limits, (group) => void carryOut(group));
  const changes = createChangeCounts();
  const bytesMax = messageBytesMax(limits);
  let session: Session | undefined;
  /** Read when the connection was made. */
  let inserts: RowInserts;
  let isClosing = false;
  let isClosed = false;

  async function connected(): Promise<Session> {
    if (isClosed) throw databaseClosed();
    if (!session || session.lost) {
      const made = await connect();
      inserts = await readRowInserts(made, plans);
      session = made;
    }
    return session;
  }

  async function carryOut(group: readonly PendingCommit[]): Promise<void> {
    const [entries, refused] = prepareAll(group, registry, translatePostgresError);
    for (const outcome of refused) queue.settle(outcome);
    await commitTogether(entries);
    queue.next();
  }

  async function commitTogether(entries: readonly Entry[]): Promise<void> {
    let waiting = entries;
    for (let attempt = 0; waiting.length > 0; attempt++) {
      if (attempt > 1) await sleep(Math.min(PAUSE_MS * attempt, PAUSE_MAX_MS) * Math.random());
      waiting = waiting.filter((entry) => {
        const overdue = whyOverdue(entry, Date.now(), attempt);
        if (overdue) queue.settle(overdue);
        return !overdue;
      });
      if (waiting.length > 0) waiting = await commitOnce(waiting, attempt);
    }
  }

  /** Answers commits, but for those that are to be tried again. */
  async function commitOnce(entries: readonly Entry[], attempt: number): Promise<readonly Entry[]> {
    onGroup?.(entries.length);
    try {
      const noting = noteFor(entries);
      const own = observe(await connected(), noting?.onStatement);
      const { outcomes, changes: made } = await inTransaction(own, entries, noting?.concern);
      changes.add(countChanges(made));
      const held = new Set<number>();
      for (const outcome of outcomes) {
        if (isInTheWay(outcome.error?.cause)) held.add(outcome.id);
        else queue.settle(outcome);
      }
      return entries.filter(({ id }) => held.has(id));
    } catch (cause) {
      return settleFailed(entries, cause, attempt);
    }
  }

  /** Those of a group that has failed which are tried again; the others are answered. */
  function settleFailed(entries: readonly Entry[], cause: unknown, attempt: number): Entry[] {
    const isOpen = cause instanceof OpenCommit;
    const isRepeated = !isClosing && (isOpen || mayPass(cause, attempt));
    const error = translatePostgresError(cause);
    return entries.filter(({ id, request, giveUpMs }) => {
      // A request that was carried out is answered as it was.
      const isAgain = isRepeated && (!isOpen || request) && Date.now() < giveUpMs;
      if (!isAgain) queue.settle({ id, error });
      return isAgain;
    });
  }

  /** What notes each statement where it was run for; undefined if nobody wants to know. */
  function noteFor(entries: readonly Entry[]): Noting | undefined {
    const logs = new Map(entries.map(({ id }) => [id, queue.optionsOf(id)?.statements]));
    if (![...logs.values()].some((log) => log)) return undefined;
    let concerned: readonly number[] = [...logs.keys()];
    return {
      onStatement(run) {
        for (const id of concerned) {
          const log = logs.get(id);
          if (log) noteStatement(log, run);
        }
      },
      concern(first, last = first) {
        const [from = 0, to = Number.POSITIVE_INFINITY] = [first, last];
        concerned = [...logs.keys()].filter((id) => id >= from && id <= to);
      },
    };
  }

  async function inTransaction(
    own: Session,
    entries: readonly Entry[],
    concern: GroupTransaction["concern"],
  ): Promise<AppliedGroup> {
    try {
      const isLone = entries.length === 1;
      const shared = { ...(await begin(own, entries)), concern };
      const applied = await runSteps(own, applyGroup(shared, entries, isLone));
      if (applied.changed) {
        await finish(own, { sql: FINISH, parameters: [applied.revision] });
        return applied;
      }
      // A lone commit that has failed may have done a part of what it was to do.
      await own.run(ROLLBACK);
      if (isAnsweredFromBefore(entries, applied)) await waitForStandbys(own);
      return applied;
    } catch (error) {
      if (error instanceof OpenCommit || isReadOnlyServer(error)) own.abandon();
      if (!own.lost) await own.run(ROLLBACK).catch(() => own.abandon());
      throw error;
    }
  }

  /** What was committed before may be answered before a standby has it: another commit waits for that. */
  async function waitForStandbys(own: Session): Promise<void> {
    await Promise.all([own.run(BEGIN), own.run(settingsFor(limits.writeTimeoutMs))]);
    await finish(own, COMMIT_AGAIN);
  }

  /** @throws OpenCommit if it may be committed all the same. */
  async function finish(own: Session, last: Statement): Promise<void> {
    const [finished, committed] = await Promise.allSettled([own.run(last), own.commit()]);
    for (const part of [finished, committed]) {
      if (part.status === "rejected" && isServerError(part.reason)) throw part.reason;
    }
    if (committed.status === "rejected") throw new OpenCommit(committed.reason);
  }

  /**
   * Takes the lock, and asks for the keys of new rows in the same round trip; waits for others no longer
   * than the first of the commits does.
   */
  async function begin(own: Session, entries: readonly Entry[]): Promise<GroupTransaction> {
    const tables = tablesOfCreates(entries);
    const ends = entries.map(({ deadlineMs, giveUpMs }) => Math.min(deadlineMs, giveUpMs));
    const waitMs = Math.max(Math.ceil(Math.min(...ends) - Date.now()), 1);
    const [, , [locked] = [], found, ...keys] = await Promise.all([
      own.run(BEGIN),
      own.run(settingsFor(waitMs)),
      own.all(LOCK),
      own.all(foreignCode),
      ...tables.map((table) => own.all(selectNextKey(table))),
    ]);
    const nextKeys = new Map<string, bigint>();
    for (const [index, { table }] of tables.entries()) {
      const key = keys[index]?.[0]?.[0];
      if (typeof key === "bigint") nextKeys.set(table, key);
    }
    return {
      ...transaction(own, nextKeys),
      ...toForeignCode(found),
      revision: locked?.[0] as bigint,
    };
  }

  function transaction(
    own: Session,
    nextKeys: Map<string, bigint>,
  ): Omit<GroupTransaction, "revision" | "foreign" | "watch"> {
    return {
      plans,
      registry,
      dialect: POSTGRES,
      inserts,
      messageBytesMax: bytesMax,
      answerBytesMax: bytesMax,
      requestRetentionMs: limits.requestRetentionMs,
      now: timestamp(clock),
      nextKeys,
      isOpen: () => own.lost === undefined,
      translateError: translatePostgresError,
    };
  }

  return {
    commit: queue.commit,
    get queued() {
      return queue.queued;
    },
    get changes() {
      return changes.read();
    },
    async close() {
      isClosing = true;
      await queue.close();
      isClosed = true;
      await session?.close();
    },
  };
}

function isAnsweredFromBefore(entries: readonly Entry[], { outcomes }: AppliedGroup): boolean {
  const failed = new Set(outcomes.filter(({ error }) => error).map(({ id }) => id));
  return entries.some(
    ({ id, request, validateOnly }) => request && !validateOnly && !failed.has(id),
  );
}

/** What is set in each transaction; its parameter is how many milliseconds a lock is waited for. */
function settingsOf({ durability }: WriterOptions): string {
  const values = {
    // Our triggers are for other programs' writes.
    "protostore.writing": "'1'",
    lock_timeout: "?",
    synchronous_commit: synchronousCommit(durability),
  };
  const calls = Object.entries(values).map(([name, sql]) => `set_config('${name}', ${sql}, true)`);
  return `SELECT ${calls.join(", ")}`;
}

/** The tables that new rows come into. */
function tablesOfCreates(entries: readonly Entry[]): readonly TablePlan[] {
  const plans = new Set<ResourcePlan>();
  for (const { operations } of entries) {
    for (const each of operations) if (each.kind === "create") plans.add(each.plan);
  }
  return [...plans].flatMap((plan) => [plan, ...plan.children]);
}

/** Whether the same may succeed soon that has failed without a commit. */
function mayPass(cause: unknown, attempt: number): boolean {
  const isElsewhere = cause instanceof StoreError && cause.code === "DATABASE_UNAVAILABLE";
  if (isLost(cause) || isFull(cause) || isInTheWay(cause) || isElsewhere) return true;
  return isReadOnlyServer(cause) && attempt < RETRIES_MAX;
}
