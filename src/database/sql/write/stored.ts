// Reads and writes one stored message inside the open transaction: its row and its child rows.
// Decides nothing: which message is to be stored is the business of the operations.

import type { DescField, Message } from "@bufbuild/protobuf";
import { invalidField, type Precondition, StoreError } from "../../../errors.ts";
import type { Selection } from "../../../query/field-mask/selection.ts";
import { accessOf } from "../../../schema/access.ts";
import { createWire } from "../../../schema/create-wire.ts";
import type { ResourcePlan } from "../../../schema/plan.ts";
import { identify } from "../../../schema/resource-name.ts";
import {
  type Cells,
  type ChildRow,
  decodeRow,
  encodeCells,
  formatEtag,
  type Readable,
  type ResourceRow,
  rebuildReadable,
  trustedWire,
  unreadableRow,
} from "../../../schema/row.ts";
import { dropUnknownMembers } from "../../../schema/unknown-members.ts";
import type { Change } from "../../change.ts";
import { type Statement, selectByKey } from "../statements.ts";
import { ConstraintError, type Steps } from "../steps.ts";
import { readWholeRows } from "../whole-rows.ts";
import { insertResource, updateResource } from "../write-statements.ts";
import {
  type ChildChanges,
  prepareChildren,
  previousCells,
  refuseOrphans,
  writeChildren,
} from "./children.ts";
import { recordChange } from "./record-change.ts";
import { missingReferences } from "./references.ts";
import { freeKey, type Transaction, takeKey } from "./transaction.ts";

/** A row and as much of its message as can be read, before an operation changes it. */
export interface Stored extends Readable {
  readonly row: ResourceRow;
  /** The rows of each of the plan's children. */
  readonly children: readonly (readonly ChildRow[])[];
}

/** A row as it was written, with its bytes. */
export interface Written {
  readonly key: bigint;
  readonly wire: Uint8Array;
}

