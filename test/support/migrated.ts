// Databases with Chinook's tables and no row. One is migrated in each process, and the others are copies
// of its file: most tests want tables, and only those in test/migrate want to see them made.

import { copyFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { migrateUp } from "./migrate.ts";
import { makeTempDir } from "./temp.ts";

const LOCK = { lockTimeoutMs: 15_000 };

let migrated: Promise<string> | undefined;

/** Makes the file, as `protostore migrate up` leaves it. */
export async function makeMigrated(database: string): Promise<void> {
  migrated ??= migrate();
  copyFileSync(await migrated, database);
}

async function migrate(): Promise<string> {
  const directory = makeTempDir();
  process.once("exit", () => rmSync(directory, { recursive: true, force: true }));
  const database = join(directory, "migrated.db");
  await migrateUp(database, LOCK);
  return database;
}
