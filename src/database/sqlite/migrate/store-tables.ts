// The store's own tables: migrations with numbers of their own, so that they never meet the user's.
// They go before the user's migrations, whose triggers need them, unless those make the tables.

import { join } from "node:path";
import { systemClock, timestamp } from "../../../clock.ts";
import { PACKAGE_ROOT } from "../../../package-root.ts";
import type { Connection } from "../connection/connection.ts";
import { type MigrationFile, readMigrationFiles } from "./files.ts";
import { runScript } from "./run-script.ts";
import { inTransaction, type Target } from "./target.ts";

const FOLDER = join(PACKAGE_ROOT, "migrations", "store", "sqlite");

/** How the migrations of databases that are older than this sequence make the first of the tables. */
const MAKES_TABLES = /\bCREATE\s+TABLE\s+(?:IF\s+NOT\s+EXISTS\s+)?["'`[]?store_state\b/i;

/** Health asks each second: the folder is not read again, nor the user's files searched. */
const known = new WeakMap<readonly MigrationFile[], readonly MigrationFile[]>();

/** The migrations of the store's tables that go with the user's `files`, in order. */
export function storeMigrations(files: readonly MigrationFile[]): readonly MigrationFile[] {
  let own = known.get(files);
  if (!own) {
    const isMade = files.some(({ up }) => MAKES_TABLES.test(up.sql));
    own = isMade ? [] : readMigrationFiles(FOLDER);
    known.set(files, own);
  }
  return own;
}

/** The names of those that are not applied; reads only. */
export function pendingStoreMigrations(
  connection: Connection,
  files: readonly MigrationFile[],
): readonly string[] {
  return findPending(connection, storeMigrations(files)).map(({ name }) => name);
}

/** Applies those that are pending, all or none. @throws StoreError MIGRATION_FAILED */
export async function migrateStore(target: Target, files: readonly MigrationFile[]): Promise<void> {
  const { connection } = target;
  const own = storeMigrations(files);
  if (findPending(connection, own).length === 0) return;
  await inTransaction(target, () => {
    connection.exec(
      `CREATE TABLE IF NOT EXISTS store_migrations (
        version INTEGER NOT NULL PRIMARY KEY,
        name TEXT NOT NULL,
        checksum TEXT NOT NULL,
        applied_at TEXT NOT NULL
      )`,
    );
    // Another process may have been first.
    for (const { version, name, checksum, up } of findPending(connection, own)) {
      runScript(connection, up);
      connection
        .prepare("INSERT INTO store_migrations VALUES (?, ?, ?, ?)")
        .run(version, name, checksum, timestamp(systemClock));
    }
  });
}

function findPending(
  connection: Connection,
  own: readonly MigrationFile[],
): readonly MigrationFile[] {
  if (!hasTable(connection, "store_migrations")) {
    // Migrations of the user have made the tables, which are not among `files` any more.
    return hasTable(connection, "store_state") ? [] : own;
  }
  const applied = connection.prepare("SELECT version FROM store_migrations").pluck().all();
  return own.filter(({ version }) => !applied.includes(version));
}

function hasTable(connection: Connection, name: string): boolean {
  return Boolean(connection.prepare("SELECT 1 FROM sqlite_schema WHERE name = ?").get(name));
}
