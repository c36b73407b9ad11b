// Migrations as the tests run them: Chinook's, unless a test names others.
// Adds nothing to what it calls.

import { CHINOOK_FILES } from "../../src/chinook/adopt/detect.ts";
import { CHINOOK_MIGRATIONS } from "../../src/chinook/migrations.ts";
import * as files from "../../src/database/migrations/files.ts";
import type { Bound } from "../../src/database/migrations/migrate.ts";
import {
  createMigration as create,
  type NewTable,
} from "../../src/database/migrations/new-migration.ts";
import * as migrate from "../../src/database/sqlite/migrate/migrate.ts";
import * as plan from "../../src/database/sqlite/migrate/migration-plan.ts";
import { sqliteTableScripts } from "../../src/database/sqlite/migrate/new-table.ts";

type Loose<T extends migrate.MigrateOptions> = Omit<T, "files"> & Partial<Pick<T, "files">>;
type Up = migrate.MigrateOptions & Bound;
type Down = Parameters<typeof migrate.migrateDown>[1];

export function readMigrationFiles(dir: string = CHINOOK_MIGRATIONS) {
  return files.readMigrationFiles(dir);
}

function withChinook<T extends migrate.MigrateOptions>(options: Loose<T>): T {
  return { files: readMigrationFiles(), foreign: CHINOOK_FILES, ...options } as unknown as T;
}

export function migrateUp(database: string, options: Loose<Up>) {
  return migrate.migrateUp(database, withChinook<Up>(options));
}

export function migrateDown(database: string, options: Loose<Down>) {
  return migrate.migrateDown(database, withChinook<Down>(options));
}

export function forceVersion(
  database: string,
  version: bigint,
  options: Loose<migrate.MigrateOptions>,
) {
  return migrate.forceVersion(database, version, withChinook<migrate.MigrateOptions>(options));
}

export function planMigrations(database: string, options: Loose<Up>) {
  return plan.planMigrations(database, withChinook<Up>(options));
}

/** Writes the files of a migration in the SQL of SQLite alone. */
export function createMigration(
  name: string,
  { dir, table }: { readonly dir: string; readonly table?: NewTable },
) {
  return create(name, [{ dir, tableScripts: sqliteTableScripts }], table);
}
