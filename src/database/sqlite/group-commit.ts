// The commit path: commits that arrived together share one BEGIN IMMEDIATE transaction and its sync,
// a savepoint each; one that fails is rolled back alone. Runs in the writer thread, which may wait.

import type { Registry } from "@bufbuild/protobuf";
import { StoreError } from "../../errors.ts";
import type { Statement } from "../../query/statements.ts";
import type { ResourcePlan } from "../../schema/plan.ts";
import type { Commit } from "../database.ts";
import { applyOperations } from "./apply.ts";
import type { PendingCommit } from "./commit-transport.ts";
import {
  BUSY_RETRY_DELAY_MS,
  type Connection,
  isBusy,
  translateSqliteError,
} from "./connection.ts";
import { createsFrom, insertTogether } from "./insert.ts";
import { waitForLock } from "./lock-wait.ts";
import { type Prepared, prepareOperation } from "./prepare.ts";
import { findCompleted, rememberCompleted } from "./requests.ts";
import { createStatementRunner } from "./statement-cache.ts";
import type { Transaction } from "./transaction.ts";

/** How a commit ended. */
export type Outcome =
  | { readonly id: number; readonly commit: Commit; readonly error?: undefined }
  | { readonly id: number; readonly error: StoreError };

export interface CommitterOptions {
  readonly plans: readonly ResourcePlan[];
  readonly registry: Registry;
  /** The largest message that is stored. */
  readonly messageBytesMax: number;
  /** How long a request_id is remembered. */
  readonly requestRetentionMs: number;
}

/** Carries out the commits of a group, which end before it returns. Each is reported once. */
export type CommitGroup = (
  group: readonly PendingCommit[],
  report: (outcomes: readonly Outcome[]) => void,
) => void;

/** A commit whose operations are decoded and checked. */
interface Entry extends Omit<PendingCommit, "operations"> {
  readonly operations: readonly Prepared[];
}

type Shared = Omit<Transaction, "revision">;

const statement = (sql: string): Statement => ({ sql, parameters: [] });

const BEGIN = statement("BEGIN IMMEDIATE");
// The triggers on the resource tables are for other programs' writes; `writing` keeps them still.
const START = statement("UPDATE store_state SET writing = 1 RETURNING revision");
const FINISH = "UPDATE store_state SET revision = ?, writing = 0";
const COMMIT = statement("COMMIT");
const ROLLBACK = statement("ROLLBACK");
const SAVEPOINT = statement("SAVEPOINT one");
const ROLLBACK_TO = statement("ROLLBACK TO one");
const RELEASE = statement("RELEASE one");

