// The store's own tables in PostgreSQL: which of their migrations are recorded, and running the others.
// Which migrations there are is known in ../../migrations/store-files.ts.

import { systemClock, timestamp } from "../../../clock.ts";
import type { MigrationFile } from "../../migrations/files.ts";
import { findPendingStore, storeMigrations } from "../../migrations/store-files.ts";
import type { Session } from "../session.ts";
import { runScript } from "./run-script.ts";
import type { Target } from "./target.ts";

/** Those that are not applied; reads only. */
export async function findPendingStoreFiles(
  session: Session,
  files: readonly MigrationFile[],
): Promise<readonly MigrationFile[]> {
  const [[isRecorded, hasTables] = []] = await session.all({
    sql: "SELECT to_regclass('store_migrations') IS NOT NULL, to_regclass('store_state') IS NOT NULL",
    parameters: [],
  });
  const rows =
    isRecorded === 1n
      ? await session.all({ sql: "SELECT version FROM store_migrations", parameters: [] })
      : undefined;
  return findPendingStore(storeMigrations("postgres", files), {
    versions: rows?.map(([version]) => version),
    hasTables: hasTables === 1n,
  });
}

/** Applies those that are pending, all or none. @throws StoreError MIGRATION_FAILED */
export async function migrateStore(target: Target, files: readonly MigrationFile[]): Promise<void> {
  const { session } = target;
  const pending = await findPendingStoreFiles(session, files);
  if (pending.length === 0) return;
  await target.inTransaction(async () => {
    await session.script(
      `CREATE TABLE IF NOT EXISTS store_migrations (
        version bigint NOT NULL PRIMARY KEY,
        name text NOT NULL,
        checksum text NOT NULL,
        applied_at text NOT NULL
      )`,
    );
    for (const { version, name, checksum, up } of pending) {
      await runScript(session, up);
      await session.run({
        sql: "INSERT INTO store_migrations VALUES (?, ?, ?, ?)",
        parameters: [version, name, checksum, timestamp(systemClock)],
      });
    }
  });
}
