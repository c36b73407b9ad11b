// Takes damaged bytes away from a row, inside the open transaction: what is read from then on is made of
// its columns and JSON. Must not touch a row of which that could not be read.

import { identify } from "../../../schema/resource-name.ts";
import { rebuildReadable } from "../../../schema/row.ts";
import type { MendOperation } from "../../database.ts";
import { readBytes } from "../rebuild.ts";
import { selectByKey } from "../statements.ts";
import type { Steps } from "../steps.ts";
import { readWholeRows } from "../whole-rows.ts";
import { fillResource } from "../write-statements.ts";
import { recordChange } from "./record-change.ts";
import type { Transaction } from "./transaction.ts";

/** @throws StoreError WRITE_REFUSED */
export function* applyMend(tx: Transaction, { plan, key }: MendOperation): Steps<undefined> {
  const [whole] = yield* readWholeRows(plan, selectByKey(plan, key), tx.dialect);
  if (!whole || readBytes(plan, whole.row) !== "damaged") return;
  const { unreadable } = rebuildReadable(plan, whole.row, whole.children, tx.registry);
  if (unreadable.size > 0) return;
  // The revision that it has may be what is wrong.
  const row = { key, revision: tx.revision, wire: null };
  const change = { kind: "update", plan, rows: [row] } as const;
  yield* recordChange(tx, change, fillResource(plan, row), identify(plan, key));
}
