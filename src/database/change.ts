// What commits change of the rows of resources, and how changes are counted.
// Knows no SQL, and not how a change is told.

import type { ResourcePlan } from "../schema/plan.ts";

/** What has become of a row. */
export type ChangeKind = "create" | "update" | "delete";

/** Rows of a resource that one statement has changed. */
export interface Change {
  readonly kind: ChangeKind;
  readonly plan: ResourcePlan;
  /** The revision is that of the commit that has changed the row. */
  readonly rows: readonly { readonly key: bigint; readonly revision: bigint }[];
}

/** How many rows of a type of resources have changed in one way. */
export interface ChangeCount {
  readonly type: string;
  readonly kind: ChangeKind;
  readonly rows: number;
}

/** How many rows the changes are of. */
export function countChanges(changes: readonly Change[]): readonly ChangeCount[] {
  return addUp(
    changes.map(({ plan, kind, rows }) => ({ type: plan.resource.type, kind, rows: rows.length })),
  );
}

/** The counts, those of one type and kind as one. */
export function addUp(counts: readonly ChangeCount[]): readonly ChangeCount[] {
  const sums = new Map<string, ChangeCount>();
  for (const { type, kind, rows } of counts) {
    const name = `${kind} ${type}`;
    sums.set(name, { type, kind, rows: rows + (sums.get(name)?.rows ?? 0) });
  }
  return [...sums.values()];
}
