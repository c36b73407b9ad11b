// Verifies a whole database: what its driver can tell of it, what its rows belong to, and every row.
// How rows are checked is in verify-rows.ts. Changes nothing.

import type { Registry } from "@bufbuild/protobuf";
import type { ResourcePlan } from "../../../schema/plan.ts";
import type { Finding, VerifyProgress } from "../../finding.ts";
import { selectCount } from "../statements.ts";
import { selectOrphans } from "./orphans.ts";
import { checkRows, type RowSource } from "./verify-rows.ts";

/** The rows of a read transaction. */
const PAGE_ROWS = 500;

/** A look at the database as a whole that only its driver can take. */
export type WholeCheck = (
  source: RowSource,
  plans: readonly ResourcePlan[],
) => Promise<readonly Finding[]>;

/** Verifies the database: the checks of its driver, then each row of each resource. */
export async function* verifyDatabase(
  source: RowSource,
  plans: readonly ResourcePlan[],
  registry: Registry,
  checks: readonly WholeCheck[],
): AsyncGenerator<VerifyProgress> {
  const counts = await source.read(plans.map((plan) => selectCount(plan, [], source.dialect)));
  const rowsTotal = counts.rows.reduce((sum, [row]) => sum + Number(row?.[0]), 0);
  let rowsDone = 0;
  for (const check of [...checks, checkOrphans]) {
    yield { rowsDone, rowsTotal, findings: await check(source, plans) };
  }
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

/** Rows of child and link tables whose resource is not there: no message has them. */
async function checkOrphans(source: RowSource, plans: readonly ResourcePlan[]): Promise<Finding[]> {
  const selections = plans.flatMap(selectOrphans);
  const { rows } = await source.read(selections.map((selection) => selection.statement));
  return selections.flatMap(({ toFinding }, index) => (rows[index] ?? []).map(toFinding));
}
