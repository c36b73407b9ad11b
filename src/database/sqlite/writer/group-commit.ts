// The commit path: commits that arrived together share one BEGIN IMMEDIATE transaction and its sync,
// a savepoint each; one that fails is rolled back alone. Runs in the writer thread, which may wait.

import { type Clock, timestamp } from "../../../clock.ts";
import type { OnStatement } from "../../../observe/statement-run.ts";
import { WRITING } from "../../../schema/triggers.ts";
import type { Statement } from "../../sql/statements.ts";
import {
  type AppliedGroup,
  applyGroup,
  type Entry,
  type Outcome,
  type PendingCommit,
  prepareAll,
  type Report,
  whyOverdue,
} from "../../sql/write/group.ts";
import type { Transaction, Watch } from "../../sql/write/transaction.ts";
import {
  type Connection,
  isBusy,
  isConstraintError,
  schemaMismatch,
  translateSqliteError,
} from "../connection/connection.ts";
import { runSteps } from "../connection/run-steps.ts";
import { createStatementRunner } from "../connection/statement-runner.ts";
import { rowDialect } from "../dialect/row-dialect.ts";
import type { StatementTeller } from "../threads/told-statements.ts";
import { readForeignCode, type SchemaCode } from "./foreign-code.ts";
import { waitForLock } from "./lock-wait.ts";
import { SQLITE_INSERTS } from "./row-inserts.ts";
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
  readonly concern?: StatementTeller["concern"] | undefined;
}

/** Carries out the commits of a group, which end before it returns. Each is reported once. */
export type CommitGroup = (group: readonly PendingCommit[], report: Report) => void;

const statement = (sql: string): Statement => ({ sql, parameters: [] });

const BEGIN = statement("BEGIN IMMEDIATE");
const SCHEMA_VERSION = statement("PRAGMA schema_version");
// The triggers on our tables are for other programs' writes; `writing` keeps them still.
const START = "UPDATE store_state SET writing = ? WHERE id = 1 AND writing = 0 RETURNING revision";
const FINISH = "UPDATE store_state SET revision = ?, writing = 0";
const COMMIT = statement("COMMIT");
const ROLLBACK = statement("ROLLBACK");

const setWriting = (writing: number): Statement => ({
  sql: "UPDATE store_state SET writing = ?",
  parameters: [BigInt(writing)],
});

/** Our triggers look at `store_state` to tell whose a write is. */
const WATCH: Watch = {
  revise: (revision) => ({ sql: "UPDATE store_state SET revision = ?", parameters: [revision] }),
  rest: setWriting(WRITING.own),
  resume: setWriting(WRITING.watched),
  // It fires our triggers for each statement of theirs.
  isWithin: false,
};

/** Commits groups on `connection`, which must not be used for anything else meanwhile. */
export function createCommitter(connection: Connection, options: CommitterOptions): CommitGroup {
  const { clock, onStatement, onLockWait, concern, ...settings } = options;
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
    let done: AppliedGroup;
    try {
      done = apply(entries);
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

  function apply(entries: readonly Entry[]): AppliedGroup {
    const { foreign, isGuarded } = foreignCode();
    const watched = foreign.hasTriggers || (foreign.hasActions && entries.some(deletes));
    const writing = BigInt(watched ? WRITING.watched : WRITING.own);
    const [before] = runner.get({ sql: START, parameters: [writing] }) ?? [];
    // The row is gone, or says that somebody writes: nobody can, inside our own transaction.
    if (typeof before !== "bigint") throw schemaMismatch();
    const now = timestamp(clock);
    const isOpen = () => connection.inTransaction;
    const watch = watched ? WATCH : undefined;
    const dialect = rowDialect(connection);
    const shared = {
      ...settings,
      dialect,
      inserts: SQLITE_INSERTS,
      now,
      nextKeys: new Map(),
      foreign,
      watch,
      isOpen,
      revision: before,
      translateError: translateSqliteError,
      concern,
    };
    const isLone = entries.length === 1 && !isGuarded;
    const applied = runSteps(runner, applyGroup(shared, entries, isLone));
    const changed = applied.changed || isGuarded;
    if (changed) runner.run({ sql: FINISH, parameters: [applied.revision] });
    return { ...applied, changed };
  }

  return (group, report) => {
    const [entries, refused] = prepareAll(group, registry, translateSqliteError);
    if (refused.length > 0) report(refused);
    commitTogether(entries, report);
  };
}

function deletes({ operations }: Entry): boolean {
  return operations.some(({ kind }) => kind === "delete");
}

function failAll(entries: readonly Entry[], cause: unknown): Outcome[] {
  const error = translateSqliteError(cause);
  return entries.map(({ id }) => ({ id, error }));
}
