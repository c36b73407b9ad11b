// Makes sure that a Chinook file has nothing of its own under the names that the migrations add.
// Reads only; what is refused is named, with what to do.

import type { MigrationFile } from "../../database/migrations/files.ts";
import type { Connection } from "../../database/sqlite/connection/connection.ts";
import { readSchema, withMigrated } from "../../database/sqlite/migrate/migrated-schema.ts";
import { hasVersionTable } from "../../database/sqlite/migrate/version-table.ts";
import { StoreError } from "../../errors.ts";
import { type ChinookTable, readChinookTables, readColumns } from "./tables.ts";

/** What the migrations after the first one add, and what records them. */
interface NewNames {
  /** The columns of each of Chinook's tables, by its plural name. */
  readonly columns: ReadonlyMap<string, readonly string[]>;
  /** The tables, indexes, views and triggers. */
  readonly objects: readonly string[];
}

const RECORDS = ["schema_migrations_log", "version_unique"];

/**
 * Makes sure that the file has no column, table, index, view or trigger that a migration would add.
 * @throws StoreError NOT_ADOPTABLE, naming all of them.
 */
export function checkNewNames(
  connection: Connection,
  files: readonly MigrationFile[],
  isUpstream: boolean,
): void {
  const tables = readChinookTables(files);
  const added = readNewNames(files, tables);
  const taken = [
    ...tables.flatMap((table) => takenColumns(connection, table, added, isUpstream)),
    ...takenObjects(connection, added.objects),
  ];
  if (taken.length === 0) return;
  throw new StoreError(
    "NOT_ADOPTABLE",
    `${taken.join(", and ")}; protostore needs to add one of this name: rename it first`,
  );
}

/** The names of the columns and objects that the migrations add. */
export function readNewNames(
  files: readonly MigrationFile[],
  tables: readonly ChinookTable[],
): NewNames {
  const read = (connection: Connection): NewNames => ({
    columns: new Map(tables.map(({ name }) => [name, columnsOf(connection, name)])),
    objects: readSchema(connection).map(({ name }) => name),
  });
  const before = withMigrated(files.slice(0, 1), read, []);
  const after = withMigrated(files, read);
  return {
    columns: new Map(
      [...after.columns].map(([table, names]) => {
        const known = before.columns.get(table) ?? [];
        return [table, names.filter((name) => !known.includes(name))];
      }),
    ),
    objects: [...after.objects.filter((name) => !before.objects.includes(name)), ...RECORDS],
  };
}

function columnsOf(connection: Connection, table: string): readonly string[] {
  return readColumns(connection, table).map(({ name }) => name);
}

function takenColumns(
  connection: Connection,
  table: ChinookTable,
  { columns }: NewNames,
  isUpstream: boolean,
): readonly string[] {
  const name = isUpstream ? table.upstreamName : table.name;
  const own = new Set(columnsOf(connection, name).map((column) => column.toLowerCase()));
  return (columns.get(table.name) ?? [])
    .filter((column) => own.has(column.toLowerCase()))
    .map((column) => `the table ${name} has a column ${column} of its own`);
}

function takenObjects(connection: Connection, names: readonly string[]): readonly string[] {
  const added = new Set(names.map((name) => name.toLowerCase()));
  const recorded = hasVersionTable(connection) ? "schema_migrations" : undefined;
  return readSchema(connection)
    .filter(({ name, table }) => added.has(name.toLowerCase()) && table !== recorded)
    .map(({ type, name }) => `the file has a ${type} ${name} of its own`);
}
