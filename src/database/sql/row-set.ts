// Puts resource rows and their child rows together again, as separate statements have read them.
// Pure; decodes nothing.

import type { ResourcePlan } from "../../schema/plan.ts";
import type { ChildRow, ResourceRow } from "../../schema/row.ts";
import type { Row } from "../../schema/sql-value.ts";
import { toChildRow, toResourceRow } from "./statements.ts";

/** Rows of `resourceColumns`, and for each of the plan's children the rows of `selectChildren`. */
export interface RowSet {
  readonly resources: readonly Row[];
  readonly children: readonly (readonly Row[])[];
}

/** A resource row with the rows of each of the plan's children. */
export interface WholeRow {
  readonly row: ResourceRow;
  readonly children: readonly (readonly ChildRow[])[];
}

/** Each resource row with its own child rows. */
export function withChildren(plan: ResourcePlan, rows: RowSet): WholeRow[] {
  const byParent = rows.children.map((children) =>
    Map.groupBy(children.map(toChildRow), ({ parentKey }) => parentKey),
  );
  return rows.resources.map((resource) => {
    const row = toResourceRow(plan, resource);
    return { row, children: byParent.map((groups) => groups.get(row.key) ?? []) };
  });
}
