// Carries out the operations of a commit inside the open transaction: each message becomes a row,
// three ways in one statement. Begins and ends no transaction.

import { invalidField, notFound, StoreError } from "../../../errors.ts";
import { applyMask } from "../../../query/field-mask.ts";
import { checkRanges } from "../../../schema/ranges.ts";
import { formatName, identify } from "../../../schema/resource-name.ts";
import type { CheckOperation, ExecuteOperation, Operation } from "../../database.ts";
import { selectPresence } from "../statements.ts";
import { ConstraintError, change, getRow, type Steps } from "../steps.ts";
import { applyDelete } from "./delete.ts";
import { applyFill } from "./fill.ts";
import { createsFrom, insertTogether } from "./insert.ts";
import { applyMend } from "./mend.ts";
import { checkNew, type Prepared, type PreparedUpdate, prepareOperation } from "./prepare.ts";
import { checkEtag, insert, readStored, replace, type Stored, type Written } from "./stored.ts";
import { type Transaction, writeRefused } from "./transaction.ts";

/** What the operations stored: for each its row, if it stored any. */
type StoredRows = (Written | undefined)[];

/** Prepares operations and carries them out, in their order. */
export function* applyOperations(
  tx: Transaction,
  operations: readonly Operation[],
): Steps<StoredRows> {
  const stored: StoredRows = [];
  const updated = new Set<string>();
  // Some at a time: what all messages of a batch are decoded to would outlive the young generation.
  for (let i = 0; i < operations.length; i += tx.inserts.rowsMax) {
    const some = operations.slice(i, i + tx.inserts.rowsMax);
    const prepared = some.map((each) => prepareOperation(each, tx.registry));
    for (const each of prepared) if (each.kind === "update") refuseTwice(updated, each);
    stored.push(...(yield* applyPrepared(tx, prepared)));
  }
  return stored;
}

/** Both would be answered with the one etag, by which the first could then undo the second. */
function refuseTwice(updated: Set<string>, { plan, key, path }: PreparedUpdate): void {
  const name = formatName(plan.resource, key);
  if (updated.has(name)) throw invalidField(`${path}.name`, `${name} is updated twice`);
  updated.add(name);
}

/** Carries out operations in their order. */
function* applyPrepared(tx: Transaction, operations: readonly Prepared[]): Steps<StoredRows> {
  const stored: StoredRows = [];
  while (stored.length < operations.length) {
    const creates = createsFrom(operations, stored.length, (operation) => operation, tx.inserts);
    const news = creates.map((create) => ({ create, revision: tx.revision }));
    const together = news.length > 1 ? yield* insertTogether(tx, news) : undefined;
    if (together) {
      stored.push(...together);
      continue;
    }
    // One that cannot be inserted is found, and given its name, where they go one by one.
    const some = operations.slice(stored.length, stored.length + Math.max(news.length, 1));
    for (const operation of some) stored.push(yield* applyOperation(tx, operation));
  }
  return stored;
}

/** Carries out one operation. */
export function applyOperation(tx: Transaction, operation: Prepared): Steps<Written | undefined> {
  const { item } = operation;
  if (item === undefined) return apply(tx, operation);
  return applyItem(tx, operation, item);
}

/** Carries out an operation of a batch, and tells which one it was that failed. */
function* applyItem(
  tx: Transaction,
  operation: Prepared,
  item: string,
): Steps<Written | undefined> {
  try {
    return yield* apply(tx, operation);
  } catch (error) {
    throw nameItem(error, item);
  }
}

function apply(tx: Transaction, operation: Prepared): Steps<Written | undefined> {
  switch (operation.kind) {
    case "create":
      return insert(tx, operation);
    case "update":
      return applyUpdate(tx, operation);
    case "delete":
      return applyDelete(tx, operation);
    case "check":
      return applyCheck(operation);
    case "fill":
      return applyFill(tx, operation);
    case "mend":
      return applyMend(tx, operation);
    case "execute":
      return applyExecute(operation);
  }
}

/** An error that names the item, unless the paths of its fields do already. */
function nameItem(error: unknown, item: string): unknown {
  if (!(error instanceof StoreError) || error.details.fields) return error;
  const metadata = { ...error.details.metadata, item };
  return new StoreError(error.code, `${item}: ${error.message}`, { ...error.details, metadata });
}

function* applyUpdate(tx: Transaction, operation: PreparedUpdate): Steps<Written> {
  const { plan, key, patch: message, path, etag } = operation;
  const previous = yield* readStored(tx, plan, key);
  if (previous) return yield* applyChange(tx, operation, previous);
  const resource = identify(plan, key);
  if (!operation.allowMissing) throw notFound(resource);
  // An etag is that of a row that was there.
  if (etag !== "") {
    throw new StoreError("ETAG_MISMATCH", `${resource.name} is not there any more`, { resource });
  }
  const cells = checkNew(plan, message, path, tx.registry);
  return yield* insert(tx, { plan, message, key, path, cells });
}

function applyChange(tx: Transaction, operation: PreparedUpdate, previous: Stored): Steps<Written> {
  const { plan, patch, mask, etag, path } = operation;
  checkEtag(plan, previous.row, etag);
  const message = applyMask(plan, previous.message, patch, mask, path);
  checkRanges(plan.desc, message, path, mask.selection);
  return replace(tx, plan, { previous, message, selection: mask.selection, path });
}

function* applyCheck({ plan, key }: CheckOperation): Steps<undefined> {
  if (!(yield* getRow(selectPresence(plan, key)))) throw notFound(identify(plan, key));
}

function* applyExecute({ statement, check }: ExecuteOperation): Steps<undefined> {
  try {
    const changes = yield* change(statement);
    if (changes === 0 && check?.noRow) throw check.noRow;
    if (check?.rows !== undefined && changes !== check.rows) throw writeRefused();
  } catch (error) {
    const refused = error instanceof ConstraintError ? error.kind : undefined;
    if (check?.exists && refused === "primaryKey") throw check.exists;
    if (check?.foreignKey && refused === "foreignKey") throw check.foreignKey;
    throw error;
  }
}
