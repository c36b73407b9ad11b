// What the operations of one commit share while its transaction is open.
// Runs no statement that writes.

import type { Registry } from "@bufbuild/protobuf";
import { StoreError } from "../../errors.ts";
import { selectNextKey } from "../../query/statements.ts";
import type { ResourcePlan, TablePlan } from "../../schema/plan.ts";
import type { StatementRunner } from "./statement-cache.ts";

/** An open write transaction. */
export interface Transaction {
  readonly runner: StatementRunner;
  readonly plans: readonly ResourcePlan[];
  readonly registry: Registry;
  /** The largest message that is stored. */
  readonly messageBytesMax: number;
  /** The revision that the commit gets. */
  readonly revision: bigint;
  /** The time of the commit, RFC 3339 in UTC. */
  readonly now: string;
}

/**
 * A key that no row of the table has or ever had.
 * @throws StoreError IDS_EXHAUSTED
 */
export function nextKey(tx: Transaction, plan: TablePlan): bigint {
  const [key] = tx.runner.get(selectNextKey(plan)) ?? [];
  if (typeof key !== "bigint") {
    throw new StoreError("IDS_EXHAUSTED", `there is no id left for another ${plan.desc.name}`);
  }
  return key;
}
