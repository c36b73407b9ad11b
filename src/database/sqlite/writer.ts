// The commit path: one BEGIN IMMEDIATE transaction for each commit, acknowledged after it is synced.
// Waits for the write lock without blocking the event loop.

import type { Registry } from "@bufbuild/protobuf";
import type { Statement } from "../../query/statements.ts";
import type { ResourcePlan } from "../../schema/plan.ts";
import type { Commit, CommitOptions, Operation, RequestIdentity } from "../database.ts";
import { applyOperation } from "./apply.ts";
import { retryWhileBusy } from "./busy-retry.ts";
import { type Connection, translateSqliteError } from "./connection.ts";
import { findCompleted, rememberCompleted } from "./requests.ts";
import { createStatementRunner } from "./statement-cache.ts";

/** Commits operations on the one write connection. */
export interface Writer {
  commit(operations: readonly Operation[], options?: CommitOptions): Promise<Commit>;
}

export interface WriterOptions {
  readonly plans: readonly ResourcePlan[];
  readonly registry: Registry;
  /** The largest message that is stored. */
  readonly messageBytesMax: number;
  /** How long a commit waits for the write lock. */
  readonly writeTimeoutMs: number;
  /** How long a request_id is remembered. */
  readonly requestRetentionMs: number;
  /** Called after each commit. */
  readonly onCommit: () => void;
}

const statement = (sql: string): Statement => ({ sql, parameters: [] });

const BEGIN = statement("BEGIN IMMEDIATE");
// The triggers on the resource tables are for other programs' writes; `writing` keeps them still.
const START = statement(
  "UPDATE store_state SET revision = revision + 1, writing = 1 RETURNING revision",
);
const FINISH = statement("UPDATE store_state SET writing = 0");
const COMMIT = statement("COMMIT");
const ROLLBACK = statement("ROLLBACK");

/** The writer of `connection`, which must not be used for anything else meanwhile. */
export function createWriter(connection: Connection, options: WriterOptions): Writer {
  const runner = createStatementRunner(connection);
  const { plans, registry, messageBytesMax, requestRetentionMs: retentionMs } = options;

  function carryOut(operations: readonly Operation[], request?: RequestIdentity): Commit {
    const nowMs = Date.now();
    const notBeforeMs = nowMs - retentionMs;
    const completed = request && findCompleted(runner, request, notBeforeMs);
    if (completed) return completed;
    const [revision] = runner.get(START) as [bigint];
    const now = new Date(nowMs).toISOString();
    const tx = { runner, plans, registry, messageBytesMax, revision, now };
    const commit = { revision, messages: operations.map((op) => applyOperation(tx, op)) };
    if (request) rememberCompleted(runner, request, commit, nowMs, notBeforeMs);
    runner.run(FINISH);
    return commit;
  }

  function commitOnce(operations: readonly Operation[], { validateOnly, request }: CommitOptions) {
    runner.run(BEGIN);
    try {
      const commit = carryOut(operations, validateOnly ? undefined : request);
      runner.run(validateOnly ? ROLLBACK : COMMIT);
      return commit;
    } catch (error) {
      // SQLite has rolled back already after some errors, for example a full disk.
      if (connection.inTransaction) runner.run(ROLLBACK);
      // Only a BEGIN that found the database busy is tried again: operations are carried out once.
      throw translateSqliteError(error);
    }
  }

  return {
    async commit(operations, commitOptions = {}) {
      const commit = await retryWhileBusy(
        () => commitOnce(operations, commitOptions),
        options.writeTimeoutMs,
        commitOptions,
      );
      options.onCommit();
      return commit;
    },
  };
}
