// What the commits of one transaction share while it is open.
// Runs no statement that writes.

import type { Registry } from "@bufbuild/protobuf";
import { StoreError } from "../../errors.ts";
import { selectNextKey } from "../../query/statements.ts";
import type { ResourcePlan, TablePlan } from "../../schema/plan.ts";
import { INT64_MAX } from "../../schema/sql-value.ts";
import type { StatementRunner } from "./statement-cache.ts";

/** An open write transaction, as one of its commits sees it. */
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
  /** The next free key of each table whose keys were asked for; cleared when rows are taken back. */
  readonly nextKeys: Map<string, bigint>;
}

/**
 * A key that no row of the table has or ever had.
 * @throws StoreError IDS_EXHAUSTED
 */
export function nextKey(tx: Transaction, plan: TablePlan): bigint {
  const key = freeKey(tx, plan);
  if (key === undefined || key > INT64_MAX) {
    throw new StoreError("IDS_EXHAUSTED", `there is no id left for another ${plan.desc.name}`);
  }
  tx.nextKeys.set(plan.table, key + 1n);
  return key;
}

/** To be told of a key that the client chose, before its row is inserted. */
export function keyTaken(tx: Transaction, plan: TablePlan, key: bigint): void {
  const next = freeKey(tx, plan);
  if (next !== undefined && key >= next) tx.nextKeys.set(plan.table, key + 1n);
}

/** Asked once for a transaction: nobody else can insert while it is open. */
function freeKey(tx: Transaction, plan: TablePlan): bigint | undefined {
  const known = tx.nextKeys.get(plan.table);
  if (known !== undefined) return known;
  const [key] = tx.runner.get(selectNextKey(plan)) ?? [];
  if (typeof key !== "bigint") return undefined;
  tx.nextKeys.set(plan.table, key);
  return key;
}
