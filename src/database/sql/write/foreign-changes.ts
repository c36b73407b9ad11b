// What code of others has made of the rows of a commit within our own statements, as a trigger does that changes
// a row before it is stored: such a row has no bytes of its own any more. Runs inside the transaction.

import { toBinary } from "@bufbuild/protobuf";
import type { ResourcePlan } from "../../../schema/plan.ts";
import { rebuildReadable, trustedWire } from "../../../schema/row.ts";
import { selectByKey } from "../statements.ts";
import { change, type Steps } from "../steps.ts";
import { readWholeRows } from "../whole-rows.ts";
import { fillResource } from "../write-statements.ts";
import type { Transaction } from "./transaction.ts";

/** Takes the bytes of the rows that the commit has written, and whose columns say something else. */
export function* takeWrongBytes(tx: Transaction): Steps<void> {
  const seen = new Set<string>();
  for (const { kind, plan, rows } of [...tx.changes]) {
    if (kind === "delete") continue;
    for (const { key } of rows) {
      const name = `${plan.table} ${key}`;
      if (!seen.has(name)) yield* takeIfWrong(tx, plan, key);
      seen.add(name);
    }
  }
}

function* takeIfWrong(tx: Transaction, plan: ResourcePlan, key: bigint): Steps<void> {
  const [whole] = yield* readWholeRows(plan, selectByKey(plan, key), tx.dialect);
  const wire = whole && trustedWire(plan, whole.row);
  if (!wire) return;
  const { message, unreadable } = rebuildReadable(plan, whole.row, whole.children, tx.registry);
  const isSame = unreadable.size === 0 && Buffer.compare(wire, toBinary(plan.desc, message)) === 0;
  // The row itself is as the others want it: what they make of this statement is read from its columns, too.
  if (!isSame) yield* change(fillResource(plan, { key, revision: tx.revision, wire: null }));
}
