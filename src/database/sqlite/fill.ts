// Gives a row that another program wrote its bytes, inside the open transaction: made by the same code
// that reads answer with, from what stands there now, so that no write can come between.

import { resolveReadMask } from "../../query/read-mask.ts";
import { selectBare } from "../../query/statements.ts";
import { fillResource } from "../../query/write-statements.ts";
import { WRITING } from "../../schema/triggers.ts";
import type { FillOperation } from "../database.ts";
import { isFault, rebuildByKeys } from "./rebuild.ts";
import { identify, type Written } from "./stored.ts";
import { type Transaction, write, writeRefused } from "./transaction.ts";

const SET_WRITING = "UPDATE store_state SET writing = ?";

/** It is told that there are new bytes; nobody has asked for them. */
const NOTHING = new Uint8Array();

/**
 * The row, if it has been given bytes; undefined if it has some, is gone, cannot be read, or is too large to be
 * sent.
 * @throws StoreError WRITE_REFUSED if a trigger of others would be set off.
 */
export function applyFill(tx: Transaction, { plan, key }: FillOperation): Written | undefined {
  if (tx.foreign.unfillableTables.has(plan.table.toLowerCase())) {
    throw writeRefused(identify(plan, key));
  }
  const bare = tx.runner.get(selectBare(plan, key));
  if (!bare) return undefined;
  const everything = resolveReadMask(plan, undefined);
  const wire = rebuildByKeys(tx.runner, plan, tx.registry, [key], everything).get(key);
  if (!wire || isFault(wire) || wire.length > tx.messageBytesMax) return undefined;
  // A row from before the service was has no revision: clients read it as 0, and so it stays.
  const revision = (bare[0] as bigint | null) ?? 0n;
  unwatched(tx, () => write(tx, plan, fillResource(plan, { key, revision, wire }), 1));
  return { key, wire: NOTHING };
}

/** Runs what sets off no code of others: to our triggers, an update that leaves the revision is theirs. */
function unwatched({ watched, runner }: Transaction, run: () => void): void {
  const set = (writing: number) =>
    watched && runner.run({ sql: SET_WRITING, parameters: [BigInt(writing)] });
  set(WRITING.own);
  run();
  set(WRITING.watched);
}
