// Finds what in a database acts on our statements beside our own triggers: triggers, foreign key
// actions and conflict clauses of others. Changes nothing; what follows from it is the commit path's.

import { triggersOf } from "../../schema/drift.ts";
import type { ResourcePlan } from "../../schema/plan.ts";
import { guardNames } from "../../schema/triggers.ts";
import type { Connection } from "./connection.ts";

/** What acts on our statements, as the schema says. */
export interface ForeignCode {
  /** Whether a trigger of somebody else is on one of our tables. */
  readonly hasTriggers: boolean;
  /** Whether a delete may change rows of other tables. */
  readonly hasActions: boolean;
  /** The tables, in lower case, whose own constraints say what to do in a conflict. */
  readonly conflictTables: ReadonlySet<string>;
}

/** Reads what acts on the tables of the plans. */
export function readForeignCode(
  connection: Connection,
  plans: readonly ResourcePlan[],
): ForeignCode {
  const own = new Set(plans.flatMap((plan) => [...triggersOf(plan).values()].flat()));
  const tables = ourTables(plans);
  for (const table of tables) for (const name of guardNames(table)) own.add(name);
  const isOurs = (table: string) => tables.has(table.toLowerCase());
  const triggers = connection
    .prepare<[], { name: string; table: string }>(
      "SELECT name, tbl_name AS 'table' FROM sqlite_schema WHERE type = 'trigger'",
    )
    .all();
  const actions = connection
    .prepare<[], { target: string }>(
      `SELECT keys."table" AS target
       FROM sqlite_schema, pragma_foreign_key_list(sqlite_schema.name) AS keys
       WHERE type = 'table' AND NOT (on_delete IN ('NO ACTION', 'RESTRICT'))`,
    )
    .all();
  const conflicting = connection
    .prepare<[], { name: string; sql: string }>(
      "SELECT name, sql FROM sqlite_schema WHERE type = 'table' AND sql LIKE '%conflict%'",
    )
    .all()
    .filter(({ sql }) => /\bon\s+conflict\b/i.test(sql));
  return {
    hasTriggers: triggers.some(({ name, table }) => isOurs(table) && !own.has(name)),
    hasActions: actions.some(({ target }) => isOurs(target)),
    conflictTables: new Set(conflicting.map(({ name }) => name.toLowerCase())),
  };
}

/** The tables that our statements write, in lower case. */
function ourTables(plans: readonly ResourcePlan[]): Set<string> {
  const tables = plans.flatMap((plan) => [plan, ...plan.children, ...plan.links]);
  return new Set(tables.map(({ table }) => table.toLowerCase()));
}
