import { readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { describe, expect, test } from "vitest";
import { readSkipped } from "../../src/database/sqlite/migrate/migrate.ts";
import {
  createMigration,
  forceVersion,
  migrateDown,
  migrateUp,
  readMigrationFiles,
} from "../support/migrate.ts";
import { LOCK, pluck, tempFolder, withConnection, writeMigrations } from "./support.ts";

const TABLE_A: [string, string] = ["CREATE TABLE a (x);", "DROP TABLE a;"];
const TABLE_B: [string, string] = ["CREATE TABLE b (x);", "DROP TABLE b;"];
const TABLE_C: [string, string] = ["CREATE TABLE c (x);", "DROP TABLE c;"];
const THREE = { "000001_a": TABLE_A, "000002_b": TABLE_B, "000003_c": TABLE_C };

describe("the folder of migrations", () => {
  test("the package's own is 1, 2, 3, … in pairs, each named in lower case", () => {
    const files = readMigrationFiles();
    expect(files.map(({ version }) => version)).toEqual(files.map((_, index) => BigInt(index + 1)));
    for (const { name, up, down } of files) {
      expect(name).toMatch(/^\d{6}_[a-z0-9][a-z0-9_]*$/);
      expect([up.isMissing, down.isMissing]).toEqual([false, false]);
      expect([...up.notices, ...down.notices]).toEqual([]);
    }
    expect(files[0]?.name).toBe("000001_chinook");
  });

  test("a duplicate is refused by both names", () => {
    const dir = writeMigrations(tempFolder(), { ...THREE, "2_d": TABLE_C });
    expect(() => readMigrationFiles(dir)).toThrow(
      expect.objectContaining({
        code: "MIGRATION_INVALID",
        message: "2_d.down.sql has the number of 000002_b.down.sql",
      }),
    );
  });

  test("a folder that is not there is refused by name", () => {
    const dir = join(tempFolder(), "nowhere");
    expect(() => readMigrationFiles(dir)).toThrow(
      expect.objectContaining({ code: "INVALID_CONFIG", message: expect.stringContaining(dir) }),
    );
  });

  test.each(["up", "down"] as const)(
    "a missing %s file is missed when it is asked for, before anything is run",
    async (direction) => {
      const folder = tempFolder();
      const dir = writeMigrations(folder, THREE);
      rmSync(join(dir, `000002_b.${direction}.sql`));
      const files = readMigrationFiles(dir);
      expect(files.map(({ name }) => name)).toEqual(["000001_a", "000002_b", "000003_c"]);
      const database = join(folder, "a.db");
      await migrateUp(database, { ...LOCK, files, target: 1 });
      const missing = {
        code: "MIGRATION_MISSING",
        message: expect.stringContaining(`000002_b.${direction}.sql is missing`),
      };
      if (direction === "up") {
        await expect(migrateUp(database, { ...LOCK, files })).rejects.toMatchObject(missing);
        expect(pluck(database, "SELECT version FROM schema_migrations")).toEqual([1n]);
        return;
      }
      await migrateUp(database, { ...LOCK, files });
      await migrateDown(database, { ...LOCK, files, steps: 1 });
      await migrateUp(database, { ...LOCK, files });
      await expect(migrateDown(database, { ...LOCK, files, steps: "all" })).rejects.toMatchObject(
        missing,
      );
      expect(pluck(database, "SELECT version FROM schema_migrations")).toEqual([3n]);
    },
  );
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

  test.each([
    ["\n", "\r\n"],
    ["\r\n", "\n"],
  ])("one whose line endings alone have changed is refused as that: %j to %j", async (was, is) => {
    const folder = tempFolder();
    const text = (end: string) => `CREATE TABLE a (x);${end}-- A comment: é${end}`;
    const dir = writeMigrations(folder, { "1_a": [text(was), ""] });
    const database = join(folder, "a.db");
    await migrateUp(database, { ...LOCK, files: readMigrationFiles(dir) });
    writeFileSync(join(dir, "1_a.up.sql"), text(is));
    const options = { ...LOCK, files: readMigrationFiles(dir) };
    await expect(migrateUp(database, options)).rejects.toMatchObject({
      code: "MIGRATION_EDITED",
      message: expect.stringContaining("only its line endings differ"),
    });
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
    ).rejects.toMatchObject({ code: "MIGRATION_INVALID" });
    const [a, b, c] = files;
    if (!a || !b || !c) throw new Error("three files expected");
    await expect(migrateUp(database, { ...LOCK, files: [a, c, b] })).rejects.toMatchObject({
      code: "MIGRATION_INVALID",
    });
    await expect(migrateUp(database, { ...LOCK, files: [a, b, a] })).rejects.toMatchObject({
      code: "MIGRATION_INVALID",
      message: expect.stringContaining("comes after"),
    });
    expect(pluck(database, "SELECT name FROM sqlite_schema WHERE name IN ('a', 'b')")).toEqual([]);
  });
});

