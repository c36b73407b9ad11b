// What the commits of one transaction share while it is open, and how their statements are run: each
// must change what it says, whatever triggers and constraints of others would make of it.
// Begins and ends no transaction.

import type { Registry } from "@bufbuild/protobuf";
import { type ResourceIdentity, StoreError } from "../../../errors.ts";
import type { ResourcePlan, TablePlan } from "../../../schema/plan.ts";
import { INT64_MAX } from "../../../schema/sql-value.ts";
import { type Statement, selectNextKey } from "../../sql/statements.ts";
import { orAbort } from "../../sql/write-statements.ts";
import type { StatementRunner } from "../connection/statement-cache.ts";
import type { ForeignCode } from "../writer/foreign-code.ts";

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
  /** What may act on the statements. */
  readonly foreign: ForeignCode;
  /** Whether code of others may run in this transaction: what was written is then read again. */
  readonly watched: boolean;
  /** False if SQLite has rolled the transaction back, as a constraint may ask it to. */
  isOpen(): boolean;
}

/**
 * Runs a statement that writes `rows` rows of the table.
 * @throws StoreError WRITE_REFUSED, with `resource`, if it has changed another number of rows.
 */
export function write(
  tx: Omit<Transaction, "revision">,
  { table }: Pick<TablePlan, "table">,
  statement: Statement,
  rows: number,
  resource?: ResourceIdentity,
): void {
  const isExplicit = tx.foreign.conflictTables.has(table.toLowerCase());
  const changed = tx.runner.run(isExplicit ? orAbort(statement) : statement);
  if (changed !== rows) throw writeRefused(resource);
}

/** The error for a write that code of others in the database has kept from happening. */
export function writeRefused(resource?: ResourceIdentity): StoreError {
  const subject = resource ? `${resource.name}: ` : "";
  const message = `${subject}a trigger of the database refuses the write`;
  return new StoreError("WRITE_REFUSED", message, resource ? { resource } : {});
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

/** Records a key that the client chose, before its row is inserted. */
export function keyTaken(tx: Transaction, plan: TablePlan, key: bigint): void {
  const next = freeKey(tx, plan);
  if (next !== undefined && key >= next) tx.nextKeys.set(plan.table, key + 1n);
}

/** Asked once for a transaction: nobody else can insert while it is open, unless it is watched. */
function freeKey(tx: Transaction, plan: TablePlan): bigint | undefined {
  const known = tx.watched ? undefined : tx.nextKeys.get(plan.table);
  if (known !== undefined) return known;
  const [found] = tx.runner.get(selectNextKey(plan)) ?? [];
  if (typeof found !== "bigint") return undefined;
  const reserved = tx.nextKeys.get(plan.table) ?? found;
  const key = reserved > found ? reserved : found;
  tx.nextKeys.set(plan.table, key);
  return key;
}
