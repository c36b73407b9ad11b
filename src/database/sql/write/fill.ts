// Gives a row that another program wrote its bytes, inside the open transaction: made by the same code
// that reads answer with, from what stands there now, so that no write can come between.

import { fromBinary } from "@bufbuild/protobuf";
import { resolveReadMask } from "../../../query/read-mask.ts";
import type { ResourcePlan } from "../../../schema/plan.ts";
import { identify } from "../../../schema/resource-name.ts";
import { storedTypes } from "../../../schema/stored-types.ts";
import { hasUnknownFields } from "../../../schema/unknown-members.ts";
import type { FillOperation } from "../../database.ts";
import { isFault, rebuildWhole } from "../rebuild.ts";
import type { WholeRow } from "../row-set.ts";
import { selectByKey } from "../statements.ts";
import { change, type Steps } from "../steps.ts";
import { readWholeRows } from "../whole-rows.ts";
import { fillResource } from "../write-statements.ts";
import { hasUnknownMark, type Written } from "./stored.ts";
import { type Transaction, write, writeRefused } from "./transaction.ts";

/** It is told that there are new bytes; nobody has asked for them. */
const NOTHING = new Uint8Array();

/**
 * The row, if it has been given bytes; undefined if it has some, is gone, cannot be read or sent, or has
 * JSON of another proto.
 * @throws StoreError WRITE_REFUSED if a trigger of others would be set off.
 */
export function* applyFill(
  tx: Transaction,
  { plan, key }: FillOperation,
): Steps<Written | undefined> {
  if (tx.foreign.unfillableTables.has(plan.table.toLowerCase())) {
    throw writeRefused(identify(plan, key));
  }
  const [whole] = yield* readWholeRows(plan, selectByKey(plan, key), tx.dialect);
  if (!whole || (whole.row.wire !== null && whole.row.checksum !== null)) return undefined;
  const wire = rebuildWhole(plan, tx.registry, whole, resolveReadMask(plan, undefined));
  if (isFault(wire) || wire.length > tx.messageBytesMax) return undefined;
  if (hasForeignJson(tx, plan, whole, wire)) return undefined;
  // A row from before the service was has no revision: clients read it as 0, and so it stays.
  const revision = whole.row.revision ?? 0n;
  // It sets off no code of others: to our triggers, an update that leaves the revision is theirs.
  if (tx.watch) yield* change(tx.watch.rest);
  yield* write(tx, plan, fillResource(plan, { key, revision, wire }), 1);
  if (tx.watch) yield* change(tx.watch.resume);
  return { key, wire: NOTHING };
}

/**
 * True if JSON has what only another server's proto knows, under its own names: with bytes beside it, an
 * update would not look for that any more.
 */
function hasForeignJson(
  { registry }: Transaction,
  { desc }: ResourcePlan,
  { row, children }: WholeRow,
  wire: Uint8Array,
): boolean {
  // One is the server's own.
  if (storedTypes(registry).length <= 1 || hasUnknownMark([row, ...children.flat()])) return false;
  return hasUnknownFields(desc, fromBinary(desc, wire));
}