/** Commits groups on `connection`, which must not be used for anything else meanwhile. */
export function createCommitter(connection: Connection, options: CommitterOptions): CommitGroup {
  const runner = createStatementRunner(connection);
  const { plans, registry, messageBytesMax, requestRetentionMs: retentionMs } = options;

  /** Those that wait for the lock no longer are reported, and run no SQL. */
  function begin(entries: readonly Entry[], report: (outcomes: Outcome[]) => void): Entry[] {
    let waiting = [...entries];
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
      waitForLock(attempt);
    }
    return [];
  }

  function carryOut(entries: readonly Entry[]): Outcome[] {
    try {
      const { outcomes, changed } = applyGroup(entries);
      runner.run(changed ? COMMIT : ROLLBACK);
      return outcomes;
    } catch (error) {
      // SQLite has rolled back already after some errors, for example a full disk.
      if (connection.inTransaction) runner.run(ROLLBACK);
      return failAll(entries, error);
    }
  }

  function applyGroup(entries: readonly Entry[]): { outcomes: Outcome[]; changed: boolean } {
    const [before] = runner.get(START) as [bigint];
    const now = new Date().toISOString();
    const shared = { runner, plans, registry, messageBytesMax, now, nextKeys: new Map() };
    const outcomes: Outcome[] = [];
    let [revision, changed] = [before, false];
    while (outcomes.length < entries.length) {
      const creates = createsFrom(entries, outcomes.length, onlyOperation);
      const some = entries.slice(outcomes.length, outcomes.length + Math.max(creates.length, 1));
      const base = revision + 1n;
      const news = creates.map((create, i) => ({ create, revision: base + BigInt(i) }));
      const together = news.length > 1 ? insertTogether(shared, news) : undefined;
      if (together) {
        some.forEach(({ id }, i) => {
          outcomes.push({ id, commit: { revision: base + BigInt(i), messages: [together[i]] } });
        });
        revision += BigInt(some.length);
        changed = true;
        continue;
      }
      for (const entry of some) {
        const next = isSeen(entry) ? revision + 1n : revision;
        const outcome = applyAlone(shared, next, entry);
        outcomes.push(outcome);
        // A request that was carried out before keeps the revision that it had.
        if (entry.validateOnly || outcome.error || outcome.commit.revision < next) continue;
        revision = next;
        changed = true;
      }
    }
    runner.run({ sql: FINISH, parameters: [revision] });
    return { outcomes, changed };
  }

  function applyAlone(shared: Shared, revision: bigint, entry: Entry): Outcome {
    const { id, validateOnly } = entry;
    runner.run(SAVEPOINT);
    try {
      const commit = applyEntry({ ...shared, revision }, entry);
      if (validateOnly) takeBack(shared);
      runner.run(RELEASE);
      return { id, commit };
    } catch (error) {
      // If the whole transaction is gone, so is what others did in it.
      if (!connection.inTransaction) throw error;
      takeBack(shared);
      runner.run(RELEASE);
      return { id, error: translateSqliteError(error) };
    }
  }

  function takeBack({ nextKeys }: Shared): void {
    runner.run(ROLLBACK_TO);
    nextKeys.clear();
  }

  function applyEntry(tx: Transaction, { operations, request, validateOnly }: Entry): Commit {
    const nowMs = Date.parse(tx.now);
    const notBeforeMs = nowMs - retentionMs;
    const identity = validateOnly ? undefined : request;
    const completed = identity && findCompleted(runner, identity, notBeforeMs);
    if (completed) return completed;
    const commit = { revision: tx.revision, messages: applyOperations(tx, operations) };
    if (identity) rememberCompleted(runner, identity, commit, nowMs, notBeforeMs);
    return commit;
  }

  return (group, report) => {
    const [entries, refused] = prepareAll(group, registry);
    if (refused.length > 0) report(refused);
    const begun = begin(entries, report);
    if (begun.length > 0) report(carryOut(begun));
  };
}

/** The create of a commit that is nothing else and needs no savepoint. */
function onlyOperation({ operations, request, validateOnly }: Entry): Prepared | undefined {
  return operations.length === 1 && !request && !validateOnly ? operations[0] : undefined;
}

function isSeen({ operations }: Entry): boolean {
  return operations.some((operation) => operation.kind !== "execute" || !operation.unseen);
}

/** What is wrong with a message is found before the lock is taken. */
function prepareAll(group: readonly PendingCommit[], registry: Registry): [Entry[], Outcome[]] {
  const entries: Entry[] = [];
  const refused: Outcome[] = [];
  for (const pending of group) {
    try {
      const operations = pending.operations.map((each) => prepareOperation(each, registry));
      entries.push({ ...pending, operations });
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
  if (nowMs >= deadlineMs) {
    return { id, error: new StoreError("DEADLINE_EXCEEDED", "the deadline has passed") };
  }
  if (attempt === 0 || nowMs < giveUpMs) return undefined;
  const retry = { retryDelayMs: BUSY_RETRY_DELAY_MS };
  return { id, error: new StoreError("DATABASE_BUSY", "the database is busy", retry) };
}

function failAll(entries: readonly Entry[], cause: unknown): Outcome[] {
  const error = translateSqliteError(cause);
  return entries.map(({ id }) => ({ id, error }));
}
