// What a commit answers with: the messages as they are stored when all of its operations are carried
// out, whatever code of others has made of them. Runs inside the transaction, and writes nothing.

import { toBinary } from "@bufbuild/protobuf";
import type { ResourcePlan } from "../../../schema/plan.ts";
import { identify } from "../../../schema/resource-name.ts";
import { trustedWire, unreadableRow } from "../../../schema/row.ts";
import type { Commit, DeleteOperation, Operation } from "../../database.ts";
import { selectPresence, selectReferrers } from "../statements.ts";
import { rowsOfEach, type Steps } from "../steps.ts";
import { refuseTooLarge } from "./answer-size.ts";
import { readStored, type Written } from "./stored.ts";
import { type Transaction, writeRefused } from "./transaction.ts";

/**
 * The messages that the operations have stored, read again.
 * @throws StoreError WRITE_REFUSED if a row is not there that was written, or there that was deleted;
 * ROW_UNREADABLE if it cannot be read as code of others has left it.
 */
export function* storedMessages(
  tx: Transaction,
  operations: readonly Operation[],
  written: readonly (Written | undefined)[],
): Steps<Commit["messages"]> {
  const messages: (Uint8Array | undefined)[] = [];
  for (const [index, operation] of operations.entries()) {
    messages.push(yield* storedMessage(tx, operation, written[index]));
  }
  return messages;
}

function* storedMessage(
  tx: Transaction,
  operation: Operation,
  row: Written | undefined,
): Steps<Uint8Array | undefined> {
  if (operation.kind === "delete") return yield* checkDeleted(operation);
  // No code of others has run for it.
  if (operation.kind === "fill") return row?.wire;
  if (!row || (operation.kind !== "create" && operation.kind !== "update")) return undefined;
  return yield* readAgain(tx, operation.plan, row.key);
}

function* readAgain(tx: Transaction, plan: ResourcePlan, key: bigint): Steps<Uint8Array> {
  const stored = yield* readStored(tx, plan, key);
  if (!stored) throw writeRefused(identify(plan, key));
  const { message, unreadable, row } = stored;
  if (unreadable.size > 0) throw unreadableRow(plan, key, unreadable);
  return trustedWire(plan, row) ?? toBinary(plan.desc, message);
}

function* checkDeleted({ plan, key }: DeleteOperation): Steps<undefined> {
  const ofChildren = plan.children.map((child) => selectReferrers(child, child.parentKey, key, 1));
  const left = yield* rowsOfEach([selectPresence(plan, key), ...ofChildren]);
  if (left.some((rows) => rows.length > 0)) throw writeRefused(identify(plan, key));
}

/** Tag and length of a message in a list of the answer, at most. */
const FRAME_BYTES = 6;

/** @throws StoreError ANSWER_TOO_LARGE if the messages have more than `bytesMax` as they are sent. */
export function refuseLargeAnswer(messages: Commit["messages"], bytesMax: number): void {
  const lengths = messages.flatMap((message) => message?.length ?? []);
  refuseTooLarge(lengths, (length) => length + FRAME_BYTES, bytesMax);
}
