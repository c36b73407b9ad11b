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

/** Counts added up, those of one type and kind as one. */
export interface ChangeCounts {
  add(counts: readonly ChangeCount[]): void;
  read(): readonly ChangeCount[];
}

/** Counts from nothing. */
export function createChangeCounts(): ChangeCounts {
  const byType = new Map<string, Map<ChangeKind, number>>();
  return {
    add(counts) {
      for (const { type, kind, rows } of counts) {
        const byKind = byType.get(type) ?? new Map<ChangeKind, number>();
        byType.set(type, byKind.set(kind, (byKind.get(kind) ?? 0) + rows));
      }
    },
    read: () =>
      [...byType].flatMap(([type, byKind]) =>
        [...byKind].map(([kind, rows]) => ({ type, kind, rows })),
      ),
  };
}

/** How many rows the changes are of. */
export function countChanges(changes: readonly Change[]): readonly ChangeCount[] {
  const counts = createChangeCounts();
  counts.add(
    changes.map(({ plan, kind, rows }) => ({ type: plan.resource.type, kind, rows: rows.length })),
  );
  return counts.read();
}
