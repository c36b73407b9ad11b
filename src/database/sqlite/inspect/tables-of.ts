// The tables that maintenance goes through: those with rows of their own, and the full-text indexes.
// Must not look into them.

import type { Connection } from "../connection/connection.ts";

/** Not those of SQLite, nor those that a full-text index keeps for itself. */
export function tablesOf(connection: Connection): readonly string[] {
  return connection
    .prepare(
      `SELECT name FROM pragma_table_list
       WHERE schema = 'main' AND type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY name`,
    )
    .pluck()
    .all() as string[];
}

/** The tables of FTS5. */
export function searchIndexesOf(connection: Connection): readonly string[] {
  return connection
    .prepare(
      `SELECT name FROM sqlite_schema
       WHERE type = 'table' AND rootpage = 0 AND sql LIKE 'CREATE VIRTUAL TABLE%USING%fts5%' ORDER BY name`,
    )
    .pluck()
    .all() as string[];
}
