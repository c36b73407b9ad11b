// Carries out the operations of a commit inside the open transaction: each message becomes a row,
// three ways in one statement. Begins and ends no transaction.

import { notFound, StoreError } from "../../errors.ts";
import { applyMask } from "../../query/field-mask.ts";
import { applyDefaults, checkRequired } from "../../schema/behavior.ts";
import type { CreateOperation, ExecuteOperation, Operation, UpdateOperation } from "../database.ts";
import { applyDelete } from "./delete.ts";
import { checkEtag, identify, isConstraint, readStored, type Stored, store } from "./stored.ts";
import { nextKey, type Transaction } from "./transaction.ts";

/** Carries out one operation; the bytes of the message that it stored, if it stored one. */
export function applyOperation(tx: Transaction, operation: Operation): Uint8Array | undefined {
  try {
    return apply(tx, operation);
  } catch (error) {
    throw operation.item === undefined ? error : nameItem(error, operation.item);
  }
}

function apply(tx: Transaction, operation: Operation): Uint8Array | undefined {
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
function nameItem(error: unknown, item: string): unknown {
  if (!(error instanceof StoreError) || error.details.fields) return error;
  const metadata = { ...error.details.metadata, item };
  return new StoreError(error.code, `${item}: ${error.message}`, { ...error.details, metadata });
}

function applyCreate(tx: Transaction, operation: CreateOperation): Uint8Array {
  const { plan, message, path, keepChildKeys } = operation;
  const key = operation.key ?? nextKey(tx, plan);
  const identity = { key, revision: tx.revision, createdAt: tx.now, updatedAt: tx.now };
  return store(tx, plan, message, identity, path, undefined, keepChildKeys);
}

function applyUpdate(tx: Transaction, operation: UpdateOperation): Uint8Array {
  const { plan, key } = operation;
  const stored = readStored(tx, plan, key);
  if (stored) return applyChange(tx, operation, stored);
  if (!operation.allowMissing) throw notFound(identify(plan, key));
  const { patch: message, path } = operation;
  checkRequired(plan.desc, message, path);
  applyDefaults(plan, message);
  return applyCreate(tx, { kind: "create", plan, message, key, path });
}

function applyChange(tx: Transaction, operation: UpdateOperation, stored: Stored): Uint8Array {
  const { plan, key, patch, mask, etag, path } = operation;
  checkEtag(plan, stored.row, etag);
  const message = applyMask(plan, stored.message, patch, mask, path);
  const { createdAt } = stored.row;
  // A clock that was set back must not make an update older than the creation.
  const updatedAt = createdAt !== null && createdAt > tx.now ? createdAt : tx.now;
  const identity = { key, revision: tx.revision, createdAt, updatedAt };
  return store(tx, plan, message, identity, path, stored);
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
