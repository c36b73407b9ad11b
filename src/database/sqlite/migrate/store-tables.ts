// The store's own tables in a file: which of their migrations are recorded, and running the others.
// Which migrations there are is known in ../../migrations/store-files.ts.

import { systemClock, timestamp } from "../../../clock.ts";
import type { MigrationFile } from "../../migrations/files.ts";
import { findPendingStore, storeMigrations } from "../../migrations/store-files.ts";
import type { Connection } from "../connection/connection.ts";
import { runScript } from "./run-script.ts";
import { inTransaction, type Target } from "./target.ts";

/** The names of those that are not applied; reads only. */
export function pendingStoreMigrations(
  connection: Connection,
  files: readonly MigrationFile[],
): readonly string[] {
  return findPending(connection, files).map(({ name }) => name);
}

/** Applies those that are pending, all or none. @throws StoreError MIGRATION_FAILED */
export async function migrateStore(target: Target, files: readonly MigrationFile[]): Promise<void> {
  const { connection } = target;
  if (findPending(connection, files).length === 0) return;
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
    for (const { version, name, checksum, up } of findPending(connection, files)) {
      runScript(connection, up);
      connection
        .prepare("INSERT INTO store_migrations VALUES (?, ?, ?, ?)")
        .run(version, name, checksum, timestamp(systemClock));
    }
  });
}

function findPending(
  connection: Connection,
  files: readonly MigrationFile[],
): readonly MigrationFile[] {
  const isRecorded = hasTable(connection, "store_migrations");
  return findPendingStore(storeMigrations("sqlite", files), {
    versions: isRecorded
      ? connection.prepare("SELECT version FROM store_migrations").pluck().all()
      : undefined,
    hasTables: hasTable(connection, "store_state"),
  });
}

function hasTable(connection: Connection, name: string): boolean {
  return Boolean(connection.prepare("SELECT 1 FROM sqlite_schema WHERE name = ?").get(name));
}
