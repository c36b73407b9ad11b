// Carries out the operations of a commit inside the open transaction: each message becomes a row,
// three ways in one statement. Begins and ends no transaction.

import { notFound, StoreError } from "../../errors.ts";
import { applyMask } from "../../query/field-mask.ts";
import { checkRanges } from "../../schema/ranges.ts";
import type { ExecuteOperation, Operation } from "../database.ts";
import { applyDelete } from "./delete.ts";
import { createsFrom, insertTogether, TOGETHER_MAX } from "./insert.ts";
import {
  checkNew,
  type Prepared,
  type PreparedCreate,
  type PreparedUpdate,
  prepareOperation,
} from "./prepare.ts";
import { checkEtag, identify, isConstraint, readStored, type Stored, store } from "./stored.ts";
import { keyTaken, nextKey, type Transaction } from "./transaction.ts";

/** What the operations stored: for each its bytes, if it stored any. */
type StoredBytes = (Uint8Array | undefined)[];

/** Prepares operations and carries them out, in their order. */
export function applyOperations(tx: Transaction, operations: readonly Operation[]): StoredBytes {
  const stored: StoredBytes = [];
  // Some at a time: what all messages of a batch are decoded to would outlive the young generation.
  for (let i = 0; i < operations.length; i += TOGETHER_MAX) {
    const some = operations.slice(i, i + TOGETHER_MAX);
    const prepared = some.map((each) => prepareOperation(each, tx.registry));
    stored.push(...applyPrepared(tx, prepared));
  }
  return stored;
}

/** Carries out operations in their order. */
export function applyPrepared(tx: Transaction, operations: readonly Prepared[]): StoredBytes {
  const stored: StoredBytes = [];
  while (stored.length < operations.length) {
    const creates = createsFrom(operations, stored.length, (operation) => operation);
    const news = creates.map((create) => ({ create, revision: tx.revision }));
    const together = news.length > 1 ? insertTogether(tx, news) : undefined;
    // One that cannot be inserted is found, and given its name, where they go one by one.
    const some = operations.slice(stored.length, stored.length + Math.max(news.length, 1));
    stored.push(...(together ?? some.map((operation) => applyOperation(tx, operation))));
  }
  return stored;
}

function applyOperation(tx: Transaction, operation: Prepared): Uint8Array | undefined {
  try {
    return apply(tx, operation);
  } catch (error) {
    throw nameItem(error, operation.item);
  }
}

function apply(tx: Transaction, operation: Prepared): Uint8Array | undefined {
  switch (operation.kind) {
    case "create":
      return applyCreate(tx, operation);
    case "update":
      return applyUpdate(tx, operation);
    case "delete":
      return applyDelete(tx, operation);
    case "execute":
      return applyExecute(tx, operation);
  }
}

/** Tells which item of a batch failed, unless the paths of its fields tell it already. */
function nameItem(error: unknown, item: string | undefined): unknown {
  if (item === undefined || !(error instanceof StoreError) || error.details.fields) return error;
  const metadata = { ...error.details.metadata, item };
  return new StoreError(error.code, `${item}: ${error.message}`, { ...error.details, metadata });
}

function applyCreate(tx: Transaction, create: PreparedCreate): Uint8Array {
  const { plan, given, message, path, cells, keepChildKeys } = create;
  const key = create.key ?? nextKey(tx, plan);
  keyTaken(tx, plan, key);
  const identity = { key, revision: tx.revision, createdAt: tx.now, updatedAt: tx.now };
  return store(tx, plan, message, identity, path, { given, cells, keepChildKeys });
}

function applyUpdate(tx: Transaction, operation: PreparedUpdate): Uint8Array {
  const { plan, key, patch: message, path } = operation;
  const stored = readStored(tx, plan, key);
  if (stored) return applyChange(tx, operation, stored);
  if (!operation.allowMissing) throw notFound(identify(plan, key));
  const cells = checkNew(plan, message, path, tx.registry);
  return applyCreate(tx, { kind: "create", plan, message, given: undefined, key, path, cells });
}

function applyChange(tx: Transaction, operation: PreparedUpdate, previous: Stored): Uint8Array {
  const { plan, key, patch, mask, etag, path } = operation;
  checkEtag(plan, previous.row, etag);
  const message = applyMask(plan, previous.message, patch, mask, path);
  checkRanges(plan.desc, message, path, mask.selection);
  const { createdAt } = previous.row;
  // A clock that was set back must not make an update older than the creation.
  const updatedAt = createdAt !== null && createdAt > tx.now ? createdAt : tx.now;
  const identity = { key, revision: tx.revision, createdAt, updatedAt };
  return store(tx, plan, message, identity, path, { previous });
}

function applyExecute(tx: Transaction, { statement, check }: ExecuteOperation): undefined {
  try {
    const changes = tx.runner.run(statement);
    if (changes === 0 && check?.noRow) throw check.noRow;
  } catch (error) {
    if (check?.exists && isConstraint(error, "PRIMARYKEY")) throw check.exists;
    if (check?.foreignKey && isConstraint(error, "FOREIGNKEY")) throw check.foreignKey;
    throw error;
  }
}
