// Shows what the pending migrations would change, by running them on a copy.
// Must not write to the database, nor leave the copy behind.

import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Bound } from "../../migrations/migrate.ts";
import { type MigrationPlan, type PlannedObject, toPlan } from "../../migrations/migration-plan.ts";
import type { Connection } from "../connection/connection.ts";
import { waitForOthers } from "./lock.ts";
import { type MigrateOptions, runUp } from "./migrate.ts";
import {
  createDatabase,
  inUse,
  nameDatabase,
  openDatabase,
  openForReading,
  removeDatabase,
} from "./target.ts";

/**
 * Applies what is pending to a copy of the database; an absent database is planned from nothing.
 * @throws StoreError as `migrateUp` would.
 */
export async function planMigrations(
  database: string,
  options: MigrateOptions & Bound,
): Promise<MigrationPlan> {
  const exists = existsSync(database);
  const copy = exists
    ? `${database}-plan-${process.pid}`
    : join(tmpdir(), `protostore-plan-${process.pid}`);
  removeDatabase(copy);
  try {
    createDatabase(copy);
    if (exists) await copyDatabase(database, copy, options.lockTimeoutMs);
    const connection = openDatabase(copy);
    try {
      connection.pragma("synchronous = OFF");
      const before = readSchema(connection);
      const target = { connection, database, lockTimeoutMs: options.lockTimeoutMs };
      const report = await runUp(target, options);
      return toPlan(report, before, readSchema(connection));
    } catch (error) {
      throw nameDatabase(database, error);
    } finally {
      connection.close();
    }
  } finally {
    removeDatabase(copy);
  }
}

async function copyDatabase(database: string, copy: string, lockTimeoutMs: number): Promise<void> {
  const connection = openForReading(database);
  try {
    await waitForOthers(lockTimeoutMs, inUse(database), () =>
      connection.prepare("VACUUM INTO ?").run(copy),
    );
  } catch (error) {
    throw nameDatabase(database, error);
  } finally {
    connection.close();
  }
}

function readSchema(connection: Connection): readonly PlannedObject[] {
  return connection
    .prepare(
      `SELECT type, name, sql AS definition FROM sqlite_schema
       WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
         AND tbl_name NOT IN ('schema_migrations', 'schema_migrations_log')
       ORDER BY rowid`,
    )
    .all() as PlannedObject[];
}
