// Carries out the operations of a commit inside the open transaction: each message becomes a row,
// three ways in one statement. Begins and ends no transaction.

import type { Message } from "@bufbuild/protobuf";
import {
  invalidField,
  notFound,
  type Precondition,
  type ResourceIdentity,
  StoreError,
} from "../../errors.ts";
import { applyMask } from "../../query/field-mask.ts";
import {
  deleteByKey,
  deleteChildren,
  insertResource,
  selectByKey,
  selectChildren,
  toChildRow,
  toResourceRow,
  updateResource,
} from "../../query/statements.ts";
import type { ResourcePlan } from "../../schema/plan.ts";
import { formatName } from "../../schema/resource-name.ts";
import {
  type ChildRow,
  decodeRow,
  encodeCells,
  encodeWire,
  formatEtag,
  type ResourceRow,
  type RowIdentity,
  setIdentity,
} from "../../schema/row.ts";
import type { Operation } from "../database.ts";
import { prepareChildren, writeChildren } from "./children.ts";
import { isSqliteError } from "./connection.ts";
import { missingReferences, referrers } from "./references.ts";
import { nextKey, type Transaction } from "./transaction.ts";

/** Carries out one operation; the bytes of the message that it stored, if it stored one. */
export function applyOperation(tx: Transaction, operation: Operation): Uint8Array | undefined {
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

type OperationOf<K extends Operation["kind"]> = Extract<Operation, { kind: K }>;

function applyCreate(tx: Transaction, operation: OperationOf<"create">): Uint8Array {
  const { plan, message, path } = operation;
  const key = operation.key ?? nextKey(tx, plan);
  const identity = { key, revision: tx.revision, createdAt: tx.now, updatedAt: tx.now };
  return store(tx, plan, message, identity, path, undefined);
}

function applyUpdate(tx: Transaction, operation: OperationOf<"update">): Uint8Array {
  const { plan, key, patch, mask, etag, path } = operation;
  const stored = readStored(tx, plan, key);
  if (!stored) throw notFound(identify(plan, key));
  checkEtag(plan, stored.row, etag);
  const message = applyMask(plan, stored.message, patch, mask, path);
  const { createdAt } = stored.row;
  // A clock that was set back must not make an update older than the creation.
  const updatedAt = createdAt !== null && createdAt > tx.now ? createdAt : tx.now;
  const identity = { key, revision: tx.revision, createdAt, updatedAt };
  return store(tx, plan, message, identity, path, stored);
}

function applyDelete(tx: Transaction, { plan, key }: OperationOf<"delete">): undefined {
  try {
    for (const child of plan.children) {
      tx.runner.run(deleteChildren(child, key));
    }
    if (tx.runner.run(deleteByKey(plan, key)) === 0) throw notFound(identify(plan, key));
  } catch (error) {
    if (!isConstraint(error, "FOREIGNKEY")) throw error;
    const name = formatName(plan.resource, key);
    const found = referrers(tx.runner, tx.plans, plan, key);
    // What refers to it may be no resource, such as a track's place on a playlist.
    const other = { type: "FOREIGN_KEY", subject: name, description: "something refers to it" };
    throw foreignKeyError(`${name} is in use`, found.length > 0 ? found : [other], error);
  }
}

function applyExecute(tx: Transaction, { statement, check }: OperationOf<"execute">): undefined {
  try {
    const changes = tx.runner.run(statement);
    if (changes === 0 && check?.noRow) throw check.noRow;
  } catch (error) {
    if (check?.exists && isConstraint(error, "PRIMARYKEY")) throw check.exists;
    if (check?.foreignKey && isConstraint(error, "FOREIGNKEY")) throw check.foreignKey;
    throw error;
  }
}

interface Stored {
  readonly row: ResourceRow;
  readonly message: Message;
  /** The rows of each of the plan's children. */
  readonly children: readonly (readonly ChildRow[])[];
}

function readStored(tx: Transaction, plan: ResourcePlan, key: bigint): Stored | undefined {
  const statement = selectByKey(plan, key);
  const found = tx.runner.get(statement);
  if (!found) return undefined;
  const row = toResourceRow(found);
  const children = plan.children.map((child) =>
    tx.runner.all(selectChildren(plan, child, statement)).map(toChildRow),
  );
  return { row, children, message: decodeRow(plan, row, children, tx.registry) };
}

function checkEtag(plan: ResourcePlan, row: ResourceRow, etag: string): void {
  const current = formatEtag(row.revision);
  if (etag === "" || etag === current) return;
  const resource = identify(plan, row.key);
  throw new StoreError("ETAG_MISMATCH", `${resource.name} has changed: its etag is ${current}`, {
    resource,
    metadata: { current },
  });
}

/** Writes the row and its child rows; new child messages get their keys. */
function store(
  tx: Transaction,
  plan: ResourcePlan,
  message: Message,
  identity: RowIdentity,
  path: string,
  previous: Stored | undefined,
): Uint8Array {
  const children = plan.children.map((child, index) => {
    const rows = previous?.children[index] ?? [];
    const changes = prepareChildren(tx, plan, child, message, identity.key, rows, path);
    return { child, changes };
  });
  plan.derive?.(message, previous?.message);
  setIdentity(plan, message, identity);
  const before = previous && { message: previous.message, cells: previous.row };
  const cells = encodeCells(plan, message, tx.registry, path, before);
  const wire = encodeWire(plan, message);
  if (wire.length > tx.messageBytesMax) {
    // It could be written, and never be sent again.
    throw invalidField(path, `must have at most ${tx.messageBytesMax} bytes as it is encoded`);
  }
  const row = { ...identity, ...cells, wire };
  try {
    tx.runner.run(previous ? updateResource(plan, row) : insertResource(plan, row));
    for (const { child, changes } of children) writeChildren(tx, child, changes);
  } catch (error) {
    throw explainStoreError(tx, plan, message, identity.key, path, error);
  }
  return wire;
}

function explainStoreError(
  tx: Transaction,
  plan: ResourcePlan,
  message: Message,
  key: bigint,
  path: string,
  error: unknown,
): unknown {
  if (isConstraint(error, "FOREIGNKEY")) {
    const preconditions = missingReferences(tx.runner, tx.plans, plan, message, path);
    return foreignKeyError("a resource that it refers to does not exist", preconditions, error);
  }
  if (!isConstraint(error, "PRIMARYKEY") && !isConstraint(error, "UNIQUE")) return error;
  const resource = identify(plan, key);
  return isConstraint(error, "PRIMARYKEY")
    ? new StoreError("RESOURCE_EXISTS", `${resource.name} exists already`, { resource })
    : new StoreError("UNIQUE_VIOLATION", "another row has the same value", { resource });
}

function foreignKeyError(
  message: string,
  preconditions: readonly Precondition[],
  cause: unknown,
): StoreError {
  return new StoreError("FOREIGN_KEY", message, { preconditions, cause });
}

function isConstraint(error: unknown, kind: "FOREIGNKEY" | "PRIMARYKEY" | "UNIQUE"): boolean {
  return isSqliteError(error) && error.code === `SQLITE_CONSTRAINT_${kind}`;
}

function identify(plan: ResourcePlan, key: bigint): ResourceIdentity {
  return { type: plan.resource.type, name: formatName(plan.resource, key) };
}
