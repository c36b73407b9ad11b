// Commits that share a transaction, a savepoint each: one that fails is taken back alone. Many creates
// are one statement. Begins and ends no transaction.

import type { Registry } from "@bufbuild/protobuf";
import { StoreError } from "../../../errors.ts";
import { BUSY_RETRY_DELAY_MS, deadlineExceeded } from "../../call-end.ts";
import type { Change } from "../../change.ts";
import type { Commit } from "../../database.ts";
import type { Statement } from "../statements.ts";
import { ConstraintError, change, type Steps } from "../steps.ts";
import { type CommitRequest, commitSteps, isSeen } from "./commit.ts";
import { createsFrom, insertTogether } from "./insert.ts";
import { type Prepared, type PreparedCreate, prepareOperation } from "./prepare.ts";
import type { Transaction } from "./transaction.ts";

/** How a commit ended. */
export type Outcome =
  | { readonly id: number; readonly commit: Commit; readonly error?: undefined }
  | { readonly id: number; readonly error: StoreError };

/** A commit on its way to the database. */
export interface PendingCommit extends Omit<CommitRequest, "only"> {
  readonly id: number;
  /** When the client stops waiting, in milliseconds since the epoch. */
  readonly deadlineMs: number;
  /** Until when it waits for the write lock, in milliseconds since the epoch. */
  readonly giveUpMs: number;
}

/** Told how commits have ended, and what they have changed. */
export type Report = (outcomes: readonly Outcome[], changes?: readonly Change[]) => void;

/** A commit that waits for the transaction. */
export interface Entry extends PendingCommit, CommitRequest {}

/** The open transaction, as all of its commits share it. */
export interface GroupTransaction extends Omit<Transaction, "revision" | "changes"> {
  /** The revision before the group. */
  readonly revision: bigint;
  /** The StoreError for what a statement has failed with. */
  translateError(error: unknown): StoreError;
  /** Told which commits what comes now is for, by their ids: from one to another, or all of the group. */
  readonly concern?: ((first?: number, last?: number) => void) | undefined;
}

/** What has become of a group. */
export interface AppliedGroup {
  readonly outcomes: readonly Outcome[];
  /** Those of the commits that are not taken back. */
  readonly changes: readonly Change[];
  /** That of the newest commit in it. */
  readonly revision: bigint;
  /** Whether there is anything to commit. */
  readonly changed: boolean;
}

/** How far the open transaction has come. */
interface Group {
  readonly shared: GroupTransaction;
  revision: bigint;
  readonly changes: Change[];
  changed: boolean;
}

const statement = (sql: string): Statement => ({ sql, parameters: [] });

const SAVEPOINT = statement("SAVEPOINT one");
const ROLLBACK_TO = statement("ROLLBACK TO one");
const RELEASE = statement("RELEASE one");

/** Carries out commits; what a lone one has done, if it fails, goes with the transaction. */
export function* applyGroup(
  shared: GroupTransaction,
  entries: readonly Entry[],
  isLone: boolean,
): Steps<AppliedGroup> {
  const group: Group = { shared, revision: shared.revision, changes: [], changed: false };
  const [first] = entries;
  const outcomes =
    isLone && first ? [yield* attempt(group, first)] : yield* applyAll(group, entries);
  return { outcomes, changes: group.changes, revision: group.revision, changed: group.changed };
}

function* applyAll(group: Group, entries: readonly Entry[]): Steps<Outcome[]> {
  const outcomes: Outcome[] = [];
  while (outcomes.length < entries.length) {
    const creates = createsFrom(entries, outcomes.length, onlyOperation, group.shared.inserts);
    const some = entries.slice(outcomes.length, outcomes.length + Math.max(creates.length, 1));
    group.shared.concern?.(some[0]?.id, some.at(-1)?.id);
    const together = yield* applyTogether(group, some, creates);
    if (together) outcomes.push(...together);
    else for (const entry of some) outcomes.push(yield* applyAlone(group, entry));
    group.shared.concern?.();
  }
  return outcomes;
}

/** Inserts the rows of several commits with one statement; undefined if that cannot be. */
function* applyTogether(
  group: Group,
  entries: readonly Entry[],
  creates: readonly PreparedCreate[],
): Steps<Outcome[] | undefined> {
  const first = group.revision + 1n;
  const news = creates.map((create, i) => ({ create, revision: first + BigInt(i) }));
  const tx = { ...group.shared, changes: group.changes };
  const stored = news.length > 1 ? yield* insertTogether(tx, news) : undefined;
  if (!stored) return undefined;
  group.revision += BigInt(stored.length);
  group.changed = true;
  return entries.map(({ id }, i) => ({
    id,
    commit: { revision: first + BigInt(i), messages: [stored[i]?.wire] },
  }));
}

/** A commit that can be taken back alone. */
function* applyAlone(group: Group, entry: Entry): Steps<Outcome> {
  group.shared.concern?.(entry.id);
  yield* change(SAVEPOINT);
  const outcome = yield* attempt(group, entry);
  if (outcome.error || entry.validateOnly) {
    yield* change(ROLLBACK_TO);
    group.shared.nextKeys.clear();
  }
  yield* change(RELEASE);
  return outcome;
}

function* attempt(group: Group, entry: Entry): Steps<Outcome> {
  try {
    return { id: entry.id, commit: yield* applyEntry(group, entry) };
  } catch (error) {
    // If the whole transaction is gone, so is what others did in it.
    if (!group.shared.isOpen()) throw error;
    const cause = error instanceof ConstraintError ? error.cause : error;
    return { id: entry.id, error: group.shared.translateError(cause) };
  }
}

function* applyEntry(group: Group, entry: Entry): Steps<Commit> {
  const revision = isSeen(entry.operations) ? group.revision + 1n : group.revision;
  const changes: Change[] = [];
  const commit = yield* commitSteps({ ...group.shared, revision, changes }, entry);
  // A request that was carried out before keeps the revision that it had.
  if (!entry.validateOnly && commit.revision === revision) {
    group.revision = revision;
    group.changed = true;
    for (const each of changes) group.changes.push(each);
  }
  return commit;
}

/** The operation of a commit that is nothing else. */
function onlyOperation({ only, request, validateOnly }: Entry): Prepared | undefined {
  return request || validateOnly ? undefined : only;
}

/** What is wrong with the message of a commit that has only one is found before the lock is taken. */
export function prepareAll(
  group: readonly PendingCommit[],
  registry: Registry,
  translateError: (error: unknown) => StoreError,
): [Entry[], Outcome[]] {
  const entries: Entry[] = [];
  const refused: Outcome[] = [];
  for (const pending of group) {
    try {
      const [first, ...others] = pending.operations;
      const only = first && others.length === 0 ? prepareOperation(first, registry) : undefined;
      entries.push({ ...pending, only });
    } catch (error) {
      refused.push({ id: pending.id, error: translateError(error) });
    }
  }
  return [entries, refused];
}

/** How a commit ends that has waited too long for the lock; undefined if it has not. */
export function whyOverdue(
  { id, deadlineMs, giveUpMs }: Entry,
  nowMs: number,
  attempt: number,
): Outcome | undefined {
  if (nowMs >= deadlineMs) return { id, error: deadlineExceeded() };
  if (attempt === 0 || nowMs < giveUpMs) return undefined;
  const retry = { retryDelayMs: BUSY_RETRY_DELAY_MS };
  return { id, error: new StoreError("DATABASE_BUSY", "the database is busy", retry) };
}
