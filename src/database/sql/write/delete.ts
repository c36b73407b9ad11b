// Deletes a row inside the open transaction and, if forced, what needs it.
// A forced delete never changes a child row of another resource, such as the line of an order.

import { clone } from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import { notFound, type Precondition, type ResourceIdentity } from "../../../errors.ts";
import { Selection } from "../../../query/field-mask/selection.ts";
import { FieldBehavior, hasBehavior } from "../../../schema/options.ts";
import type { ColumnPlan, ResourcePlan } from "../../../schema/plan.ts";
import { identify } from "../../../schema/resource-name.ts";
import type { DeleteOperation } from "../../database.ts";
import { selectByKey, selectLink, selectReferrers, toResourceRow } from "../statements.ts";
import { allRows, ConstraintError, change, getRow, rowsOfEach, type Steps } from "../steps.ts";
import { deleteByKey, deleteChildren, deleteLinks } from "../write-statements.ts";
import { recordChange } from "./record-change.ts";
import { referrers } from "./references.ts";
import { checkEtag, foreignKeyError, readStored, replace } from "./stored.ts";
import type { Transaction } from "./transaction.ts";

/** @throws StoreError RESOURCE_NOT_FOUND, ETAG_MISMATCH, FOREIGN_KEY if others refer to the row. */
export function* applyDelete(tx: Transaction, operation: DeleteOperation): Steps<undefined> {
  const { plan, key, etag, force } = operation;
  // The message is not looked at: a row that cannot be read can still be deleted.
  const row = yield* getRow(selectByKey(plan, key));
  if (!row) {
    if (operation.allowMissing) return;
    throw notFound(identify(plan, key));
  }
  checkEtag(plan, toResourceRow(plan, row), etag);
  yield* deleteRow(tx, plan, key, force);
}

function* deleteRow(tx: Transaction, plan: ResourcePlan, key: bigint, force: boolean): Steps<void> {
  const resource = identify(plan, key);
  if (force) yield* releaseRow(tx, plan, key);
  // Looked up, since a foreign key of the file may delete or clear what refers to the row.
  const found = [...(yield* referrers(tx.plans, plan, key))];
  const refusing = plan.links.filter(({ deletes }) => deletes === "forced" && !force);
  const linked = yield* rowsOfEach(refusing.map((link) => selectLink(link, key)));
  if (linked.some((rows) => rows.length > 0)) found.push(somethingRefersTo(resource));
  if (found.length > 0) throw foreignKeyError(`${resource.name} is in use`, found);
  try {
    for (const link of plan.links) yield* change(deleteLinks(link, key));
    for (const child of plan.children) yield* change(deleteChildren(child, key));
    const rows = [{ key, revision: tx.revision }];
    yield* recordChange(tx, { kind: "delete", plan, rows }, deleteByKey(plan, key), resource);
  } catch (error) {
    if (!(error instanceof ConstraintError) || error.kind !== "foreignKey") throw error;
    // A table that is no resource's.
    const others = [somethingRefersTo(resource)];
    throw foreignKeyError(`${resource.name} is in use`, others, error.cause);
  }
}

function somethingRefersTo({ name }: ResourceIdentity): Precondition {
  return { type: "FOREIGN_KEY", subject: name, description: "something refers to it" };
}

/** Deletes the resources that cannot be without the row, and clears the references of the others. */
function* releaseRow(tx: Transaction, target: ResourcePlan, key: bigint): Steps<void> {
  for (const plan of tx.plans) {
    for (const column of plan.columns) {
      if (column.reference !== target.resource) continue;
      for (const [referrer] of yield* allRows(selectReferrers(plan, column.name, key))) {
        if (hasBehavior(column.field, FieldBehavior.REQUIRED)) {
          yield* deleteRow(tx, plan, referrer as bigint, true);
        } else {
          yield* clearReference(tx, plan, column, referrer as bigint);
        }
      }
    }
  }
}

function* clearReference(
  tx: Transaction,
  plan: ResourcePlan,
  { field }: ColumnPlan,
  key: bigint,
): Steps<void> {
  const stored = yield* readStored(tx, plan, key);
  if (!stored) return;
  const message = clone(plan.desc, stored.message);
  reflect(plan.desc, message).clear(field);
  const selection = Selection.of([[{ kind: "field", field }]]);
  const path = plan.resource.collection;
  yield* replace(tx, plan, { previous: stored, message, selection, path });
}
