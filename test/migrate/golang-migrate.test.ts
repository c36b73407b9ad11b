import { execFileSync } from "node:child_process";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { CHINOOK_MIGRATIONS } from "../../src/chinook/migrations.ts";
import { readMigrationStatus } from "../../src/database/sqlite/migrate/migrate.ts";
import { forceVersion, migrateDown, migrateUp, readMigrationFiles } from "../support/migrate.ts";
import { outsideTool } from "../support/tools.ts";
import {
  isOfStore,
  LOCK,
  pluck,
  schemaOf,
  tempFolder,
  withConnection,
  writeMigrations,
} from "./support.ts";

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
  const dir = CHINOOK_MIGRATIONS;
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
  golangMigrate(database, CHINOOK_MIGRATIONS, "up", "1");
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

const SPARSE: Readonly<Record<string, readonly [string, string]>> = {
  "0_zero": ["CREATE TABLE zero (x);", "DROP TABLE zero;"],
  "3_Three": ["CREATE TABLE three (x);", "DROP TABLE three;"],
  "000017_p": ["CREATE TABLE p (id INTEGER PRIMARY KEY);", "DROP TABLE p;"],
  "20170412214116_date child": [
    "CREATE TABLE c (p REFERENCES p ON DELETE CASCADE);\r\nINSERT INTO c VALUES (NULL);\r\n",
    "DROP TABLE c;",
  ],
  "9223372036854775807_last": ["CREATE TABLE last (x);", "DROP TABLE last;"],
};

const move = fc.record({
  who: fc.constantFrom("ours", "theirs"),
  steps: fc.oneof(
    fc.integer({ min: -3, max: 3 }).filter((n) => n !== 0),
    fc.constant("force"),
  ),
  to: fc.nat({ max: Object.keys(SPARSE).length - 1 }),
});

test.skipIf(!program)(
  "in any turns, over versions with gaps, both see what the other did",
  async () => {
    const folder = tempFolder();
    const dir = writeMigrations(folder, SPARSE);
    const files = readMigrationFiles(dir);
    const options = { ...LOCK, files };
    let walks = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(move, { minLength: 3, maxLength: 8 }), async (moves) => {
        walks += 1;
        const database = join(folder, `${walks}.db`);
        await migrateUp(database, { ...options, target: 0 });
        // How many of the files are applied.
        let applied = 1;
        for (const { who, steps, to } of moves) {
          if (steps === "force") {
            // To where it is: a repair of nothing.
            const version = String(files[applied - 1]?.version ?? -1);
            if (who === "ours") await forceVersion(database, BigInt(version), options);
            else golangMigrate(database, dir, "force", "--", version);
          } else {
            const next = steps > 0 ? Math.max(applied, to + 1) : Math.max(0, applied + steps);
            if (next === applied) continue;
            const count = String(Math.abs(next - applied));
            if (who === "theirs") golangMigrate(database, dir, steps > 0 ? "up" : "down", count);
            else if (steps < 0) await migrateDown(database, { ...options, steps: Number(count) });
            else await migrateUp(database, { ...options, target: files[next - 1]?.version ?? 0n });
            applied = next;
          }
          const version = files[applied - 1]?.version;
          const rows = version === undefined ? [] : [`${version} 0`];
          expect(pluck(database, "SELECT version || ' ' || dirty FROM schema_migrations")).toEqual(
            rows,
          );
          const status = withConnection(database, (c) => readMigrationStatus(c, files));
          expect(status.pending).toEqual(files.slice(applied).map(({ name }) => name));
          expect(tableNames(database)).toEqual(TABLES.slice(0, applied).sort());
        }
        const last = files.at(-1)?.version;
        expect(await migrateUp(database, options)).toMatchObject({ to: last, skipped: [] });
        expect(golangMigrate(database, dir, "version").trim()).toBe(String(last));
        expect(await migrateDown(database, { ...options, steps: "all" })).toMatchObject({ to: 0n });
        expect(tableNames(database)).toEqual([]);
      }),
      { numRuns: 20 },
    );
  },
);

const TABLES = ["zero", "three", "p", "c", "last"];

function tableNames(database: string): unknown[] {
  return pluck(
    database,
    `SELECT name FROM sqlite_schema
     WHERE type = 'table' AND name NOT LIKE 'schema_migrations%' AND NOT ${isOfStore("name")}
     ORDER BY name`,
  );
}
