// Gives the tables of an upstream Chinook file our names, and views to readers of the old names.
// The caller holds a transaction.

import type { Connection } from "../../database/sqlite/connection/connection.ts";
import { quoteName } from "../../schema/sql-name.ts";
import { type ChinookTable, readColumns } from "./tables.ts";

/** Renames each table; afterwards its old name, as the file wrote it, is a view of its columns. */
export function renameTables(connection: Connection, tables: readonly ChinookTable[]): void {
  const views = readSql(connection, "view");
  const renamed = tables.map((table) => {
    const oldName = connection
      .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' AND lower(name) = lower(?)")
      .pluck()
      .get(table.upstreamName) as string;
    connection.exec(`ALTER TABLE ${quoteName(oldName)} RENAME TO ${table.name}`);
    return { oldName, name: table.name };
  });
  for (const { oldName, name } of renamed) {
    const columns = readColumns(connection, name).map((column) => quoteName(column.name));
    connection.exec(
      `CREATE VIEW ${quoteName(oldName)} AS SELECT ${columns.join(", ")} FROM ${name}`,
    );
  }
  restoreViews(connection, views);
}

/**
 * SQLite has let the file's own views follow the rename. They go back to the old names: through
 * those, a `SELECT *` keeps its columns when the tables get more.
 */
function restoreViews(connection: Connection, views: ReadonlyMap<string, string>): void {
  const changed = readSql(connection, "view");
  for (const [name, sql] of views) {
    if (changed.get(name) === sql) continue;
    const triggers = connection
      .prepare("SELECT sql FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = ?")
      .pluck()
      .all(name) as string[];
    connection.exec(`DROP VIEW ${quoteName(name)}`);
    connection.exec(sql);
    // Its triggers stay as SQLite changed them: they write, which the old names no longer allow.
    for (const trigger of triggers) connection.exec(trigger);
  }
}

function readSql(connection: Connection, type: string): ReadonlyMap<string, string> {
  const rows = connection
    .prepare("SELECT name, sql FROM sqlite_schema WHERE type = ?")
    .all(type) as { name: string; sql: string }[];
  return new Map(rows.map(({ name, sql }) => [name, sql]));
}
