// Keeps our triggers newer than those of others on the same table: SQLite fires the newest first, and a
// trigger of somebody else may end the statement, with what it has done, before an older one fires.

import { triggersOf } from "../../../schema/drift.ts";
import type { ResourcePlan } from "../../../schema/plan.ts";
import { sqlName } from "../../../schema/sql-name.ts";
import { guardNames } from "../../../schema/triggers.ts";
import type { Connection } from "../connection/connection.ts";

/** The statements that make our triggers anew where one of others is newer; none if none is. */
export function renewals(connection: Connection, plans: readonly ResourcePlan[]): string[] {
  const read = connection.prepare<[string], { name: string; sql: string }>(
    `SELECT name, sql FROM sqlite_schema
     WHERE type = 'trigger' AND lower(tbl_name) = lower(?) ORDER BY rowid`,
  );
  return plans.flatMap((plan) =>
    [...triggersOf(plan)].flatMap(([table, names]) => {
      const own = new Set([...names, ...guardNames(table)]);
      const made = read.all(table);
      const newest = made.findLastIndex(({ name }) => !own.has(name));
      const isOlder = made.slice(0, Math.max(newest, 0)).some(({ name }) => own.has(name));
      if (!isOlder) return [];
      const ours = made.filter(({ name }) => own.has(name));
      return ours.flatMap(({ name, sql }) => [`DROP TRIGGER ${sqlName(name)}`, sql]);
    }),
  );
}
