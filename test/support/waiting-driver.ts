// A driver that waits between two statements, as one over a network does: the steps of a commit, run
// on a SQLite connection of its own. Shares nothing of the writer but SQL; one commit at a time.

import { setImmediate } from "node:timers/promises";
import { timestamp } from "../../src/clock.ts";
import type { Commit, CommitOptions, Operation } from "../../src/database/database.ts";
import type { Statement } from "../../src/database/sql/statements.ts";
import {
  type Answer,
  type Ask,
  ConstraintError,
  type ConstraintKind,
  type Steps,
} from "../../src/database/sql/steps.ts";
import { commitSteps, isSeen } from "../../src/database/sql/write/commit.ts";
import { prepareOperation } from "../../src/database/sql/write/prepare.ts";
import type { Transaction } from "../../src/database/sql/write/transaction.ts";
import {
  type Connection,
  isSqliteError,
  openConnection,
  translateSqliteError,
} from "../../src/database/sqlite/connection/connection.ts";
import {
  createStatementRunner,
  type StatementRunner,
} from "../../src/database/sqlite/connection/statement-runner.ts";
import { rowDialect } from "../../src/database/sqlite/dialect/row-dialect.ts";
import { readForeignCode } from "../../src/database/sqlite/writer/foreign-code.ts";
import type { CommitterOptions } from "../../src/database/sqlite/writer/group-commit.ts";
import { SQLITE_INSERTS } from "../../src/database/sqlite/writer/row-inserts.ts";

/** What the steps end with, after a turn of the event loop for each answer. */
export async function runStepsWaiting<T>(runner: StatementRunner, steps: Steps<T>): Promise<T> {
  let step = steps.next(undefined);
  while (!step.done) {
    const asked = step.value;
    // Rows come as copies, as they would from another machine.
    const sent = setImmediate().then(() => structuredClone(answerTo(runner, asked)));
    const [answered] = await Promise.allSettled([sent]);
    step =
      answered.status === "fulfilled"
        ? steps.next(answered.value)
        : steps.throw(named(answered.reason));
  }
  return step.value;
}

function answerTo(runner: StatementRunner, ask: Ask): Answer {
  switch (ask.want) {
    case "row":
      return runner.all(ask.statement)[0];
    case "rows":
      return runner.all(ask.statement);
    case "changes":
      return runner.run(ask.statement);
    case "rowsOfEach":
      return ask.statements.map((statement) => runner.all(statement));
  }
}

const KINDS: Readonly<Record<string, ConstraintKind>> = {
  SQLITE_CONSTRAINT_FOREIGNKEY: "foreignKey",
  SQLITE_CONSTRAINT_PRIMARYKEY: "primaryKey",
  SQLITE_CONSTRAINT_UNIQUE: "unique",
};

function named(error: unknown): unknown {
  if (!isSqliteError(error) || !error.code.startsWith("SQLITE_CONSTRAINT")) return error;
  return new ConstraintError(KINDS[error.code] ?? "other", error);
}

/** Commits, and waits meanwhile. */
export interface WaitingDriver {
  commit(operations: readonly Operation[], options?: CommitOptions): Promise<Commit>;
  close(): Promise<void>;
}

/** A driver of the database at `path`. */
export function openWaiting(path: string, options: CommitterOptions): WaitingDriver {
  const connection = openConnection(path, { busyTimeoutMs: 5_000 });
  const runner = createStatementRunner(connection);
  let last: Promise<unknown> = Promise.resolve();
  return {
    commit(operations, asked = {}) {
      const done = last.then(() => commitOnce(connection, runner, options, operations, asked));
      last = done.catch(() => {});
      return done.catch((error: unknown) => {
        const cause = error instanceof ConstraintError ? error.cause : error;
        throw translateSqliteError(cause);
      });
    },
    async close() {
      await last;
      if (connection.open) connection.close();
    },
  };
}

async function commitOnce(
  connection: Connection,
  runner: StatementRunner,
  options: CommitterOptions,
  operations: readonly Operation[],
  { validateOnly = false, request, answered = true }: CommitOptions,
): Promise<Commit> {
  const [first, ...others] = operations;
  const only = first && others.length === 0 ? prepareOperation(first, options.registry) : undefined;
  runner.run(plain("BEGIN IMMEDIATE"));
  try {
    const foreign = readForeignCode(connection, options.plans);
    const isWatched =
      foreign.hasTriggers || (foreign.hasActions && operations.some((o) => o.kind === "delete"));
    runner.run(setWriting(isWatched ? 2n : 1n));
    const [before] = runner.get(plain("SELECT revision FROM store_state")) ?? [];
    const revision = (before as bigint) + (isSeen(operations) ? 1n : 0n);
    const tx: Transaction = {
      ...options,
      dialect: rowDialect(connection),
      inserts: SQLITE_INSERTS,
      revision,
      now: timestamp(options.clock),
      nextKeys: new Map(),
      changes: [],
      foreign,
      watch: isWatched
        ? { revise: setRevision, rest: setWriting(1n), resume: setWriting(2n), isWithin: false }
        : undefined,
      isOpen: () => connection.inTransaction,
    };
    const steps = commitSteps(tx, { operations, only, validateOnly, request, answered });
    const commit = await runStepsWaiting(runner, steps);
    if (commit.revision === revision) runner.run(setRevision(revision));
    runner.run(setWriting(0n));
    runner.run(plain(validateOnly ? "ROLLBACK" : "COMMIT"));
    return commit;
  } finally {
    if (connection.inTransaction) runner.run(plain("ROLLBACK"));
  }
}

const plain = (sql: string): Statement => ({ sql, parameters: [] });

const setWriting = (writing: bigint): Statement => ({
  sql: "UPDATE store_state SET writing = ?",
  parameters: [writing],
});

const setRevision = (revision: bigint): Statement => ({
  sql: "UPDATE store_state SET revision = ?",
  parameters: [revision],
});