describe("versions with gaps", () => {
  const SPARSE = { "3_a": TABLE_A, "20170412214116_B": TABLE_B, "9223372036854775807_c": TABLE_C };

  test("are applied and undone in order, exact to the last digit", async () => {
    const folder = tempFolder();
    const files = readMigrationFiles(writeMigrations(folder, SPARSE));
    const database = join(folder, "a.db");
    const version = "SELECT version FROM schema_migrations";
    const report = await migrateUp(database, { ...LOCK, files });
    expect(report).toMatchObject({ from: 0n, to: 9223372036854775807n });
    expect(pluck(database, version)).toEqual([9223372036854775807n]);
    expect(pluck(database, "SELECT version FROM schema_migrations_log ORDER BY 1")).toEqual([
      3n,
      20170412214116n,
      9223372036854775807n,
    ]);
    await migrateDown(database, { ...LOCK, files });
    expect(pluck(database, version)).toEqual([20170412214116n]);
    await migrateDown(database, { ...LOCK, files, steps: 1 });
    expect(pluck(database, version)).toEqual([3n]);
    expect(await migrateUp(database, { ...LOCK, files, target: 20170412214116n })).toMatchObject({
      from: 3n,
      to: 20170412214116n,
    });
    await expect(migrateUp(database, { ...LOCK, files, target: 5 })).rejects.toMatchObject({
      code: "MIGRATION_INVALID",
    });
    await migrateDown(database, { ...LOCK, files, steps: "all" });
    expect(pluck(database, version)).toEqual([]);
  });

  test("0 is the version of a file, and not of a database without one", async () => {
    const folder = tempFolder();
    const files = readMigrationFiles(writeMigrations(folder, { "0_a": TABLE_A, "1_b": TABLE_B }));
    const database = join(folder, "a.db");
    await migrateUp(database, { ...LOCK, files, target: 0 });
    expect(pluck(database, "SELECT version FROM schema_migrations")).toEqual([0n]);
    expect(await migrateUp(database, { ...LOCK, files })).toMatchObject({ to: 1n });
    await migrateDown(database, { ...LOCK, files, steps: "all" });
    expect(pluck(database, "SELECT version FROM schema_migrations")).toEqual([]);
  });

  test("a file that arrives below the version is named and not run, until the way leads past it", async () => {
    const folder = tempFolder();
    const { "000002_b": late, ...others } = THREE;
    const before = readMigrationFiles(writeMigrations(folder, others));
    const database = join(folder, "a.db");
    expect(await migrateUp(database, { ...LOCK, files: before })).toMatchObject({ skipped: [] });
    const files = readMigrationFiles(writeMigrations(folder, { "000002_b": late }));
    const tables = "SELECT name FROM sqlite_schema WHERE length(name) = 1 ORDER BY 1";
    for (const _ of [1, 2]) {
      const report = await migrateUp(database, { ...LOCK, files });
      expect(report).toMatchObject({ migrations: [], skipped: ["000002_b"] });
      expect(withConnection(database, (c) => readSkipped(c, files))).toEqual(["000002_b"]);
    }
    expect(pluck(database, tables)).toEqual(["a", "c"]);
    // Its down file has nothing to undo.
    expect(await migrateDown(database, { ...LOCK, files })).toMatchObject({ from: 3n, to: 1n });
    expect(await migrateUp(database, { ...LOCK, files })).toMatchObject({ skipped: [] });
    expect(pluck(database, tables)).toEqual(["a", "b", "c"]);
  });

  test("a late file that was run by hand is recorded by force", async () => {
    const folder = tempFolder();
    const { "000002_b": late, ...others } = THREE;
    const database = join(folder, "a.db");
    const before = readMigrationFiles(writeMigrations(folder, others));
    await migrateUp(database, { ...LOCK, files: before });
    const files = readMigrationFiles(writeMigrations(folder, { "000002_b": late }));
    withConnection(database, (connection) => connection.exec(late[0]));
    await forceVersion(database, 3n, { ...LOCK, files });
    expect(await migrateUp(database, { ...LOCK, files })).toMatchObject({ skipped: [] });
    const { migrations } = await migrateDown(database, { ...LOCK, files, steps: 2 });
    expect(migrations.map(({ name }) => name)).toEqual(["000003_c", "000002_b"]);
  });
});

