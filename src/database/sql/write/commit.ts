// The steps of one commit inside the open transaction: what it writes, what it is answered with, and
// what is remembered of its request. Begins and ends no transaction.

import type { Commit, Operation, RequestIdentity } from "../../database.ts";
import { change, type Steps } from "../steps.ts";
import { refuseLargeAnswer, storedMessages } from "./answer.ts";
import { applyOperation, applyOperations } from "./apply.ts";
import { takeWrongBytes } from "./foreign-changes.ts";
import type { Prepared } from "./prepare.ts";
import { findCompleted, rememberCompleted } from "./requests.ts";
import type { Transaction } from "./transaction.ts";

/** What is to be committed. */
export interface CommitRequest {
  readonly operations: readonly Operation[];
  /** The operation of a commit that has only one, decoded and checked. */
  readonly only: Prepared | undefined;
  readonly validateOnly: boolean;
  readonly request: RequestIdentity | undefined;
  /** Whether the stored messages are wanted. */
  readonly answered: boolean;
}

/**
 * Carries out a commit, which must be taken back if this fails or if it is only to be validated. A
 * request that was carried out before ends with the revision that it had.
 */
export function* commitSteps(
  tx: Transaction,
  { only, operations, request, validateOnly, answered }: CommitRequest,
): Steps<Commit> {
  const nowMs = Date.parse(tx.now);
  const notBeforeMs = nowMs - tx.requestRetentionMs;
  const identity = validateOnly ? undefined : request;
  const completed = identity && (yield* findCompleted(identity, notBeforeMs));
  if (completed) return completed;
  if (tx.watch) yield* change(tx.watch.revise(tx.revision));
  const written = only ? [yield* applyOperation(tx, only)] : yield* applyOperations(tx, operations);
  if (tx.watch?.isWithin) yield* takeWrongBytes(tx);
  // Without code of others, what was written is what is there.
  const stored = tx.watch
    ? yield* storedMessages(tx, operations, written)
    : written.map((row) => row?.wire);
  const messages = answered ? stored : [];
  refuseLargeAnswer(messages, tx.answerBytesMax);
  const commit = { revision: tx.revision, messages };
  if (identity) yield* rememberCompleted(identity, commit, nowMs, notBeforeMs);
  return commit;
}

/** Whether clients see what the operations change: then their commit takes a revision. */
export function isSeen(operations: readonly Operation[]): boolean {
  return operations.some(
    (each) => each.kind !== "fill" && !(each.kind === "execute" && each.unseen),
  );
}
