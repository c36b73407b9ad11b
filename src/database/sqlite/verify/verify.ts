// Verifies a whole database: its pages, what its rows refer to and belong to, and every row.
// How rows are checked is in verify-rows.ts. Changes nothing.

import type { Registry } from "@bufbuild/protobuf";
import type { ResourcePlan } from "../../../schema/plan.ts";
import type { SqlValue } from "../../../schema/sql-value.ts";
import type { Finding, VerifyProgress } from "../../finding.ts";
import { interruptible } from "../../sql/interrupt.ts";
import { type Statement, selectCount } from "../../sql/statements.ts";
import { selectOrphans } from "./orphans.ts";
import { checkRows, type RowSource } from "./verify-rows.ts";

/** The rows of a read transaction. */
const PAGE_ROWS = 500;

/** Verifies the database: its pages and foreign keys, then each row of each resource. */
export async function* verifyDatabase(
  source: RowSource,
  plans: readonly ResourcePlan[],
  registry: Registry,
): AsyncGenerator<VerifyProgress> {
  const counts = await source.read(plans.map((plan) => selectCount(plan, [], { interruptible })));
  const rowsTotal = counts.rows.reduce((sum, [row]) => sum + Number(row?.[0]), 0);
  let rowsDone = 0;
  yield { rowsDone, rowsTotal, findings: await checkPages(source) };
  yield { rowsDone, rowsTotal, findings: await checkForeignKeys(source, plans) };
  yield { rowsDone, rowsTotal, findings: await checkOrphans(source, plans) };
  for (const plan of plans) {
    let after: bigint | undefined;
    do {
      const check = { plan, plans, after, limit: PAGE_ROWS };
      const { rows, findings, last } = await checkRows(source, registry, check);
      rowsDone += rows;
      yield { rowsDone, rowsTotal, findings };
      after = last;
    } while (after !== undefined);
  }
}

async function checkPages(source: RowSource): Promise<Finding[]> {
  const { rows } = await source.read([
    statement("SELECT integrity_check FROM pragma_integrity_check WHERE integrity_check <> 'ok'"),
  ]);
  return (rows[0] ?? []).map(([problem]) => ({
    kind: "damaged",
    subject: "database",
    problem: String(problem),
  }));
}

/** Those of the owner's own tables: what resources refer to is looked at with their rows. */
async function checkForeignKeys(
  source: RowSource,
  plans: readonly ResourcePlan[],
): Promise<Finding[]> {
  const { rows } = await source.read([
    statement('SELECT "table", rowid, parent FROM pragma_foreign_key_check'),
  ]);
  const own = new Set(
    plans
      .flatMap((plan) => [plan, ...plan.children, ...plan.links])
      .map(({ table }) => table.toLowerCase()),
  );
  const isOwn = (table: SqlValue | undefined) => own.has(String(table).toLowerCase());
  return (rows[0] ?? [])
    .filter(([table, , parent]) => !isOwn(table) || !isOwn(parent))
    .map(([table, rowid, parent]) => ({
      kind: "dangling",
      subject: String(table),
      problem: `row ${rowid ?? "without a rowid"} refers to a row of ${parent} that does not exist`,
    }));
}

/** Rows of child and link tables whose resource is not there: no message has them. */
async function checkOrphans(source: RowSource, plans: readonly ResourcePlan[]): Promise<Finding[]> {
  const selections = plans.flatMap(selectOrphans);
  const { rows } = await source.read(selections.map((selection) => selection.statement));
  return selections.flatMap(({ toFinding }, index) => (rows[index] ?? []).map(toFinding));
}

function statement(sql: string): Statement {
  return { sql, parameters: [] };
}