/** The row with this key, if there is one. */
export function* readStored(
  tx: Transaction,
  plan: ResourcePlan,
  key: bigint,
): Steps<Stored | undefined> {
  const [whole] = yield* readWholeRows(plan, selectByKey(plan, key), tx.dialect);
  if (!whole) return undefined;
  const { row, children } = whole;
  const isTrusted = trustedWire(plan, row) !== undefined;
  // Where there are child rows, they say what is in the message, and not its bytes.
  const readable =
    isTrusted && children.length === 0
      ? { message: decodeRow(plan, row, children, tx.registry), unreadable: new Map() }
      : rebuildReadable(plan, row, children, tx.registry);
  return { row, children, ...readable };
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

/** A message that becomes a new row. */
export interface NewMessage {
  readonly plan: ResourcePlan;
  readonly message: Message;
  /** The key of the row, if the client chose one. */
  readonly key?: bigint | undefined;
  readonly path: string;
  /** The cells of the message, if they are made already. */
  readonly cells: Cells | undefined;
  /** Whether new child rows keep the keys that they have in the message. */
  readonly keepChildKeys?: boolean | undefined;
}

/** Inserts the row and its child rows, whose messages get their keys. */
export function* insert(
  tx: Transaction,
  { plan, message, key: chosen, path, cells: ready, keepChildKeys = false }: NewMessage,
): Steps<Written> {
  const key = takeKey(tx, plan, yield* freeKey(tx, plan), chosen);
  const identity = { key, revision: tx.revision, createdAt: tx.now, updatedAt: tx.now };
  const children: ChildChanges[] = [];
  for (const child of plan.children) {
    yield* refuseOrphans(plan, child, key);
    const target = { child, message, parentKey: key, path, keepKeys: keepChildKeys };
    children.push(yield* prepareChildren(tx, target, []));
  }
  if (!ready) plan.derive?.(message, undefined);
  const cells = ready ?? encodeCells(plan, message, tx.registry, path);
  const wire = checkSize(tx, path, createWire(plan, undefined, message, identity));
  const row = { ...identity, ...cells, wire };
  const change = { kind: "create", plan, rows: [row] } as const;
  yield* writeMessage(tx, change, insertResource(plan, row), children, { message, key, path });
  return row;
}

/** What takes the place of a stored message. */
export interface Replacement {
  readonly previous: Stored;
  /** What is to be stored, which differs in `selection` at most and in what follows from it. */
  readonly message: Message;
  readonly selection: Selection;
  readonly path: string;
}

/**
 * Writes of a row what differs, and of its child rows those whose field is selected.
 * @throws StoreError ROW_UNREADABLE if that leaves a field which cannot be read.
 */
export function* replace(
  tx: Transaction,
  plan: ResourcePlan,
  { previous, message, selection, path }: Replacement,
): Steps<Written> {
  const { key, createdAt } = previous.row;
  const selected = new Map(selection.fields(plan.desc));
  if (mayHaveUnknown(previous)) dropUnknownMembers(plan.desc, message, tx.registry);
  const children: ChildChanges[] = [];
  for (const [index, child] of plan.children.entries()) {
    if (!selected.has(child.field)) continue;
    const target = { child, message, parentKey: key, path, keepKeys: false };
    children.push(yield* prepareChildren(tx, target, previous.children[index] ?? []));
  }
  plan.derive?.(message, previous.message);
  refuseUnreadable(plan, previous, message, selected);
  // A clock that was set back must not make an update older than the creation.
  const updatedAt = createdAt !== null && createdAt > tx.now ? createdAt : tx.now;
  const identity = { key, revision: tx.revision, createdAt, updatedAt };
  const before = previousCells(plan, previous.row, previous.unreadable);
  const known = { message: previous.message, cells: before };
  const cells = encodeCells(plan, message, tx.registry, path, known);
  const wire = checkSize(tx, path, createWire(plan, undefined, message, identity));
  const row = { ...identity, ...cells, wire };
  const statement = updateResource(plan, row, before);
  const change = { kind: "update", plan, rows: [row] } as const;
  yield* writeMessage(tx, change, statement, children, { message, key, path });
  return row;
}

/** JSON says whether there are unknown fields; without bytes, its own keys may be such. */
function mayHaveUnknown({ row, children }: Stored): boolean {
  if (row.wire === null || row.checksum === null) return true;
  return hasUnknownMark([row, ...children.flat()]);
}

/** True if the JSON of one of the rows has unknown fields, as this and other servers write them. */
export function hasUnknownMark(rows: readonly Cells[]): boolean {
  return rows.some(({ data }) => String(data).includes('"$unknown"'));
}

/** A field that could not be read must be among those that are replaced, or follow from them. */
function refuseUnreadable(
  plan: ResourcePlan,
  { row, unreadable }: Stored,
  message: Message,
  selected: ReadonlyMap<DescField, Selection>,
): void {
  // An update writes these anyway.
  const { etag, updateTime } = plan.standard;
  const isMended = (field: DescField) => {
    const child = plan.children.find(({ desc }) => field.parent === desc);
    const own = child?.field ?? field;
    const isReplaced = selected.get(own)?.isWhole ?? false;
    return isReplaced || (!child && accessOf(own).get(message) !== undefined);
  };
  const left = [...unreadable].filter(
    ([field]) => field !== etag && field !== updateTime && !isMended(field),
  );
  if (left.length > 0) throw unreadableRow(plan, row.key, new Map(left));
}

/** A message that is larger could be written, and never be sent again. */
function checkSize(tx: Transaction, path: string, wire: Uint8Array): Uint8Array {
  if (wire.length <= tx.messageBytesMax) return wire;
  throw invalidField(path, `must have at most ${tx.messageBytesMax} bytes as it is encoded`);
}

/** Writes a row and its child rows, and says of a constraint what it means for the message. */
function* writeMessage(
  tx: Transaction,
  change: Change,
  statement: Statement,
  children: readonly ChildChanges[],
  { message, key, path }: { message: Message; key: bigint; path: string },
): Steps<void> {
  const { plan } = change;
  const resource = identify(plan, key);
  try {
    yield* recordChange(tx, change, statement, resource);
    for (const changes of children) yield* writeChildren(tx, changes);
  } catch (error) {
    if (!(error instanceof ConstraintError)) throw error;
    switch (error.kind) {
      case "foreignKey": {
        const missing = yield* missingReferences(tx.plans, plan, message, path);
        const text = "a resource that it refers to does not exist";
        throw foreignKeyError(text, missing, error.cause);
      }
      case "primaryKey":
        throw new StoreError("RESOURCE_EXISTS", `${resource.name} exists already`, { resource });
      case "unique":
        throw new StoreError("UNIQUE_VIOLATION", "another row has the same value", { resource });
      case "other":
        throw error;
    }
  }
}

/** The error for a reference that would point to nothing. */
export function foreignKeyError(
  message: string,
  preconditions: readonly Precondition[],
  cause?: unknown,
): StoreError {
  return new StoreError("FOREIGN_KEY", message, { preconditions, cause });
}
