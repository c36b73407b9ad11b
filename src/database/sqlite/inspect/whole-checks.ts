// What SQLite itself can tell of a database: whether its pages are whole, and what its foreign keys
// refer to. Changes nothing.

import type { ResourcePlan } from "../../../schema/plan.ts";
import type { SqlValue } from "../../../schema/sql-value.ts";
import type { Finding } from "../../finding.ts";
import type { Statement } from "../../sql/statements.ts";
import type { WholeCheck } from "../../sql/verify/verify.ts";
import type { RowSource } from "../../sql/verify/verify-rows.ts";

/** Its pages, and its foreign keys. */
export const WHOLE_CHECKS: readonly WholeCheck[] = [checkPages, checkForeignKeys];

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

function statement(sql: string): Statement {
  return { sql, parameters: [] };
}
