// Remembers which rows could not be filled, as they were then: they are not tried again until somebody
// has written them. Holds a bounded number of rows, and for what is beyond it a revision each table.

import type { BareRow } from "../database/database.ts";
import type { ResourcePlan } from "../schema/plan.ts";

/** The rows that were tried in vain. */
export interface TriedRows {
  /** True if the row was tried, and was not written since. */
  has(plan: ResourcePlan, row: BareRow): boolean;
  add(plan: ResourcePlan, row: BareRow): void;
  /** To be told that all rows of the table were tried, as they were at this revision of the database. */
  complete(plan: ResourcePlan, revision: bigint): void;
}

/** A memory of at most `rowsMax` rows, about 100 bytes each. */
export function createTriedRows(rowsMax: number): TriedRows {
  const tables = new Map<ResourcePlan, Map<bigint, unknown>>();
  const full = new Set<ResourcePlan>();
  const completed = new Map<ResourcePlan, bigint>();
  let count = 0;

  function isOlder(plan: ResourcePlan, revision: unknown): boolean {
    const newest = completed.get(plan);
    if (newest === undefined) return false;
    return typeof revision !== "bigint" || revision <= newest;
  }

  return {
    has(plan, { key, revision }) {
      const rows = tables.get(plan);
      if (rows?.has(key) && rows.get(key) === revision) return true;
      return full.has(plan) && isOlder(plan, revision);
    },
    add(plan, { key, revision }) {
      const rows = tables.get(plan) ?? new Map<bigint, unknown>();
      tables.set(plan, rows);
      if (!rows.has(key)) {
        if (count >= rowsMax) {
          full.add(plan);
          return;
        }
        count++;
      }
      rows.set(key, revision);
    },
    complete: (plan, revision) => completed.set(plan, revision),
  };
}
