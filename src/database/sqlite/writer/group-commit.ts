// The commit path: commits that arrived together share one BEGIN IMMEDIATE transaction and its sync,
// a savepoint each; one that fails is rolled back alone. Runs in the writer thread, which may wait.

import type { Registry } from "@bufbuild/protobuf";
import { type Clock, timestamp } from "../../../clock.ts";
import { StoreError } from "../../../errors.ts";
import type { OnStatement } from "../../../observe/statement-run.ts";
import { WRITING } from "../../../schema/triggers.ts";
import type { Change } from "../../change.ts";
import type { Commit } from "../../database.ts";
import type { Statement } from "../../sql/statements.ts";
import { type CommitRequest, commitSteps, isSeen } from "../../sql/write/commit.ts";
import { createsFrom, insertTogether } from "../../sql/write/insert.ts";
import { type Prepared, type PreparedCreate, prepareOperation } from "../../sql/write/prepare.ts";
import type { Transaction, Watch } from "../../sql/write/transaction.ts";
import { deadlineExceeded } from "../connection/busy-retry.ts";
import {
  BUSY_RETRY_DELAY_MS,
  type Connection,
  isBusy,
  isConstraintError,
  schemaMismatch,
  translateSqliteError,
} from "../connection/connection.ts";
import { runSteps } from "../connection/run-steps.ts";
import { createStatementRunner } from "../connection/statement-runner.ts";
import { encodingOf } from "../connection/text-encoding.ts";
import type { StatementTeller } from "../threads/told-statements.ts";
import type { Outcome, PendingCommit } from "./commit-transport.ts";
import { readForeignCode, type SchemaCode } from "./foreign-code.ts";
import { waitForLock } from "./lock-wait.ts";
import { guardTables } from "./table-guards.ts";

/** What is the same for all transactions. */
export interface CommitterOptions
  extends Pick<
    Transaction,
    "plans" | "registry" | "messageBytesMax" | "answerBytesMax" | "requestRetentionMs"
  > {
  /** Where the times of commits come from. */
  readonly clock: Clock;
  readonly onStatement?: OnStatement | undefined;
  /** Told how long the lock that another process had was waited for, whether it came or not. */
  readonly onLockWait?: ((waitMs: number) => void) | undefined;
  /** Is told what is run for some commits of a group only: those from one number to another. */
  readonly concerning?: StatementTeller["concerning"] | undefined;
}

/** Carries out the commits of a group, which end before it returns. Each is reported once. */
export type CommitGroup = (group: readonly PendingCommit[], report: Report) => void;

/** Told how commits have ended, and what they have changed. */
export type Report = (outcomes: readonly Outcome[], changes?: readonly Change[]) => void;

/** A commit that waits for the transaction. */
interface Entry extends PendingCommit, CommitRequest {}

/** The open transaction, as all of its commits share it. */
type Shared = Omit<Transaction, "revision" | "changes">;

/** How far the open transaction has come. */
interface Group {
  readonly shared: Shared;
  /** That of the newest commit in it. */
  revision: bigint;
  /** Those of the commits that are not taken back. */
  readonly changes: Change[];
  /** Whether there is anything to commit. */
  changed: boolean;
}

const statement = (sql: string): Statement => ({ sql, parameters: [] });

const BEGIN = statement("BEGIN IMMEDIATE");
const SCHEMA_VERSION = statement("PRAGMA schema_version");
// The triggers on our tables are for other programs' writes; `writing` keeps them still.
const START = "UPDATE store_state SET writing = ? WHERE id = 1 AND writing = 0 RETURNING revision";
const FINISH = "UPDATE store_state SET revision = ?, writing = 0";
const COMMIT = statement("COMMIT");
const ROLLBACK = statement("ROLLBACK");
const SAVEPOINT = statement("SAVEPOINT one");
const ROLLBACK_TO = statement("ROLLBACK TO one");
const RELEASE = statement("RELEASE one");

const setWriting = (writing: number): Statement => ({
  sql: "UPDATE store_state SET writing = ?",
  parameters: [BigInt(writing)],
});

/** Our triggers look at `store_state` to tell whose a write is. */
const WATCH: Watch = {
  revise: (revision) => ({ sql: "UPDATE store_state SET revision = ?", parameters: [revision] }),
  rest: setWriting(WRITING.own),
  resume: setWriting(WRITING.watched),
};

