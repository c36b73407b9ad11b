// The child rows of a resource, such as the lines of an order: numbered and stored with it.
// Must not touch the row of the resource itself.

import type { Message, Registry } from "@bufbuild/protobuf";
import { type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import { invalidField, StoreError } from "../../../errors.ts";
import type { ChildPlan, ColumnPlan, ResourcePlan, TablePlan } from "../../../schema/plan.ts";
import { formatName } from "../../../schema/resource-name.ts";
import {
  type Cells,
  type ChildRow,
  encodeCells,
  type PreviousCells,
  readChild,
  type Unreadable,
} from "../../../schema/row.ts";
import { selectPresence, selectReferrers } from "../statements.ts";
import { getRow, type Steps } from "../steps.ts";
import { deleteByKey, insertChild, updateChild } from "../write-statements.ts";
import { reserveKey, type Transaction, write } from "./transaction.ts";

/** The child rows to write and those to delete. */
export interface ChildChanges {
  readonly child: ChildPlan;
  readonly rows: readonly ChildChange[];
  readonly removed: readonly bigint[];
}

interface ChildChange {
  readonly row: ChildRow;
  /** Absent if the row is new. */
  readonly before: PreviousCells | undefined;
  /** Whether the row has got its key from us. */
  readonly isNumbered: boolean;
}

/** The message whose child rows are to be written, and where it is. */
export interface ChildTarget {
  readonly child: ChildPlan;
  readonly message: Message;
  readonly parentKey: bigint;
  readonly path: string;
  /** Whether new rows keep the keys that they have in the message. */
  readonly keepKeys: boolean;
}

/**
 * What makes the child rows of `parentKey` those of `message`. A child key of 0 is replaced by a new
 * one, any other must be that of a row in `previous` or, if keys are kept, of no row; the children
 * of `message` are put in the order of their keys.
 * @throws StoreError INVALID_FIELD, UNIQUE_VIOLATION, under `path`, for a key or a value that cannot
 * be.
 */
export function* prepareChildren(
  tx: Transaction,
  { child, message, parentKey, path, keepKeys }: ChildTarget,
  previous: readonly ChildRow[],
): Steps<ChildChanges> {
  const list = reflect(child.field.parent, message).get(child.field);
  const items = [...list] as ReflectMessage[];
  const old = new Map(previous.map((row) => [row.key, row]));
  const kept = new Set<bigint>();
  const rows: ChildChange[] = [];
  for (const [index, item] of items.entries()) {
    const itemPath = `${path}.${child.field.name}[${index}]`;
    const field = `${itemPath}.${child.keyField.name}`;
    const key = keyOf(child, item);
    const before = old.get(key);
    if (before) {
      old.delete(before.key);
    } else if (key === 0n) {
      item.set(child.keyField, yield* numberAfter(tx, child, keepKeys ? items : []));
    } else if (keepKeys && !kept.has(key)) {
      kept.add(key);
      yield* refuseTaken(child, key, field);
      yield* reserveKey(tx, child, key);
    } else {
      throw invalidField(field, "must be 0, or the id of one that is there, and only once");
    }
    const stored = before && readBefore(child, before, tx.registry);
    const cells = encodeCells(child, item.message, tx.registry, itemPath, stored);
    const row = { key: keyOf(child, item), parentKey, ...cells };
    rows.push({ row, before: stored?.cells, isNumbered: key === 0n });
  }
  list.clear();
  for (const item of items.toSorted((a, b) => compareKeys(child, a, b))) list.add(item);
  return { child, rows, removed: [...old.keys()] };
}

/** A child row as it is before its message is replaced. */
function readBefore(child: ChildPlan, row: ChildRow, registry: Registry) {
  const { message, unreadable } = readChild(child, row, registry);
  return { message, cells: previousCells(child, row, unreadable) };
}

/** The cells of a row, without those that cannot be read: whatever replaces them is written. */
export function previousCells(
  { columns }: TablePlan,
  cells: Cells,
  unreadable: Unreadable,
): PreviousCells {
  if (unreadable.size === 0) return cells;
  const own = new Set(columns.map(({ field }) => field));
  const isReadable = ({ field }: ColumnPlan) => !unreadable.has(field);
  return {
    columns: columns.map((column, i) => (isReadable(column) ? cells.columns[i] : undefined)),
    data: [...unreadable.keys()].every((field) => own.has(field)) ? cells.data : undefined,
  };
}

/** @throws StoreError FOREIGN_KEY if there are child rows of a row that does not exist yet. */
export function* refuseOrphans(
  plan: ResourcePlan,
  child: ChildPlan,
  parentKey: bigint,
): Steps<void> {
  if (!(yield* getRow(selectReferrers(child, child.parentKey, parentKey, 1)))) return;
  // They may be those of a row that is there: the insert says so.
  if (yield* getRow(selectPresence(plan, parentKey))) return;
  const subject = formatName(plan.resource, parentKey);
  const description = `${child.field.name} of an earlier ${subject} are still there`;
  const preconditions = [{ type: "FOREIGN_KEY", subject, description }];
  throw new StoreError("FOREIGN_KEY", `${subject}: ${description}`, { preconditions });
}

/** Writes and deletes the child rows; the parent's row is there. */
export function* writeChildren(
  tx: Transaction,
  { child, rows, removed }: ChildChanges,
): Steps<void> {
  for (const { row, before, isNumbered } of rows) {
    // Code of others may have inserted rows meanwhile.
    const key = tx.watch && isNumbered ? yield* reserveKey(tx, child) : row.key;
    const statement = before
      ? updateChild(child, row, before)
      : insertChild(child, { ...row, key });
    if (statement) yield* write(tx, child, statement, 1);
  }
  for (const key of removed) yield* write(tx, child, deleteByKey(child, key), 1);
}

/** Inserts new child rows, whose parents' rows are there. */
export function* insertChildren(
  tx: Pick<Transaction, "foreign" | "inserts">,
  child: ChildPlan,
  rows: readonly ChildRow[],
): Steps<void> {
  if (rows.length === 0) return;
  const together = tx.inserts.children(child, rows);
  if (together) return yield* write(tx, child, together, rows.length);
  for (const row of rows) yield* write(tx, child, insertChild(child, row), 1);
}

/** A key that no row has, after those of `items`. */
function* numberAfter(
  tx: Transaction,
  child: ChildPlan,
  items: readonly ReflectMessage[],
): Steps<bigint> {
  const key = yield* reserveKey(tx, child);
  const highest = items.map((item) => keyOf(child, item)).reduce((a, b) => (a > b ? a : b), 0n);
  if (key > highest) return key;
  yield* reserveKey(tx, child, highest);
  return yield* reserveKey(tx, child);
}

function* refuseTaken(child: ChildPlan, key: bigint, field: string): Steps<void> {
  if (!(yield* getRow(selectReferrers(child, child.key, key)))) return;
  const description = "is the id of another one already";
  const fields = [{ field, description }];
  throw new StoreError("UNIQUE_VIOLATION", `${field}: ${description}`, { fields });
}

function keyOf(child: ChildPlan, item: ReflectMessage): bigint {
  return item.get(child.keyField) as bigint;
}

function compareKeys(child: ChildPlan, a: ReflectMessage, b: ReflectMessage): number {
  return keyOf(child, a) < keyOf(child, b) ? -1 : 1;
}
