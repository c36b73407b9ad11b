// Shows what the pending migrations would change, by running them on a copy.
// Must not write to the database, nor leave the copy behind.

import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Connection } from "../connection/connection.ts";
import { waitForOthers } from "./lock.ts";
import { type Bound, type MigrateOptions, type MigrationReport, runUp } from "./migrate.ts";
import {
  createDatabase,
  inUse,
  nameDatabase,
  openDatabase,
  openForReading,
  removeDatabase,
} from "./target.ts";

/** A table, index, view or trigger that the migrations would change. */
export interface SchemaChange {
  readonly change: "added" | "removed" | "changed";
  readonly type: string;
  readonly name: string;
}

/** What `migrateUp` would do. */
export interface MigrationPlan extends Omit<MigrationReport, "migrations"> {
  /** The names of the migrations, in order. */
  readonly migrations: readonly string[];
  readonly changes: readonly SchemaChange[];
}

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
      return {
        ...report,
        migrations: report.migrations.map(({ name }) => name),
        changes: compareSchemas(before, readSchema(connection)),
      };
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

interface SchemaObject {
  readonly type: string;
  readonly name: string;
  readonly sql: string;
}

function readSchema(connection: Connection): ReadonlyMap<string, SchemaObject> {
  const objects = connection
    .prepare(
      `SELECT type, name, sql FROM sqlite_schema
       WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
         AND tbl_name NOT IN ('schema_migrations', 'schema_migrations_log')
       ORDER BY rowid`,
    )
    .all() as SchemaObject[];
  return new Map(objects.map((object) => [`${object.type} ${object.name}`, object]));
}

function compareSchemas(
  before: ReadonlyMap<string, SchemaObject>,
  after: ReadonlyMap<string, SchemaObject>,
): readonly SchemaChange[] {
  const changes: SchemaChange[] = [];
  for (const [key, { type, name, sql }] of after) {
    const old = before.get(key);
    if (!old) changes.push({ change: "added", type, name });
    else if (old.sql !== sql) changes.push({ change: "changed", type, name });
  }
  for (const [key, { type, name }] of before) {
    if (!after.has(key)) changes.push({ change: "removed", type, name });
  }
  return changes;
}
