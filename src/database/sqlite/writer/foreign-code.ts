// Finds what in a database acts on our statements beside our own triggers: triggers, foreign key
// actions and conflict clauses of others. Changes nothing; what follows from it is the commit path's.

import { triggersOf } from "../../../schema/drift.ts";
import type { ResourcePlan } from "../../../schema/plan.ts";
import { guardNames } from "../../../schema/triggers.ts";
import type { ForeignCode } from "../../sql/write/transaction.ts";
import { fillResource } from "../../sql/write-statements.ts";
import type { Connection } from "../connection/connection.ts";

/** What acts on our statements, as the schema says. */
export interface SchemaCode extends ForeignCode {
  /** Whether a trigger of somebody else is on one of our tables. */
  readonly hasTriggers: boolean;
  /** Whether a delete may change rows of other tables. */
  readonly hasActions: boolean;
}

/** Reads what acts on the tables of the plans. */
export function readForeignCode(
  connection: Connection,
  plans: readonly ResourcePlan[],
): SchemaCode {
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
  const hasTriggers = triggers.some(({ name, table }) => isOurs(table) && !own.has(name));
  const unfillable = hasTriggers ? plans.filter((plan) => !fillsAlone(connection, plan, own)) : [];
  return {
    hasTriggers,
    unfillableTables: new Set(unfillable.map(({ table }) => table.toLowerCase())),
    hasActions: actions.some(({ target }) => isOurs(target)),
    conflictTables: new Set(conflicting.map(({ name }) => name.toLowerCase())),
  };
}

/**
 * True if to give a row its bytes sets off our triggers only: SQLite tells in the program of the
 * statement which triggers are in it. Ours always are, or this was not understood.
 */
function fillsAlone(connection: Connection, plan: ResourcePlan, own: ReadonlySet<string>): boolean {
  const { sql, parameters } = fillResource(plan, { key: 0n, revision: null, wire: null });
  const names = connection
    .prepare<unknown[], { p4: string | null }>(`EXPLAIN ${sql}`)
    .all(...parameters)
    .flatMap(({ p4 }) => /^-- TRIGGER (.*)$/s.exec(p4 ?? "")?.[1] ?? []);
  return names.includes(`${plan.table}_outside_update`) && names.every((name) => own.has(name));
}

/** The tables that our statements write, in lower case. */
function ourTables(plans: readonly ResourcePlan[]): Set<string> {
  const tables = plans.flatMap((plan) => [plan, ...plan.children, ...plan.links]);
  return new Set(tables.map(({ table }) => table.toLowerCase()));
}
