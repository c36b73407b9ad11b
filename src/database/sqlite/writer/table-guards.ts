// Keeps a guard on the unique keys that others have given to our tables: triggers that see the rows
// which REPLACE removes by such a key. Nothing else about those keys is ours. What others do to a
// table may also ask for our triggers to be made anew.

import type { ResourcePlan, TablePlan } from "../../../schema/plan.ts";
import { quoteName, sqlName } from "../../../schema/sql-name.ts";
import { guardNames, guardTriggers, type Trigger } from "../../../schema/triggers.ts";
import { type Connection, isBusy } from "../connection/connection.ts";
import { indexKeysOf } from "../inspect/sql-definition.ts";
import { renewals } from "./trigger-order.ts";

/** `guardTables`, in a transaction of its own; if the database is locked, the next commit does it. */
export function guardIfFree(connection: Connection, plans: readonly ResourcePlan[]): void {
  const isGuarded = guardsToMake(connection, plans).length === 0;
  if (isGuarded && renewals(connection, plans).length === 0) return;
  try {
    connection.exec("BEGIN IMMEDIATE");
    guardTables(connection, plans);
    connection.exec("COMMIT");
  } catch (error) {
    if (connection.inTransaction) connection.exec("ROLLBACK");
    if (!isBusy(error)) throw error;
  }
}

/**
 * Makes the guards what the unique keys of today need, and our triggers the newest, in the transaction
 * that is open; true if that has changed the schema.
 */
export function guardTables(connection: Connection, plans: readonly ResourcePlan[]): boolean {
  let changes = 0;
  for (const find of [guardsToMake, renewals]) {
    for (const sql of find(connection, plans)) {
      connection.exec(sql);
      changes++;
    }
  }
  return changes > 0;
}

/** The statements that make the guards what they should be; none if they are. */
function guardsToMake(connection: Connection, plans: readonly ResourcePlan[]): readonly string[] {
  const known = new Map(
    connection
      .prepare<[], { name: string; sql: string }>(
        "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'",
      )
      .all()
      .map(({ name, sql }) => [name, sql]),
  );
  return plans
    .flatMap((plan): TablePlan[] => [plan, ...plan.children])
    .flatMap((table) => {
      const wanted = new Map(guardsOf(connection, table).map(({ name, sql }) => [name, sql]));
      return guardNames(table.table).flatMap((name) => {
        const sql = wanted.get(name);
        if (known.get(name) === sql) return [];
        const drop = `DROP TRIGGER IF EXISTS ${name}`;
        return sql === undefined ? [drop] : [drop, sql];
      });
    });
}

/** The guards of a table; none if only its key is unique. */
function guardsOf(connection: Connection, table: TablePlan): Trigger[] {
  const indexes = connection
    .prepare<[string], { name: string; sql: string | null }>(
      `SELECT list.name, sqlite_schema.sql FROM pragma_index_list(?) AS list
       LEFT JOIN sqlite_schema ON type = 'index' AND sqlite_schema.name = list.name
       WHERE list."unique" ORDER BY list.name`,
    )
    .all(table.table);
  if (indexes.length === 0) return [];
  const columns = connection
    .prepare<[string], string>("SELECT name FROM pragma_table_xinfo(?) WHERE hidden <> 1")
    .pluck()
    .all(table.table);
  return guardTriggers(
    table,
    indexes.map(({ name, sql }) => conflictOf(connection, name, sql, columns)),
  );
}

/** The condition on a row that is in the way of the new one in an index. */
function conflictOf(
  connection: Connection,
  index: string,
  sql: string | null,
  columns: readonly string[],
): string {
  const keys = connection
    .prepare<[string], { name: string | null; coll: string }>(
      "SELECT name, coll FROM pragma_index_xinfo(?) WHERE key ORDER BY seqno",
    )
    .all(index);
  const written = sql === null ? [] : indexKeysOf(sql);
  // Expressions are those of the new row where its values have the names of the columns.
  const newRow = columns.map((name) => `NEW.${quoteName(name)} AS ${quoteName(name)}`).join(", ");
  return keys
    .map(({ name, coll }, position) => {
      if (name !== null) {
        const column = sqlName(name);
        return `${column} = NEW.${column} COLLATE ${coll}`;
      }
      const expression = written[position] ?? "NULL";
      return `(${expression}) = (SELECT ${expression} FROM (SELECT ${newRow})) COLLATE ${coll}`;
    })
    .join(" AND ");
}
