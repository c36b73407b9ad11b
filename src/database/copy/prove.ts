// Proves a copy: row by row, the target has what the source has, and makes the same message of it. Changes
// nothing. What it tells of each table is the same whichever kind of database the rows are in.

import { createHash, type Hash } from "node:crypto";
import { setImmediate as nextTurn } from "node:timers/promises";
import { resolveReadMask } from "../../query/read-mask.ts";
import type { ResourcePlan } from "../../schema/plan.ts";
import type { ResourceRow } from "../../schema/row.ts";
import type { Row, SqlValue } from "../../schema/sql-value.ts";
import { isFaithful } from "../finding.ts";
import { isFault, rebuildWhole } from "../sql/rebuild.ts";
import { type WholeRow, withChildren } from "../sql/row-set.ts";
import { resourceColumns, selectChildren } from "../sql/statements.ts";
import { checkRow } from "../sql/verify/check-row.ts";
import { withExactTexts } from "../sql/verify/verify-rows.ts";
import { type Copy, type CopyWatch, nameOf } from "./copy.ts";
import type { CopiedTable, CopyEnd } from "./copy-ends.ts";
import { countRows, type KeyRange, keyRanges, readRange, selectRange } from "./table-pages.ts";

/** What a table is in both databases. */
export interface ProvedTable {
  readonly name: string;
  /** How many rows the source has. */
  readonly rows: number;
  /**
   * SHA-256, in hex, of all rows of the source: of keys, revisions and messages if they are resources, of
   * all values if they are not.
   */
  readonly hash: string;
  /** Whether the target has the same number of rows and the same hash. */
  readonly isEqual: boolean;
}

/** A row as it is compared. */
interface ComparedRow {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/**
 * Compares all rows, and rebuilds each row of the target from its columns and JSON. Rows that differ, and
 * rows of the target that are damaged, are told.
 */
export async function* proveCopy(copy: Copy, watch: CopyWatch): AsyncGenerator<ProvedTable> {
  let done = 0;
  for (const table of copy.tables) {
    const [ours, theirs] = [createHash("sha256"), createHash("sha256")];
    let rows = 0;
    for await (const range of keyRanges(copy.source.rows, table)) {
      await nextTurn();
      watch.signal.throwIfAborted();
      const [from, to] = await readBoth(copy, table, range, watch);
      digest(ours, from);
      digest(theirs, to);
      tellDifferences(from, to, watch);
      rows += from.length;
      done += from.length;
      watch.onProgress(done, copy.rowsTotal);
    }
    const [count] = await countRows(copy.target.rows, [table]);
    if (count !== rows) watch.onProblem(table.name, `has ${count} rows, and ${rows} in the source`);
    const hash = ours.digest("hex");
    const isEqual = count === rows && theirs.digest("hex") === hash;
    yield { name: table.name, rows, hash, isEqual };
  }
}

async function readBoth(
  { source, target, state }: Copy,
  table: CopiedTable,
  range: KeyRange,
  watch: CopyWatch,
): Promise<readonly [from: readonly ComparedRow[], to: readonly ComparedRow[]]> {
  const { plan } = table;
  if (!plan)
    return Promise.all([source, target].map((end) => readCells(end, table, range))) as never;
  const [from, to] = await Promise.all([
    readWhole(source, plan, table, range),
    readWhole(target, plan, table, range),
  ]);
  for (const row of to) {
    const findings = checkRow(plan, row, target.registry, state.revision);
    const damages = findings.filter(({ kind }) => !isFaithful(kind));
    for (const { subject, problem } of damages) watch.onProblem(subject, problem);
  }
  return [
    from.map((row) => messageOf(source, table, plan, row)),
    to.map((row) => messageOf(target, table, plan, row)),
  ];
}

async function readWhole(
  { rows: source }: CopyEnd,
  plan: ResourcePlan,
  table: CopiedTable,
  range: KeyRange,
): Promise<readonly WholeRow[]> {
  const statement = selectRange(table, range, resourceColumns(plan));
  const ofChildren = plan.children.map((child) => selectChildren(plan, child, statement));
  const [resources = [], ...children] = (await source.read([statement, ...ofChildren])).rows;
  return withExactTexts(source, plan, withChildren(plan, { resources, children }));
}

/** Key, revision and message; where there is no message, what is stored in its place. */
function messageOf(
  { registry }: CopyEnd,
  table: CopiedTable,
  plan: ResourcePlan,
  whole: WholeRow,
): ComparedRow {
  const { row } = whole;
  const message = rebuildWhole(plan, registry, whole, resolveReadMask(plan, []));
  const bytes = isFault(message) ? cellBytes(cellsOf(row)) : message;
  const head = cellBytes([row.key, row.revision, BigInt(bytes.length)]);
  return { name: nameOf(table, [row.key]), bytes: Buffer.concat([head, bytes]) };
}

function cellsOf({ columns, data, createdAt, updatedAt, wire }: ResourceRow): readonly SqlValue[] {
  return [data, createdAt, updatedAt, wire, ...columns];
}

async function readCells(
  { rows: source }: CopyEnd,
  table: CopiedTable,
  range: KeyRange,
): Promise<readonly ComparedRow[]> {
  const { rows } = await readRange(source, table, range);
  return rows.map((row) => ({ name: nameOf(table, row), bytes: cellBytes(row) }));
}

/** A whole number is the same whether a column keeps it as an integer or as a double. */
function cellBytes(row: Row): Uint8Array {
  const cells = row.map((value) => {
    if (typeof value === "bigint") return [`${value}`];
    if (typeof value === "number") return [numberText(value)];
    return value instanceof Uint8Array ? { bytes: Buffer.from(value).toString("base64") } : value;
  });
  return Buffer.from(`${JSON.stringify(cells)}\n`);
}

function numberText(value: number): string {
  if (Object.is(value, -0)) return "-0";
  return Number.isInteger(value) ? `${BigInt(value)}` : `${value}`;
}

function digest(hash: Hash, rows: readonly ComparedRow[]): void {
  for (const { bytes } of rows) hash.update(bytes);
}

function tellDifferences(
  from: readonly ComparedRow[],
  to: readonly ComparedRow[],
  { onProblem }: CopyWatch,
): void {
  const copies = new Map(to.map(({ name, bytes }) => [name, bytes]));
  for (const { name, bytes } of from) {
    const copied = copies.get(name);
    if (!copied) onProblem(name, "is missing in the copy");
    else if (Buffer.compare(copied, bytes) !== 0) onProblem(name, "is another in the copy");
    copies.delete(name);
  }
  for (const name of copies.keys()) onProblem(name, "is in the copy only");
}
