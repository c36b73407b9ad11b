// What the commits of one transaction share while it is open, and how their statements are run: each
// must change what it says, whatever triggers and constraints of others would make of it.
// Begins and ends no transaction.

import type { Registry } from "@bufbuild/protobuf";
import { type ResourceIdentity, StoreError } from "../../../errors.ts";
import type { ChildPlan, ResourcePlan, TablePlan } from "../../../schema/plan.ts";
import type { ChildRow, ResourceRow } from "../../../schema/row.ts";
import { INT64_MAX } from "../../../schema/sql-value.ts";
import type { Change } from "../../change.ts";
import type { RowDialect } from "../dialect.ts";
import { type Statement, selectNextKey } from "../statements.ts";
import { change, getRow, type Steps } from "../steps.ts";
import { orAbort } from "../write-statements.ts";

/** An open write transaction, as one of its commits sees it; all that the steps know of a driver. */
export interface Transaction {
  readonly plans: readonly ResourcePlan[];
  readonly registry: Registry;
  readonly dialect: RowDialect;
  readonly inserts: RowInserts;
  /** The largest message that is stored. */
  readonly messageBytesMax: number;
  /** The most bytes of messages that one answer can have. */
  readonly answerBytesMax: number;
  /** How long a request_id is remembered. */
  readonly requestRetentionMs: number;
  /** The revision that the commit gets. */
  readonly revision: bigint;
  /** The time of the commit, RFC 3339 in UTC. */
  readonly now: string;
  /** The next free key of each table whose keys were asked for; cleared when rows are taken back. */
  readonly nextKeys: Map<string, bigint>;
  /** What the commit has changed so far: `recordChange` adds to it. */
  readonly changes: Change[];
  /** What may act on the statements. */
  readonly foreign: ForeignCode;
  /** Present if code of others may run in this transaction: what was written is then read again. */
  readonly watch: Watch | undefined;
  /** False if the database has rolled the transaction back, as a constraint may ask it to. */
  isOpen(): boolean;
}

/** How many new rows of one table are inserted together. */
export interface RowInserts {
  /** The most rows of one statement. */
  readonly rowsMax: number;
  /** How many of so many rows one statement is to insert, at least one. */
  fitting(rows: number): number;
  /** The statement for rows of a resource; undefined if they must go one by one. */
  resources(plan: ResourcePlan, rows: readonly ResourceRow[]): Statement | undefined;
  /** The statement for child rows; undefined as above. */
  children(child: ChildPlan, rows: readonly ChildRow[]): Statement | undefined;
}

/** What others have put on the tables that our statements write. */
export interface ForeignCode {
  /** The tables, in lower case, on which a trigger is set off when a row is given its bytes. */
  readonly unfillableTables: ReadonlySet<string>;
  /** The tables, in lower case, whose own constraints say what to do in a conflict. */
  readonly conflictTables: ReadonlySet<string>;
}

/** The statements by which our triggers tell rows that code of others writes from ours. */
export interface Watch {
  /** Says the revision of the commit that is being carried out. */
  revise(revision: bigint): Statement;
  /** From here on all writes are ours. */
  readonly rest: Statement;
  /** From here on they may be those of others again. */
  readonly resume: Statement;
  /** Whether code of others may change a row within our own statement, where no trigger tells. */
  readonly isWithin: boolean;
}

/**
 * Runs a statement that writes `rows` rows of the table; a change of a resource's own row is made by
 * `recordChange`.
 * @throws StoreError WRITE_REFUSED, with `resource`, if it has changed another number of rows.
 */
export function* write(
  { foreign }: Pick<Transaction, "foreign">,
  { table }: Pick<TablePlan, "table">,
  statement: Statement,
  rows: number,
  resource?: ResourceIdentity,
): Steps<void> {
  const isExplicit = foreign.conflictTables.has(table.toLowerCase());
  const changed = yield* change(isExplicit ? orAbort(statement) : statement);
  if (changed !== rows) throw writeRefused(resource);
}

/** The error for a write that code of others in the database has kept from happening. */
export function writeRefused(resource?: ResourceIdentity): StoreError {
  const subject = resource ? `${resource.name}: ` : "";
  const message = `${subject}a trigger of the database refuses the write`;
  return new StoreError("WRITE_REFUSED", message, resource ? { resource } : {});
}

/**
 * The key of a new row: the one that the client chose, or one that no row of the table has or ever had.
 * @throws StoreError IDS_EXHAUSTED
 */
export function* reserveKey(tx: Transaction, plan: TablePlan, chosen?: bigint): Steps<bigint> {
  return takeKey(tx, plan, yield* freeKey(tx, plan), chosen);
}

/** `reserveKey`, for a table whose next key is known; undefined if there is none. */
export function takeKey(
  { nextKeys }: Pick<Transaction, "nextKeys">,
  plan: TablePlan,
  next: bigint | undefined,
  chosen?: bigint,
): bigint {
  if (chosen !== undefined) {
    if (next !== undefined && chosen >= next) nextKeys.set(plan.table, chosen + 1n);
    return chosen;
  }
  if (next === undefined || next > INT64_MAX) {
    throw new StoreError("IDS_EXHAUSTED", `there is no id left for another ${plan.desc.name}`);
  }
  nextKeys.set(plan.table, next + 1n);
  return next;
}

/** Asked once for a transaction: nobody else can insert while it is open, unless it is watched. */
export function* freeKey(
  tx: Omit<Transaction, "revision">,
  plan: TablePlan,
): Steps<bigint | undefined> {
  const known = tx.watch ? undefined : tx.nextKeys.get(plan.table);
  if (known !== undefined) return known;
  const [found] = (yield* getRow(selectNextKey(plan))) ?? [];
  if (typeof found !== "bigint") return undefined;
  const reserved = tx.nextKeys.get(plan.table) ?? found;
  const key = reserved > found ? reserved : found;
  tx.nextKeys.set(plan.table, key);
  return key;
}
