// Looks at the one row of store_state, without which no write of another program is noticed.
// Reads only, and on a connection that does not write: to it `writing` is always 0.

import type { Connection } from "../connection/connection.ts";

interface StateRow {
  readonly id: unknown;
  readonly revision: unknown;
  readonly writing: unknown;
}

/** The table that a database has while it is copied into, and until the copy is proved. */
export const UNFINISHED_COPY = "store_copy";

/** What is wrong with the row, a line each; empty if nothing is, or if there is no such table. */
export function findStateFaults(connection: Connection): readonly string[] {
  const copy = connection
    .prepare("SELECT 1 FROM sqlite_schema WHERE name = ?")
    .get(UNFINISHED_COPY);
  if (copy !== undefined) return ["it is an unfinished copy: run protostore copy again"];
  const type = connection
    .prepare("SELECT type FROM sqlite_schema WHERE lower(name) = 'store_state'")
    .pluck()
    .get();
  if (type === undefined) return [];
  if (type !== "table") return [`store_state must be a table, and is a ${type}`];
  const rows = connection
    .prepare("SELECT id, revision, writing FROM store_state LIMIT 2")
    .all() as StateRow[];
  const [row, another] = rows;
  if (row?.id !== 1n || another) {
    return [
      "store_state must have one row, with id 1: restore a backup, or insert (1, R, 0), where R is " +
        "the highest revision in any table, and run: protostore verify",
    ];
  }
  const faults: string[] = [];
  if (typeof row.revision !== "bigint" || row.revision < 0n) {
    faults.push("store_state.revision must be an integer from 0 on");
  }
  if (row.writing !== 0n) {
    faults.push(
      "store_state.writing must be 0: writes of other programs have gone unnoticed; set it to 0 " +
        "and run: protostore verify",
    );
  }
  return faults;
}
