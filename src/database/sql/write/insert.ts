// Inserts many new rows of one table together, with their child rows: a third less work than one by one.
// Decides nothing about rows that cannot be inserted: those go one by one, where errors have names.

import { type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import { StoreError } from "../../../errors.ts";
import { createWire } from "../../../schema/create-wire.ts";
import type { ChildPlan, ResourcePlan } from "../../../schema/plan.ts";
import { type ChildRow, encodeCells, type ResourceRow } from "../../../schema/row.ts";
import type { Statement } from "../statements.ts";
import { ConstraintError, change, type Steps } from "../steps.ts";
import { insertChildren } from "./children.ts";
import type { Prepared, PreparedCreate } from "./prepare.ts";
import { recordChange } from "./record-change.ts";
import type { Written } from "./stored.ts";
import { freeKey, type RowInserts, type Transaction, takeKey } from "./transaction.ts";

/** A row to insert and the revision that it gets. */
export interface NewRow {
  readonly create: PreparedCreate;
  readonly revision: bigint;
}

/** A transaction in which each row has a revision of its own. */
type SharedTransaction = Omit<Transaction, "revision">;

type InsertedRow = ResourceRow & Written & { readonly revision: bigint };

/** The bytes of messages after which a statement has rows enough: the database holds them all at once. */
const TOGETHER_BYTES = 1024 * 1024;

const statement = (sql: string): Statement => ({ sql, parameters: [] });

const SAVEPOINT = statement("SAVEPOINT together");
const ROLLBACK_TO = statement("ROLLBACK TO together");
const RELEASE = statement("RELEASE together");

/** The creates from `start` on that are inserted together. */
export function createsFrom<T>(
  items: readonly T[],
  start: number,
  createIn: (item: T) => Prepared | undefined,
  { rowsMax, fitting }: RowInserts,
): PreparedCreate[] {
  const run: PreparedCreate[] = [];
  let bytes = 0;
  for (let i = start; i < items.length && run.length < rowsMax; i++) {
    const operation = createIn(items[i] as T);
    if (operation?.kind !== "create" || !isNumberedByUs(operation)) break;
    if (run[0] ? operation.plan !== run[0].plan : refersToItself(operation.plan)) break;
    bytes += operation.given?.length ?? 0;
    if (run.length > 0 && bytes > TOGETHER_BYTES) break;
    run.push(operation);
  }
  return run.slice(0, run.length === 0 ? 0 : fitting(run.length));
}

/** What has child rows must have only new ones, of a row that has none yet. */
function isNumberedByUs({ plan, cells, key, keepChildKeys, message }: PreparedCreate): boolean {
  if (cells !== undefined) return true;
  if (key !== undefined || keepChildKeys) return false;
  return plan.children.every((child) =>
    itemsOf(child, message).every((item) => item.get(child.keyField) === 0n),
  );
}

/** In one statement a row could refer to one that comes after it. */
function refersToItself({ columns, resource }: ResourcePlan): boolean {
  return columns.some(({ reference }) => reference === resource);
}

/** Inserts the rows of one plan, all or none: the result is undefined if any of them cannot be. */
export function* insertTogether(
  tx: SharedTransaction,
  news: readonly NewRow[],
): Steps<Written[] | undefined> {
  const plan = news[0]?.create.plan;
  // Code of others must see, and may change, one row after the other.
  if (!plan || tx.watch) return undefined;
  // Asked once; each row then takes the next one.
  for (const table of [plan, ...plan.children]) yield* freeKey(tx, table);
  const children = new Map(plan.children.map((child): [ChildPlan, ChildRow[]] => [child, []]));
  const inserted = toRows(tx, news, children);
  if (inserted && (yield* insertAll(tx, plan, inserted, children))) return inserted;
  tx.nextKeys.clear();
  for (const { create } of news) forgetChildKeys(create);
  return undefined;
}

/** The rows, and in `children` their child rows; undefined if one of them is not as it must be. */
function toRows(
  tx: SharedTransaction,
  news: readonly NewRow[],
  children: ReadonlyMap<ChildPlan, ChildRow[]>,
): InsertedRow[] | undefined {
  try {
    const rows = news.map((each) => toRow(tx, each, children));
    return rows.some(({ wire }) => wire.length > tx.messageBytesMax) ? undefined : rows;
  } catch (error) {
    // One by one, a row before this one may be refused first.
    if (error instanceof StoreError) return undefined;
    throw error;
  }
}

function toRow(
  tx: SharedTransaction,
  { create, revision }: NewRow,
  children: ReadonlyMap<ChildPlan, ChildRow[]>,
): InsertedRow {
  const { plan, message, given, path } = create;
  const key = takeKey(tx, plan, tx.nextKeys.get(plan.table), create.key);
  const identity = { key, revision, createdAt: tx.now, updatedAt: tx.now };
  if (create.cells) {
    return { ...identity, ...create.cells, wire: createWire(plan, given, message, identity) };
  }
  for (const [child, rows] of children) {
    for (const [index, item] of itemsOf(child, message).entries()) {
      const childKey = takeKey(tx, child, tx.nextKeys.get(child.table));
      item.set(child.keyField, childKey);
      const itemPath = `${path}.${child.field.name}[${index}]`;
      const cells = encodeCells(child, item.message, tx.registry, itemPath);
      rows.push({ key: childKey, parentKey: key, ...cells });
    }
  }
  plan.derive?.(message, undefined);
  const cells = encodeCells(plan, message, tx.registry, path);
  return { ...identity, ...cells, wire: createWire(plan, undefined, message, identity) };
}

/** False if any of the rows is refused, and then none is there. */
function* insertAll(
  tx: SharedTransaction,
  plan: ResourcePlan,
  rows: readonly InsertedRow[],
  children: ReadonlyMap<ChildPlan, readonly ChildRow[]>,
): Steps<boolean> {
  const own = tx.inserts.resources(plan, rows);
  if (!own) return false;
  yield* change(SAVEPOINT);
  const changes = tx.changes.length;
  try {
    yield* recordChange(tx, { kind: "create", plan, rows }, own);
    for (const [child, childRows] of children) yield* insertChildren(tx, child, childRows);
    yield* change(RELEASE);
    return true;
  } catch (error) {
    const isRefused = error instanceof ConstraintError || error instanceof StoreError;
    // A constraint may have asked for the whole transaction to be rolled back.
    if (!isRefused || !tx.isOpen()) throw error;
    yield* change(ROLLBACK_TO);
    yield* change(RELEASE);
    tx.changes.length = changes;
    return false;
  }
}

/** As the client has sent it. */
function forgetChildKeys({ plan, message }: PreparedCreate): void {
  for (const child of plan.children) {
    for (const item of itemsOf(child, message)) item.set(child.keyField, 0n);
  }
}

function itemsOf(child: ChildPlan, message: PreparedCreate["message"]): ReflectMessage[] {
  return [...reflect(child.field.parent, message).get(child.field)] as ReflectMessage[];
}