/** Commits groups on `connection`, which must not be used for anything else meanwhile. */
export function createCommitter(connection: Connection, options: CommitterOptions): CommitGroup {
  const { clock, onStatement, onLockWait, concerning = forAll, ...settings } = options;
  const runner = createStatementRunner(connection, { onStatement });
  const { plans, registry } = settings;
  let seen: { readonly version: unknown; readonly foreign: SchemaCode } | undefined;

  /** What acts on our statements; read again, and guarded against, only after a change of the schema. */
  function foreignCode(): { readonly foreign: SchemaCode; readonly isGuarded: boolean } {
    const [version] = runner.get(SCHEMA_VERSION) ?? [];
    if (seen && seen.version === version) return { foreign: seen.foreign, isGuarded: false };
    const isGuarded = guardTables(connection, plans);
    const foreign = readForeignCode(connection, plans);
    // What may be rolled back is no version to remember.
    seen = isGuarded ? undefined : { version, foreign };
    return { foreign, isGuarded };
  }

  /** Those that wait for the lock no longer are reported, and run no SQL. */
  function begin(entries: readonly Entry[], report: Report): Entry[] {
    let waiting = [...entries];
    let busyMs: number | undefined;
    try {
      for (let attempt = 0; waiting.length > 0; attempt++) {
        const nowMs = Date.now();
        const overdue = waiting.flatMap((entry) => whyOverdue(entry, nowMs, attempt) ?? []);
        if (overdue.length > 0) {
          report(overdue);
          waiting = waiting.filter(({ id }) => !overdue.some((outcome) => outcome.id === id));
          continue;
        }
        try {
          runner.run(BEGIN);
          return waiting;
        } catch (error) {
          if (!isBusy(error)) {
            report(failAll(waiting, error));
            return [];
          }
        }
        busyMs ??= performance.now();
        waitForLock(attempt);
      }
      return [];
    } finally {
      if (busyMs !== undefined) onLockWait?.(performance.now() - busyMs);
    }
  }

  function carryOut(entries: readonly Entry[], report: Report): void {
    let done: ReturnType<typeof applyGroup>;
    try {
      done = applyGroup(entries);
      runner.run(done.changed ? COMMIT : ROLLBACK);
    } catch (error) {
      // SQLite has rolled back already after some errors, for example a full disk.
      const isOpen = connection.inTransaction;
      if (isOpen) runner.run(ROLLBACK);
      if (isOpen || !isConstraintError(error) || entries.length === 1) {
        report(failAll(entries, error));
      } else carryOutEach(entries, report);
      return;
    }
    report(done.outcomes, done.changes);
  }

  /** After a constraint of one commit has taken back the others too: each in its own transaction. */
  function carryOutEach(entries: readonly Entry[], report: Report): void {
    for (const entry of entries) commitTogether([entry], report);
  }

  /** Those that still wait when the lock is there share a transaction; without any there is none. */
  function commitTogether(entries: readonly Entry[], report: Report): void {
    const begun = begin(entries, report);
    if (begun.length > 0) carryOut(begun, report);
  }

  function applyGroup(
    entries: readonly Entry[],
  ): Pick<Group, "changed" | "changes"> & { readonly outcomes: readonly Outcome[] } {
    const { foreign, isGuarded } = foreignCode();
    const watched = foreign.hasTriggers || (foreign.hasActions && entries.some(deletes));
    const writing = BigInt(watched ? WRITING.watched : WRITING.own);
    const [before] = runner.get({ sql: START, parameters: [writing] }) ?? [];
    // The row is gone, or says that somebody writes: nobody can, inside our own transaction.
    if (typeof before !== "bigint") throw schemaMismatch();
    const now = timestamp(clock);
    const isOpen = () => connection.inTransaction;
    const watch = watched ? WATCH : undefined;
    const encoding = encodingOf(runner);
    const shared = { ...settings, encoding, now, nextKeys: new Map(), foreign, watch, isOpen };
    const group: Group = { shared, revision: before, changes: [], changed: isGuarded };
    const [first] = entries;
    // What a lone commit has done, if it fails, goes with the transaction: nothing else is in that.
    const isLone = first !== undefined && entries.length === 1 && !isGuarded;
    const outcomes = isLone ? [attempt(group, first)] : applyAll(group, entries);
    if (group.changed) runner.run({ sql: FINISH, parameters: [group.revision] });
    return { outcomes, changes: group.changes, changed: group.changed };
  }

  function applyAll(group: Group, entries: readonly Entry[]): Outcome[] {
    const outcomes: Outcome[] = [];
    while (outcomes.length < entries.length) {
      const creates = createsFrom(entries, outcomes.length, onlyOperation);
      const some = entries.slice(outcomes.length, outcomes.length + Math.max(creates.length, 1));
      const together = applyTogether(group, some, creates);
      const alone = (entry: Entry) =>
        concerning(entry.id, entry.id, () => applyAlone(group, entry));
      outcomes.push(...(together ?? some.map(alone)));
    }
    return outcomes;
  }

  /** Inserts the rows of several commits with one statement; undefined if that cannot be. */
  function applyTogether(
    group: Group,
    entries: readonly Entry[],
    creates: readonly PreparedCreate[],
  ): Outcome[] | undefined {
    const first = group.revision + 1n;
    const news = creates.map((create, i) => ({ create, revision: first + BigInt(i) }));
    const tx = { ...group.shared, changes: group.changes };
    const insert = () => runSteps(runner, insertTogether(tx, news));
    const [from, to] = [entries[0]?.id ?? 0, entries.at(-1)?.id ?? 0];
    const stored = news.length > 1 ? concerning(from, to, insert) : undefined;
    if (!stored) return undefined;
    group.revision += BigInt(stored.length);
    group.changed = true;
    return entries.map(({ id }, i) => ({
      id,
      commit: { revision: first + BigInt(i), messages: [stored[i]?.wire] },
    }));
  }

  /** A commit that can be taken back alone. */
  function applyAlone(group: Group, entry: Entry): Outcome {
    runner.run(SAVEPOINT);
    const outcome = attempt(group, entry);
    if (outcome.error || entry.validateOnly) {
      runner.run(ROLLBACK_TO);
      group.shared.nextKeys.clear();
    }
    runner.run(RELEASE);
    return outcome;
  }

  function attempt(group: Group, entry: Entry): Outcome {
    try {
      return { id: entry.id, commit: applyEntry(group, entry) };
    } catch (error) {
      // If the whole transaction is gone, so is what others did in it.
      if (!connection.inTransaction) throw error;
      return { id: entry.id, error: translateSqliteError(error) };
    }
  }

  function applyEntry(group: Group, entry: Entry): Commit {
    const revision = isSeen(entry.operations) ? group.revision + 1n : group.revision;
    const changes: Change[] = [];
    const commit = runSteps(runner, commitSteps({ ...group.shared, revision, changes }, entry));
    // A request that was carried out before keeps the revision that it had.
    if (!entry.validateOnly && commit.revision === revision) {
      group.revision = revision;
      group.changed = true;
      for (const change of changes) group.changes.push(change);
    }
    return commit;
  }

  return (group, report) => {
    const [entries, refused] = prepareAll(group, registry);
    if (refused.length > 0) report(refused);
    commitTogether(entries, report);
  };
}

