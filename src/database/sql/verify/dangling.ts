// References between resources, and what finds those that have no row.
// Pure: makes statements and reads their rows.

import type { ColumnPlan, ResourcePlan, TablePlan } from "../../../schema/plan.ts";
import { isRedacted } from "../../../schema/redaction.ts";
import { formatName } from "../../../schema/resource-name.ts";
import { sqlName } from "../../../schema/sql-name.ts";
import type { Row } from "../../../schema/sql-value.ts";
import type { Finding } from "../../finding.ts";
import type { Statement } from "../statements.ts";

/** A column that refers to rows of another table. */
export interface Reference {
  readonly from: TablePlan;
  /** The column of `from` that holds the key of the resource that the row is, or is part of. */
  readonly owner: string;
  readonly column: ColumnPlan;
  readonly to: ResourcePlan;
}

/** The columns of the plan's table and of its child tables that refer to a resource. */
export function referencesOf(
  plan: ResourcePlan,
  plans: readonly ResourcePlan[],
): readonly Reference[] {
  const tables = [
    { from: plan as TablePlan, owner: plan.key },
    ...plan.children.map((child) => ({ from: child, owner: child.parentKey })),
  ];
  return tables.flatMap(({ from, owner }) =>
    from.columns.flatMap((column) => {
      const to = plans.find(({ resource }) => resource === column.reference);
      return to ? [{ from, owner, column, to }] : [];
    }),
  );
}

/** The owner of each row whose reference has no row, and the key that it refers to. */
export function selectDangling(
  plan: ResourcePlan,
  reference: Reference,
  page: Statement,
): Statement {
  const [from, to] = [sqlName(reference.from.table), sqlName(reference.to.table)];
  const [owner, column] = [sqlName(reference.owner), sqlName(reference.column.name)];
  return {
    sql:
      `SELECT one.${owner}, one.${column} FROM ${from} AS one ` +
      `WHERE one.${owner} IN (SELECT ${sqlName(plan.key)} FROM (${page.sql})) ` +
      `AND one.${column} IS NOT NULL AND NOT EXISTS ` +
      `(SELECT 1 FROM ${to} AS other WHERE other.${sqlName(reference.to.key)} = one.${column}) ` +
      `ORDER BY one.${owner}`,
    parameters: page.parameters,
  };
}

/** What a row of `selectDangling` says. */
export function toDangling(plan: ResourcePlan, { from, column, to }: Reference, row: Row): Finding {
  const [owner, target] = row;
  const inside = from === plan ? "" : `${plan.children.find((c) => c === from)?.field.name}.`;
  const isTold = typeof target === "bigint" && !isRedacted(column.field);
  const name = isTold ? formatName(to.resource, target) : `a ${to.desc.name}`;
  return {
    kind: "dangling",
    subject: formatName(plan.resource, owner as bigint),
    problem: `${inside}${column.field.name} refers to ${name}, which does not exist`,
  };
}
