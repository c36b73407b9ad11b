import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { createMigration } from "../../src/migrate/create.ts";
import { readMigrationFiles } from "../../src/migrate/files.ts";
import { migrateDown, migrateUp } from "../../src/migrate/migrate.ts";
import { LOCK, pluck, tempFolder, writeMigrations } from "./support.ts";

const TABLE_A: [string, string] = ["CREATE TABLE a (x);", "DROP TABLE a;"];
const TABLE_B: [string, string] = ["CREATE TABLE b (x);", "DROP TABLE b;"];
const TABLE_C: [string, string] = ["CREATE TABLE c (x);", "DROP TABLE c;"];
const THREE = { "000001_a": TABLE_A, "000002_b": TABLE_B, "000003_c": TABLE_C };

describe("the folder of migrations", () => {
  test("the package's own is whole", () => {
    const names = readMigrationFiles().map((file) => file.name);
    expect(names.slice(0, 2)).toEqual(["000001_chinook", "000002_resources"]);
  });

  test.each([
    [
      "a gap",
      { "000001_a": TABLE_A, "000003_c": TABLE_C },
      "MIGRATION_MISSING",
      "migration 000002",
    ],
    ["a duplicate", { ...THREE, "000002_d": TABLE_C }, "MIGRATION_INVALID", "000002_d.up.sql"],
    ["number 0", { "000000_a": TABLE_A }, "MIGRATION_INVALID", "000000_a.up.sql"],
    ["too few digits", { "01_a": TABLE_A }, "MIGRATION_INVALID", "01_a.down.sql"],
    ["a capital", { "000001_A": TABLE_A }, "MIGRATION_INVALID", "000001_A.down.sql"],
    [
      "an unknown directive",
      { "000001_a": ["-- protostore: no-transactions\nSELECT 1;", ""] as const },
      "MIGRATION_INVALID",
      "no-transactions",
    ],
  ])("%s is refused by name", (_, migrations, code, name) => {
    const dir = writeMigrations(tempFolder(), migrations);
    expect(() => readMigrationFiles(dir)).toThrow(
      expect.objectContaining({ code, message: expect.stringContaining(name) }),
    );
  });

  test.each(["up", "down"])("a pair without its %s file is refused by name", (direction) => {
    const dir = writeMigrations(tempFolder(), THREE);
    rmSync(join(dir, `000002_b.${direction}.sql`));
    expect(() => readMigrationFiles(dir)).toThrow(
      expect.objectContaining({
        code: "MIGRATION_MISSING",
        message: expect.stringContaining(`000002_b.${direction}.sql`),
      }),
    );
  });

  test("a directive counts in the first comment lines only", () => {
    const dir = writeMigrations(tempFolder(), {
      "000001_a": ["-- Why.\n\n-- protostore: foreign-keys off\nSELECT 1;", ""],
      "000002_b": ["SELECT 1;\n-- protostore: no-transaction\n", ""],
    });
    const modes = readMigrationFiles(dir).map((file) => file.up.mode);
    expect(modes).toEqual(["foreign-keys-off", "transaction"]);
  });
});

