// Deletes a row inside the open transaction and, if forced, what needs it.
// A forced delete never changes a child row of another resource, such as the line of an order.

import { clone } from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import { notFound, type Precondition, type ResourceIdentity } from "../../../errors.ts";
import { Selection } from "../../../query/field-mask/selection.ts";
import { FieldBehavior, hasBehavior } from "../../../schema/options.ts";
import type { ColumnPlan, LinkTable, ResourcePlan } from "../../../schema/plan.ts";
import { identify } from "../../../schema/resource-name.ts";
import type { DeleteOperation } from "../../database.ts";
import { selectByKey, selectLink, selectReferrers, toResourceRow } from "../../sql/statements.ts";
import { deleteByKey, deleteChildren, deleteLinks } from "../../sql/write-statements.ts";
import { referrers } from "./references.ts";
import { checkEtag, foreignKeyError, isConstraint, readStored, replace } from "./stored.ts";
import { type Transaction, write } from "./transaction.ts";

/** @throws StoreError RESOURCE_NOT_FOUND, ETAG_MISMATCH, FOREIGN_KEY if others refer to the row. */
export function applyDelete(tx: Transaction, operation: DeleteOperation): undefined {
  const { plan, key, etag, force } = operation;
  // The message is not looked at: a row that cannot be read can still be deleted.
  const row = tx.runner.get(selectByKey(plan, key));
  if (!row) {
    if (operation.allowMissing) return;
    throw notFound(identify(plan, key));
  }
  checkEtag(plan, toResourceRow(plan, row), etag);
  deleteRow(tx, plan, key, force);
}

function deleteRow(tx: Transaction, plan: ResourcePlan, key: bigint, force: boolean): void {
  const resource = identify(plan, key);
  if (force) releaseRow(tx, plan, key);
  // Looked up, since a foreign key of the file may delete or clear what refers to the row.
  const found = [...referrers(tx.runner, tx.plans, plan, key)];
  const isRefused = ({ deletes }: LinkTable) => deletes === "forced" && !force;
  if (plan.links.some((link) => isRefused(link) && tx.runner.get(selectLink(link, key)))) {
    found.push(somethingRefersTo(resource));
  }
  if (found.length > 0) throw foreignKeyError(`${resource.name} is in use`, found);
  try {
    for (const link of plan.links) tx.runner.run(deleteLinks(link, key));
    for (const child of plan.children) tx.runner.run(deleteChildren(child, key));
    write(tx, plan, deleteByKey(plan, key), 1, resource);
  } catch (error) {
    if (!isConstraint(error, "FOREIGNKEY")) throw error;
    // A table that is no resource's.
    const others = [somethingRefersTo(resource)];
    throw foreignKeyError(`${resource.name} is in use`, others, error);
  }
}

function somethingRefersTo({ name }: ResourceIdentity): Precondition {
  return { type: "FOREIGN_KEY", subject: name, description: "something refers to it" };
}

/** Deletes the resources that cannot be without the row, and clears the references of the others. */
function releaseRow(tx: Transaction, target: ResourcePlan, key: bigint): void {
  for (const plan of tx.plans) {
    for (const column of plan.columns) {
      if (column.reference !== target.resource) continue;
      for (const [referrer] of tx.runner.all(selectReferrers(plan, column.name, key))) {
        if (hasBehavior(column.field, FieldBehavior.REQUIRED)) {
          deleteRow(tx, plan, referrer as bigint, true);
        } else {
          clearReference(tx, plan, column, referrer as bigint);
        }
      }
    }
  }
}

function clearReference(
  tx: Transaction,
  plan: ResourcePlan,
  { field }: ColumnPlan,
  key: bigint,
): void {
  const stored = readStored(tx, plan, key);
  if (!stored) return;
  const message = clone(plan.desc, stored.message);
  reflect(plan.desc, message).clear(field);
  const selection = Selection.of([[{ kind: "field", field }]]);
  replace(tx, plan, { previous: stored, message, selection, path: plan.resource.collection });
}
