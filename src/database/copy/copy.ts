// Copies a database into another of either kind: the rows as they are, and what the store itself keeps.
// An interrupted copy goes on where it was; a copy that is not whole is served by nobody.

import { createHash } from "node:crypto";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { ResourcePlan } from "../../schema/plan.ts";
import { formatName } from "../../schema/resource-name.ts";
import type { Row } from "../../schema/sql-value.ts";
import { referencesOf, selectDangling, toDangling } from "../sql/verify/dangling.ts";
import { selectOrphans } from "../sql/verify/orphans.ts";
import {
  copiedTables,
  findLeftOut,
  notCopyable,
  STORE_TABLES,
  tablesOfPlans,
} from "./copied-tables.ts";
import type { CopiedTable, CopyEnd, CopyState, CopyTarget, RefusedRow } from "./copy-ends.ts";
import { countRows, inSql, keyRanges, lastKey, readRange } from "./table-pages.ts";

/** A copy between two databases that are open. */
export interface Copy {
  readonly source: CopyEnd;
  readonly target: CopyTarget;
  readonly plans: readonly ResourcePlan[];
  readonly tables: readonly CopiedTable[];
  readonly state: CopyState;
  readonly rowsTotal: number;
  /** True if it goes on with one that was interrupted. */
  readonly isResumed: boolean;
  /** What is in the source and in no resource, a line each: it is not copied. */
  readonly leftOut: readonly string[];
}

/** Who is told of how it goes, and may end it. */
export interface CopyWatch {
  readonly signal: AbortSignal;
  onProgress(done: number, total: number): void;
  /** A row that is not copied, or not as it was. */
  onProblem(subject: string, problem: string): void;
}

/**
 * Begins a copy, or goes on with one of the same rows. The `derived` tables are made of rows: each database
 * has its own.
 * @throws StoreError NOT_COPYABLE if something else is in the target, SCHEMA_MISMATCH
 */
export async function beginCopy(
  source: CopyEnd,
  target: CopyTarget,
  plans: readonly ResourcePlan[],
  derived: readonly string[] = [],
): Promise<Copy> {
  const known = await target.unfinished();
  if (!known) {
    await refuseContents(target, plans);
    await target.makeTables();
  }
  const tables = await copiedTables(plans, source, target);
  const { state, rowsTotal } = await readState(source, tables);
  if (known && known.fingerprint !== state.fingerprint) {
    throw notCopyable(
      `${target.place} is an unfinished copy of other rows, at revision ${known.revision}; ` +
        `${source.place} is at ${state.revision}: begin again with an empty database`,
    );
  }
  const cleared = known ? [] : STORE_TABLES.map(({ name }) => name);
  await target.begin(state, tablesOfPlans(plans), cleared);
  const leftOut = await findLeftOut(source, tables, derived);
  return { source, target, plans, tables, state, rowsTotal, isResumed: Boolean(known), leftOut };
}

/** @throws StoreError NOT_COPYABLE if the database has been written to. */
async function refuseContents(target: CopyTarget, plans: readonly ResourcePlan[]): Promise<void> {
  const isThere = async (name: string) => (await target.describe(name)) !== undefined;
  for (const name of tablesOfPlans(plans)) {
    if (!(await isThere(name))) continue;
    const sql = `SELECT 1 FROM ${inSql(name)} LIMIT 1`;
    const { rows } = await target.rows.read([{ sql, parameters: [] }]);
    if ((rows[0] ?? []).length > 0) throw hasContents(target, `rows in ${name}`);
  }
  const { revision } = await target.rows.read([]);
  if (revision > 0n) throw hasContents(target, `commits, up to revision ${revision}`);
}

function hasContents({ place }: CopyTarget, what: string): Error {
  return notCopyable(`${place} has ${what} already: copy into an empty database`);
}

/** What tells the rows of this source from others, without reading them all. */
async function readState(
  source: CopyEnd,
  tables: readonly CopiedTable[],
): Promise<{ readonly state: CopyState; readonly rowsTotal: number }> {
  const counts = await countRows(source.rows, tables);
  const secrets = "SELECT name, value FROM store_secrets ORDER BY name";
  const { rows, revision } = await source.rows.read([{ sql: secrets, parameters: [] }]);
  const hash = createHash("sha256").update(`${revision}`);
  tables.forEach(({ name }, index) => {
    hash.update(`\n${name.toLowerCase()} ${counts[index]}`);
  });
  for (const [name, value] of rows[0] ?? []) {
    hash.update(`\n${name} `).update(value as Uint8Array);
  }
  const rowsTotal = counts.reduce((sum, count) => sum + count, 0);
  return { state: { fingerprint: hash.digest("hex"), revision }, rowsTotal };
}

/**
 * Copies the rows that are not there yet. Each row that cannot be kept is told, and the others go on.
 * @throws StoreError NOT_COPYABLE if there was any.
 */
export async function copyRows(copy: Copy, watch: CopyWatch): Promise<void> {
  const { source, target, tables, rowsTotal } = copy;
  const there = await countRows(target.rows, tables);
  let done = there.reduce((sum, count) => sum + count, 0);
  let refused = 0;
  const refuse = (subject: string, reason: string) => {
    refused += 1;
    watch.onProblem(subject, reason);
  };
  if (target.needsReferences) await refuseDangling(copy, refuse);
  for (const table of refused > 0 ? [] : tables) {
    const begin = await lastKey(target.rows, table);
    for await (const range of keyRanges(source.rows, table, begin)) {
      // What tells to stop comes between two pages.
      await nextTurn();
      watch.signal.throwIfAborted();
      const page = await readRange(source.rows, table, range);
      const left: readonly RefusedRow[] = await target.insert(table, page.rows);
      for (const { row, reason } of [...page.refused, ...left]) refuse(nameOf(table, row), reason);
      done += page.rows.length + page.refused.length;
      watch.onProgress(done, rowsTotal);
    }
  }
  if (refused > 0) {
    throw notCopyable(
      `${target.place} cannot keep ${refused} of the rows as they are: correct them in ${source.place}, ` +
        "and copy into an empty database",
    );
  }
  await target.complete(copy.state);
}

/** Rows whose reference has none, and rows of child and link tables that belong to nothing. */
async function refuseDangling(
  { source, plans }: Copy,
  refuse: (subject: string, reason: string) => void,
): Promise<void> {
  for (const plan of plans) {
    const all = { sql: `SELECT ${plan.sql.key} FROM ${plan.sql.table}`, parameters: [] };
    const references = referencesOf(plan, plans);
    const orphans = selectOrphans(plan);
    const { rows } = await source.rows.read([
      ...references.map((reference) => selectDangling(plan, reference, all)),
      ...orphans.map(({ statement }) => statement),
    ]);
    const findings = rows.flatMap((found, index) => {
      const reference = references[index];
      const orphan = orphans[index - references.length];
      return found.map((row) =>
        reference ? toDangling(plan, reference, row) : orphan?.toFinding(row),
      );
    });
    for (const finding of findings) if (finding) refuse(finding.subject, finding.problem);
  }
}

/** A row as people know it: by the name of the resource, or by table and key. */
export function nameOf(table: CopiedTable, row: Row): string {
  const { plan, name, keys } = table;
  const key = keys.map((each) => row[table.columns.indexOf(each)]);
  return plan
    ? formatName(plan.resource, key[0] as bigint)
    : `${name} ${key.map(String).join("/")}`;
}