describe("files of applied migrations", () => {
  test("an edited one is refused with its name and both checksums", async () => {
    const folder = tempFolder();
    const dir = writeMigrations(folder, THREE);
    const database = join(folder, "a.db");
    const before = readMigrationFiles(dir);
    await migrateUp(database, { ...LOCK, files: before, target: 2 });
    writeFileSync(join(dir, "000001_a.up.sql"), "CREATE TABLE a (x, y);");
    const after = readMigrationFiles(dir);
    const refused = {
      code: "MIGRATION_EDITED",
      message: expect.stringMatching(
        new RegExp(`^000001_a\\.up\\.sql .*${before[0]?.checksum}.*${after[0]?.checksum}`),
      ),
    };
    await expect(migrateUp(database, { ...LOCK, files: after })).rejects.toMatchObject(refused);
    await expect(migrateDown(database, { ...LOCK, files: after })).rejects.toMatchObject(refused);
    expect(pluck(database, "SELECT version FROM schema_migrations")).toEqual([2n]);
    await migrateUp(database, { ...LOCK, files: before });
    expect(pluck(database, "SELECT version FROM schema_migrations")).toEqual([3n]);
  });

  test("a missing one is refused by its name, wherever it was", async () => {
    const folder = tempFolder();
    const files = readMigrationFiles(writeMigrations(folder, THREE));
    const database = join(folder, "a.db");
    await migrateUp(database, { ...LOCK, files });
    for (const file of files) {
      const others = files.filter((other) => other !== file);
      await expect(migrateUp(database, { ...LOCK, files: others })).rejects.toMatchObject({
        code: "MIGRATION_MISSING",
        message: expect.stringContaining(`${file.name}.up.sql`),
      });
    }
  });

  test("a renamed one is missing under its old name", async () => {
    const folder = tempFolder();
    const dir = writeMigrations(folder, THREE);
    const database = join(folder, "a.db");
    await migrateUp(database, { ...LOCK, files: readMigrationFiles(dir) });
    for (const direction of ["up", "down"]) {
      renameSync(join(dir, `000002_b.${direction}.sql`), join(dir, `000002_z.${direction}.sql`));
    }
    await expect(
      migrateUp(database, { ...LOCK, files: readMigrationFiles(dir) }),
    ).rejects.toMatchObject({
      code: "MIGRATION_MISSING",
      message: expect.stringContaining("000002_b.up.sql"),
    });
  });

  test("files out of order are refused before anything is applied", async () => {
    const folder = tempFolder();
    const files = readMigrationFiles(writeMigrations(folder, THREE));
    const database = join(folder, "a.db");
    await expect(
      migrateUp(database, { ...LOCK, files: [...files].reverse() }),
    ).rejects.toMatchObject({ code: "MIGRATION_MISSING" });
    const [a, b, c] = files;
    if (!a || !b || !c) throw new Error("three files expected");
    await expect(migrateUp(database, { ...LOCK, files: [a, c, b] })).rejects.toMatchObject({
      code: "MIGRATION_MISSING",
    });
    await expect(migrateUp(database, { ...LOCK, files: [a, b, a] })).rejects.toMatchObject({
      code: "MIGRATION_INVALID",
      message: expect.stringContaining("comes after"),
    });
    expect(pluck(database, "SELECT name FROM sqlite_schema WHERE name IN ('a', 'b')")).toEqual([]);
  });
});

describe("create", () => {
  test("writes the next pair, and never over a file", () => {
    const dir = writeMigrations(tempFolder(), THREE);
    const [up, down] = createMigration("add_labels", { dir });
    expect([up, down]).toEqual([
      join(dir, "000004_add_labels.up.sql"),
      join(dir, "000004_add_labels.down.sql"),
    ]);
    expect(readMigrationFiles(dir).at(-1)?.version).toBe(4);
  });

  test("the table of a resource has what the package's own tables have", async () => {
    const folder = tempFolder();
    const own = readMigrationFiles();
    const pairs = own.map((file) => [file.name, [file.up.sql, file.down.sql]] as const);
    const dir = writeMigrations(folder, Object.fromEntries(pairs));
    const [up] = createMigration("labels", { dir, table: { table: "labels", key: "LabelId" } });
    const files = readMigrationFiles(dir);
    const database = join(folder, "a.db");
    await migrateUp(database, { ...LOCK, files });
    const triggers = `SELECT replace(replace(replace(sql, 'genres', 'T'), 'labels', 'T'),
      'GenreId', 'LabelId') FROM sqlite_schema WHERE type = 'trigger' AND tbl_name =`;
    expect(pluck(database, `${triggers} 'labels'`)).toEqual(
      pluck(database, `${triggers} 'genres'`),
    );
    const columns = "SELECT name || type || coalesce(dflt_value, '') FROM pragma_table_info";
    expect(pluck(database, `${columns}('labels') WHERE cid > 0 ORDER BY cid`)).toEqual(
      pluck(database, `${columns}('genres') WHERE cid > 1 ORDER BY cid`),
    );
    expect(readFileSync(up, "utf8")).toContain("own columns");
    await migrateDown(database, { ...LOCK, files });
    expect(pluck(database, "SELECT name FROM sqlite_schema WHERE tbl_name = 'labels'")).toEqual([]);
  });

  test.each([
    ["Bad Name", undefined],
    ["../escape", undefined],
    ["labels", { table: "order", key: "LabelId" }],
    ["labels", { table: "labels; DROP TABLE x", key: "LabelId" }],
    ["labels", { table: "labels", key: "data" }],
    ["labels", { table: "labels", key: "a b" }],
    ["labels", { table: "sqlite_labels", key: "LabelId" }],
  ])("refuses %s %o", (name, table) => {
    const dir = writeMigrations(tempFolder(), THREE);
    expect(() => createMigration(name, { dir, ...(table ? { table } : {}) })).toThrow(
      expect.objectContaining({ code: "MIGRATION_INVALID" }),
    );
    expect(readMigrationFiles(dir)).toHaveLength(3);
  });
});
