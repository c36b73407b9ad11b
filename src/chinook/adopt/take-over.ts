// The changes that make a Chinook database ours at version 1, without touching any row.
// The caller holds a transaction, and a backup.

import type { MigrationFile } from "../../database/migrations/files.ts";
import type { Connection } from "../../database/sqlite/connection/connection.ts";
import { createLogTable, writeLogEntry } from "../../database/sqlite/migrate/log-table.ts";
import { createVersionTable, writeVersion } from "../../database/sqlite/migrate/version-table.ts";
import { StoreError } from "../../errors.ts";
import { quoteName } from "../../schema/sql-name.ts";
import { renameTables } from "./rename.ts";
import { type ChinookTable, readChinookTables, readIndexes } from "./tables.ts";

/** How many rows a table has. */
export interface TableCount {
  readonly table: string;
  readonly rows: number;
}

/**
 * Gives the tables our names, creates the indexes that they lack, records version 1 as adopted,
 * and returns how many rows each table has.
 * @throws StoreError MIGRATION_FAILED if a table has not the rows that it had.
 */
export function takeOver(
  connection: Connection,
  files: readonly MigrationFile[],
  isUpstream: boolean,
): readonly TableCount[] {
  const tables = readChinookTables(files);
  const names = tables.map((table) => table.name);
  const before = countRows(
    connection,
    isUpstream ? tables.map((table) => table.upstreamName) : names,
  );
  if (isUpstream) renameTables(connection, tables);
  for (const table of tables) createMissingIndexes(connection, table);
  createVersionTable(connection);
  createLogTable(connection);
  for (const file of files.slice(0, 1)) {
    writeVersion(connection, { version: file.version, dirty: false });
    writeLogEntry(connection, file, "adopted");
  }
  const after = countRows(connection, names);
  if (isSameCount(before, after)) return after;
  throw new StoreError("MIGRATION_FAILED", "the tables have not the rows that they had");
}

/** Counts the rows of each of `tables`. */
export function countRows(
  connection: Connection,
  tables: readonly string[],
): readonly TableCount[] {
  return tables.map((table) => ({
    table,
    rows: Number(
      connection
        .prepare(`SELECT count(*) FROM ${quoteName(table)}`)
        .pluck()
        .get(),
    ),
  }));
}

/** True if the tables of both lists, in their order, have the same number of rows. */
export function isSameCount(a: readonly TableCount[], b: readonly TableCount[]): boolean {
  return a.length === b.length && a.every(({ rows }, index) => rows === b[index]?.rows);
}

/** An index serves if it finds rows by the same column, whatever its name. */
function createMissingIndexes(connection: Connection, table: ChinookTable): void {
  const indexed = new Set(
    readIndexes(connection, table.name).map(({ column }) => column.toLowerCase()),
  );
  for (const { name, column } of table.indexes) {
    if (indexed.has(column.toLowerCase())) continue;
    const taken = connection
      .prepare("SELECT 1 FROM sqlite_schema WHERE lower(name) = lower(?)")
      .get(name);
    const free = taken ? `${table.name}_${column}` : name;
    connection.exec(`CREATE INDEX ${free} ON ${table.name} (${column})`);
  }
}