/** Nobody asks whose statements they are. */
function forAll<T>(_from: number, _to: number, action: () => T): T {
  return action();
}

/** The operation of a commit that is nothing else. */
function onlyOperation({ only, request, validateOnly }: Entry): Prepared | undefined {
  return request || validateOnly ? undefined : only;
}

function deletes({ operations }: Entry): boolean {
  return operations.some(({ kind }) => kind === "delete");
}

/** What is wrong with the message of a commit that has only one is found before the lock is taken. */
function prepareAll(group: readonly PendingCommit[], registry: Registry): [Entry[], Outcome[]] {
  const entries: Entry[] = [];
  const refused: Outcome[] = [];
  for (const pending of group) {
    try {
      const [first, ...others] = pending.operations;
      const only = first && others.length === 0 ? prepareOperation(first, registry) : undefined;
      entries.push({ ...pending, only });
    } catch (error) {
      refused.push({ id: pending.id, error: translateSqliteError(error) });
    }
  }
  return [entries, refused];
}

function whyOverdue(
  { id, deadlineMs, giveUpMs }: Entry,
  nowMs: number,
  attempt: number,
): Outcome | undefined {
  if (nowMs >= deadlineMs) return { id, error: deadlineExceeded() };
  if (attempt === 0 || nowMs < giveUpMs) return undefined;
  const retry = { retryDelayMs: BUSY_RETRY_DELAY_MS };
  return { id, error: new StoreError("DATABASE_BUSY", "the database is busy", retry) };
}

function failAll(entries: readonly Entry[], cause: unknown): Outcome[] {
  const error = translateSqliteError(cause);
  return entries.map(({ id }) => ({ id, error }));
}
