// The child rows of a resource, such as the lines of an invoice: numbered and stored with it.
// Must not touch the row of the resource itself.

import type { Message } from "@bufbuild/protobuf";
import { type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import { invalidField, StoreError } from "../../errors.ts";
import { deleteByKey, insertChild, selectReferrers, updateChild } from "../../query/statements.ts";
import type { ChildPlan, ResourcePlan } from "../../schema/plan.ts";
import { formatName } from "../../schema/resource-name.ts";
import { type ChildRow, decodeChild, encodeCells } from "../../schema/row.ts";
import { keyTaken, nextKey, type Transaction } from "./transaction.ts";

/** The child rows to write and those to delete. */
export interface ChildChanges {
  readonly rows: readonly { readonly row: ChildRow; readonly exists: boolean }[];
  readonly removed: readonly bigint[];
}

/** The message whose child rows are to be written, and where it is. */
export interface ChildTarget {
  readonly plan: ResourcePlan;
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
export function prepareChildren(
  tx: Transaction,
  { plan, child, message, parentKey, path, keepKeys }: ChildTarget,
  previous: readonly ChildRow[],
): ChildChanges {
  const list = reflect(plan.desc, message).get(child.field);
  const items = [...list] as ReflectMessage[];
  const old = new Map(previous.map((row) => [row.key, row]));
  const resource = { type: plan.resource.type, name: formatName(plan.resource, parentKey) };
  const kept = new Set<bigint>();
  const rows = items.map((item, index) => {
    const itemPath = `${path}.${child.field.name}[${index}]`;
    const field = `${itemPath}.${child.keyField.name}`;
    const key = keyOf(child, item);
    const before = old.get(key);
    if (before) {
      old.delete(before.key);
    } else if (key === 0n) {
      item.set(child.keyField, freeKey(tx, child, keepKeys ? items : []));
    } else if (keepKeys && !kept.has(key)) {
      kept.add(key);
      refuseTaken(tx, child, key, field);
      keyTaken(tx, child, key);
    } else {
      throw invalidField(field, "must be 0, or the id of one that is there, and only once");
    }
    const stored = before && {
      message: decodeChild(child, before, tx.registry, resource),
      cells: before,
    };
    const cells = encodeCells(child, item.message, tx.registry, itemPath, stored);
    return { row: { key: keyOf(child, item), parentKey, ...cells }, exists: Boolean(before) };
  });
  list.clear();
  for (const item of items.toSorted((a, b) => compareKeys(child, a, b))) list.add(item);
  return { rows, removed: [...old.keys()] };
}

/** Writes and deletes the child rows; the parent's row is there. */
export function writeChildren(tx: Transaction, child: ChildPlan, changes: ChildChanges): void {
  for (const { row, exists } of changes.rows) {
    tx.runner.run(exists ? updateChild(child, row) : insertChild(child, row));
  }
  for (const key of changes.removed) tx.runner.run(deleteByKey(child, key));
}

/** A key that no row has, behind those of `items`. */
function freeKey(tx: Transaction, child: ChildPlan, items: readonly ReflectMessage[]): bigint {
  const key = nextKey(tx, child);
  const highest = items.map((item) => keyOf(child, item)).reduce((a, b) => (a > b ? a : b), 0n);
  if (key > highest) return key;
  keyTaken(tx, child, highest);
  return nextKey(tx, child);
}

function refuseTaken(tx: Transaction, child: ChildPlan, key: bigint, field: string): void {
  if (!tx.runner.get(selectReferrers(child, child.key, key))) return;
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
