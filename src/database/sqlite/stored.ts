// Reads and writes one stored message inside the open transaction: its row and its child rows.
// Decides nothing: which message is to be stored is the business of the operations.

import type { Message } from "@bufbuild/protobuf";
import {
  invalidField,
  type Precondition,
  type ResourceIdentity,
  StoreError,
} from "../../errors.ts";
import {
  insertResource,
  selectByKey,
  selectChildren,
  toChildRow,
  toResourceRow,
  updateResource,
} from "../../query/statements.ts";
import { createWire } from "../../schema/create-wire.ts";
import type { ResourcePlan } from "../../schema/plan.ts";
import { formatName } from "../../schema/resource-name.ts";
import {
  type Cells,
  type ChildRow,
  decodeRow,
  encodeCells,
  formatEtag,
  type ResourceRow,
  type RowIdentity,
} from "../../schema/row.ts";
import { prepareChildren, writeChildren } from "./children.ts";
import { isSqliteError } from "./connection.ts";
import { missingReferences } from "./references.ts";
import type { Transaction } from "./transaction.ts";

/** A row with its message, as it is before an operation changes it. */
export interface Stored {
  readonly row: ResourceRow;
  readonly message: Message;
  /** The rows of each of the plan's children. */
  readonly children: readonly (readonly ChildRow[])[];
}

/** The row with this key, if there is one. */
export function readStored(tx: Transaction, plan: ResourcePlan, key: bigint): Stored | undefined {
  const statement = selectByKey(plan, key);
  const found = tx.runner.get(statement);
  if (!found) return undefined;
  const row = toResourceRow(plan, found);
  const children = plan.children.map((child) =>
    tx.runner.all(selectChildren(plan, child, statement)).map(toChildRow),
  );
  return { row, children, message: decodeRow(plan, row, children, tx.registry) };
}

/** @throws StoreError ETAG_MISMATCH if the row has not the etag that was asked for. */
export function checkEtag(plan: ResourcePlan, row: ResourceRow, etag: string): void {
  const current = formatEtag(row.revision);
  if (etag === "" || etag === current) return;
  const resource = identify(plan, row.key);
  throw new StoreError("ETAG_MISMATCH", `${resource.name} has changed: its etag is ${current}`, {
    resource,
    metadata: { current },
  });
}

interface StoreOptions {
  /** What the row is now; absent if it is new. */
  readonly previous?: Stored;
  /** The bytes that the message was decoded from, if it is new and they came from the client. */
  readonly given?: Uint8Array | undefined;
  /** The cells of the message, if they are made already. */
  readonly cells?: Cells | undefined;
  /** Whether new child rows keep the keys that they have in the message. */
  readonly keepChildKeys?: boolean | undefined;
}

/** Writes the row and its child rows; new child messages get their keys. Gives the bytes. */
export function store(
  tx: Transaction,
  plan: ResourcePlan,
  message: Message,
  identity: RowIdentity,
  path: string,
  { previous, given, cells: ready, keepChildKeys = false }: StoreOptions,
): Uint8Array {
  const children = plan.children.map((child, index) => {
    const rows = previous?.children[index] ?? [];
    const target = { plan, child, message, parentKey: identity.key, path, keepKeys: keepChildKeys };
    const changes = prepareChildren(tx, target, rows);
    return { child, changes };
  });
  const cells = ready ?? makeCells(tx, plan, message, path, previous);
  const wire = createWire(plan, given, message, identity);
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

function makeCells(
  tx: Transaction,
  plan: ResourcePlan,
  message: Message,
  path: string,
  previous: Stored | undefined,
): Cells {
  plan.derive?.(message, previous?.message);
  const before = previous && { message: previous.message, cells: previous.row };
  return encodeCells(plan, message, tx.registry, path, before);
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

/** The error for a reference that would point to nothing. */
export function foreignKeyError(
  message: string,
  preconditions: readonly Precondition[],
  cause: unknown,
): StoreError {
  return new StoreError("FOREIGN_KEY", message, { preconditions, cause });
}

/** True if SQLite refused a statement because of a constraint of this kind. */
export function isConstraint(
  error: unknown,
  kind: "FOREIGNKEY" | "PRIMARYKEY" | "UNIQUE",
): boolean {
  return isSqliteError(error) && error.code === `SQLITE_CONSTRAINT_${kind}`;
}

/** Type and name of the resource with this key. */
export function identify(plan: ResourcePlan, key: bigint): ResourceIdentity {
  return { type: plan.resource.type, name: formatName(plan.resource, key) };
}