describe("create", () => {
  test.each([
    ["000009", /^000010$/],
    ["1", /^2$/],
    ["9", /^10$/],
    ["20170412214116", /^20[2-9]\d{11}$/],
    ["29991231235959", /^29991231235960$/],
    ["1485385885", /^[1-9]\d{9}$/],
    ["1485385885000", /^[1-9]\d{12}$/],
    ["1485385885000000001", /^[1-9]\d{18}$/],
  ])("after %s comes one of its kind", (last, next) => {
    const dir = writeMigrations(tempFolder(), { [`${last}_a`]: TABLE_A });
    const [up = ""] = createMigration("b", { dir });
    expect(basename(up)).toMatch(/_b\.up\.sql$/);
    expect(basename(up).split("_")[0]).toMatch(next);
    expect(readMigrationFiles(dir).map(({ name }) => name.slice(-2))).toEqual(["_a", "_b"]);
  });

  test("writes the next pair, and never over a file", () => {
    const dir = writeMigrations(tempFolder(), THREE);
    const [up, down] = createMigration("add_labels", { dir });
    expect([up, down]).toEqual([
      join(dir, "000004_add_labels.up.sql"),
      join(dir, "000004_add_labels.down.sql"),
    ]);
    expect(readMigrationFiles(dir).at(-1)?.version).toBe(4n);
  });

  test("the table of a resource has what the package's own tables have", async () => {
    const folder = tempFolder();
    const own = readMigrationFiles();
    const pairs = own.map((file) => [file.name, [file.up.sql, file.down.sql]] as const);
    const dir = writeMigrations(folder, Object.fromEntries(pairs));
    const [up = ""] = createMigration("labels", {
      dir,
      table: { table: "labels", key: "LabelId" },
    });
    const files = readMigrationFiles(dir);
    const database = join(folder, "a.db");
    await migrateUp(database, { ...LOCK, files });
    // When they act differs: those of a new table do not know its columns.
    const body = "name || substr(sql, instr(sql, 'BEGIN'))";
    const triggers = `SELECT replace(replace(replace(${body}, 'genres', 'T'), 'labels', 'T'),
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

  test("a table may be named by a word of SQL", async () => {
    const folder = tempFolder();
    const pairs = readMigrationFiles().map(
      (file) => [file.name, [file.up.sql, file.down.sql]] as const,
    );
    const dir = writeMigrations(folder, Object.fromEntries(pairs));
    createMigration("labels", { dir, table: { table: "order", key: "group" } });
    const database = join(folder, "a.db");
    const files = readMigrationFiles(dir);
    await migrateUp(database, { ...LOCK, files });
    withConnection(database, (c) => c.exec('INSERT INTO "order" ("group") VALUES (7)'));
    expect(pluck(database, 'SELECT revision IS NOT NULL FROM "order"')).toEqual([1n]);
    await migrateDown(database, { ...LOCK, files });
    expect(pluck(database, "SELECT name FROM sqlite_schema WHERE tbl_name = 'order'")).toEqual([]);
  });

  test.each([
    ["Bad Name", undefined],
    ["../escape", undefined],
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
