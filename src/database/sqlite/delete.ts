// Deletes a row inside the open transaction and, if forced, what needs it.
// A forced delete never changes a child row of another resource, such as the line of an invoice.

import { clone } from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import { notFound } from "../../errors.ts";
import {
  deleteByKey,
  deleteChildren,
  selectByKey,
  selectReferrers,
  toResourceRow,
} from "../../query/statements.ts";
import { FieldBehavior, hasBehavior } from "../../schema/options.ts";
import type { ColumnPlan, ResourcePlan } from "../../schema/plan.ts";
import { formatName } from "../../schema/resource-name.ts";
import { sqlName } from "../../schema/sql-name.ts";
import type { DeleteOperation } from "../database.ts";
import { referrers } from "./references.ts";
import { checkEtag, foreignKeyError, identify, isConstraint, readStored, store } from "./stored.ts";
import type { Transaction } from "./transaction.ts";

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
  if (force) releaseRow(tx, plan, key);
  for (const { table, column, deletes } of plan.links) {
    if (deletes === "always" || force) {
      tx.runner.run({
        sql: `DELETE FROM ${sqlName(table)} WHERE ${sqlName(column)} = ?`,
        parameters: [key],
      });
    }
  }
  try {
    for (const child of plan.children) tx.runner.run(deleteChildren(child, key));
    tx.runner.run(deleteByKey(plan, key));
  } catch (error) {
    if (!isConstraint(error, "FOREIGNKEY")) throw error;
    const name = formatName(plan.resource, key);
    const found = referrers(tx.runner, tx.plans, plan, key);
    // What refers to it may be no resource, such as a track's place on a playlist.
    const other = { type: "FOREIGN_KEY", subject: name, description: "something refers to it" };
    throw foreignKeyError(`${name} is in use`, found.length > 0 ? found : [other], error);
  }
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
  const { createdAt } = stored.row;
  const identity = { key, revision: tx.revision, createdAt, updatedAt: tx.now };
  store(tx, plan, message, identity, plan.resource.collection, {
    previous: stored,
  });
}
