import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "vitest";
import { MIGRATIONS_DIR, readMigrationFiles } from "../../src/migrate/files.ts";
import { migrateDown, migrateUp } from "../../src/migrate/migrate.ts";
import { outsideTool } from "../support/tools.ts";
import { LOCK, pluck, schemaOf, tempFolder, writeMigrations } from "./support.ts";

const program = outsideTool("migrate");

/** Runs golang-migrate's command and returns what it says. */
function golangMigrate(database: string, dir: string, ...words: string[]): string {
  const args = ["-path", dir, "-database", `sqlite3://${database}`, ...words];
  return execFileSync("sh", ["-c", '"$0" "$@" 2>&1', program ?? "", ...args], { encoding: "utf8" });
}

function stateOf(database: string) {
  return {
    version: pluck(database, "SELECT version || ' ' || dirty FROM schema_migrations"),
    log: pluck(database, "SELECT version || ' ' || kind FROM schema_migrations_log"),
  };
}

test.skipIf(!program)("golang-migrate and we take turns on our database", async () => {
  const database = join(tempFolder(), "a.db");
  const dir = MIGRATIONS_DIR;
  await migrateUp(database, { ...LOCK, target: 2 });
  const schema = schemaOf(database);
  expect(golangMigrate(database, dir, "version").trim()).toBe("2");

  golangMigrate(database, dir, "down", "1");
  await migrateUp(database, { ...LOCK, target: 1 });
  expect(stateOf(database)).toEqual({ version: ["1 0"], log: ["1 applied"] });
  const files = readMigrationFiles();
  expect(await migrateUp(database, { ...LOCK, target: 2 })).toMatchObject({ from: 1n, to: 2n });
  expect(schemaOf(database)).toEqual(schema);
  expect(stateOf(database)).toEqual({ version: ["2 0"], log: ["1 applied", "2 applied"] });

  golangMigrate(database, dir, "down", "-all");
  golangMigrate(database, dir, "up", "1");
  expect(await migrateUp(database, { ...LOCK, target: 2 })).toMatchObject({ from: 1n, to: 2n });
  expect(schemaOf(database)).toEqual(schema);
  await migrateDown(database, { ...LOCK, steps: 1 });
  golangMigrate(database, dir, "up");
  expect(golangMigrate(database, dir, "version").trim()).toBe(String(files.length));
  await migrateDown(database, { ...LOCK, steps: "all" });
  golangMigrate(database, dir, "up", "2");
  expect(schemaOf(database)).toEqual(schema);
});

test.skipIf(!program)("we go on where golang-migrate began, and the log says so", async () => {
  const database = join(tempFolder(), "a.db");
  golangMigrate(database, MIGRATIONS_DIR, "up", "1");
  expect(await migrateUp(database, { ...LOCK, target: 2 })).toMatchObject({ from: 1n, to: 2n });
  expect(stateOf(database)).toEqual({ version: ["2 0"], log: ["1 recorded", "2 applied"] });
  await migrateDown(database, { ...LOCK, steps: "all" });
  expect(schemaOf(database)).toEqual([]);
});

test.skipIf(!program)("each refuses what the other left dirty", async () => {
  const folder = tempFolder();
  const dir = writeMigrations(folder, {
    "000001_a": ["CREATE TABLE a (x);", "DROP TABLE a;"],
    "000002_b": ["-- protostore: no-transaction\nINSERT INTO nowhere VALUES (1);", "SELECT 1;"],
  });
  const database = join(folder, "a.db");
  const options = { ...LOCK, files: readMigrationFiles(dir) };
  await expect(migrateUp(database, options)).rejects.toMatchObject({ code: "MIGRATION_DIRTY" });
  expect(() => golangMigrate(database, dir, "up")).toThrow();
  golangMigrate(database, dir, "force", "1");
  expect(() => golangMigrate(database, dir, "up")).toThrow();
  await expect(migrateUp(database, options)).rejects.toMatchObject({ code: "MIGRATION_DIRTY" });
  golangMigrate(database, dir, "force", "1");
  expect(await migrateUp(database, { ...options, target: 1 })).toMatchObject({ from: 1n, to: 1n });
});
