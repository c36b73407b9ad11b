// Finds rows that belong to a resource which is not there: lines without an order, links
// of which one end is missing. Pure: makes statements and reads their rows.

import type { ResourcePlan } from "../../../schema/plan.ts";
import { formatName } from "../../../schema/resource-name.ts";
import { sqlName } from "../../../schema/sql-name.ts";
import type { Row } from "../../../schema/sql-value.ts";
import type { Finding } from "../../finding.ts";
import type { Statement } from "../statements.ts";

/** A statement that selects rows without an owner, and what each of its rows says. */
export interface OrphanSelection {
  readonly statement: Statement;
  readonly toFinding: (row: Row) => Finding;
}

/** What finds the orphaned rows of each child and link table of the plan. */
export function selectOrphans(plan: ResourcePlan): readonly OrphanSelection[] {
  return [
    ...plan.children.map(({ table, key, parentKey }) => ({
      statement: selectWithoutOwner(plan, table, parentKey, `orphan.${sqlName(key)}`),
      toFinding: ([owner, id]: Row) =>
        orphaned(table, `row ${id} belongs to ${nameOf(plan, owner)}, which does not exist`),
    })),
    ...plan.links.map(({ table, column }) => ({
      statement: selectWithoutOwner(plan, table, column, "count(*)", " GROUP BY 1 ORDER BY 1"),
      toFinding: ([owner, count]: Row) =>
        orphaned(table, `${count} rows name ${nameOf(plan, owner)}, which does not exist`),
    })),
  ];
}

/** The owner's key, which has no row, and `what` of the rows that have it in `column`. */
function selectWithoutOwner(
  plan: ResourcePlan,
  table: string,
  column: string,
  what: string,
  rest = "",
): Statement {
  const owner = `orphan.${sqlName(column)}`;
  const sql =
    `SELECT ${owner}, ${what} FROM ${sqlName(table)} AS orphan WHERE NOT EXISTS ` +
    `(SELECT 1 FROM ${sqlName(plan.table)} AS owner WHERE owner.${sqlName(plan.key)} = ${owner})${rest}`;
  return { sql, parameters: [] };
}

function nameOf(plan: ResourcePlan, key: Row[number] | undefined): string {
  return typeof key === "bigint" ? formatName(plan.resource, key) : `no ${plan.desc.name}`;
}

function orphaned(subject: string, problem: string): Finding {
  return { kind: "orphaned", subject, problem };
}
