import { chmodSync, copyFileSync, existsSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { adoptDatabase } from "../../src/chinook/adopt/adopt.ts";
import { openConnection } from "../../src/database/sqlite/connection/connection.ts";
import { readMigrationStatus } from "../../src/database/sqlite/migrate/migrate.ts";
import { realChinook } from "../support/chinook.ts";
import { migrateDown, migrateUp, planMigrations, readMigrationFiles } from "../support/migrate.ts";
import {
  dataOf,
  hashFile,
  LOCK,
  pluck,
  pragma,
  schemaOf,
  tempFolder,
  withConnection,
  writeMigrations,
} from "./support.ts";

const chinook = realChinook();
const TABLE_A: [string, string] = [
  "CREATE TABLE a (x);\nINSERT INTO a VALUES (1);",
  "DROP TABLE a;",
];

function statusOf(database: string, files = readMigrationFiles()) {
  return withConnection(database, (connection) => readMigrationStatus(connection, files));
}

describe("up and down", () => {
  test("a fresh database is private, has a write-ahead log, and a log of its migrations", async () => {
    const database = join(tempFolder(), "new", "a.db");
    const report = await migrateUp(database, LOCK);
    const files = readMigrationFiles();
    expect(report.migrations.map(({ name }) => name)).toEqual(files.map(({ name }) => name));
    expect(pragma(database, "journal_mode")).toBe("wal");
    for (const file of [database, `${database}-migrate`]) {
      expect(statSync(file).mode & 0o777).toBe(0o600);
    }
    expect(pluck(database, "SELECT checksum FROM schema_migrations_log")).toEqual(
      files.map(({ checksum }) => checksum),
    );
    expect(statusOf(database)).toEqual({
      version: BigInt(files.length),
      expected: BigInt(files.length),
      dirty: false,
      managed: true,
      pending: [],
      pendingStore: [],
    });
    expect((await migrateUp(database, LOCK)).migrations).toEqual([]);
  });

  test.skipIf(!chinook)("the real Chinook goes down to version 4 and up unchanged", async () => {
    const database = join(tempFolder(), "chinook.db");
    copyFileSync(chinook ?? "", database);
    chmodSync(database, 0o600);
    await adoptDatabase(database, LOCK);
    const before = { schema: schemaOf(database), data: dataOf(database) };
    const steps = readMigrationFiles().length - 4;
    const { migrations } = await migrateDown(database, { ...LOCK, steps });
    expect(migrations).toHaveLength(steps);
    expect(dataOf(database)).not.toEqual(before.data);
    await migrateUp(database, LOCK);
    expect({ schema: schemaOf(database), data: dataOf(database) }).toEqual(before);
  });

  test("the status of a database without the table, or with another tool's, does not throw", () => {
    const database = join(tempFolder(), "a.db");
    openConnection(database, { create: true, busyTimeoutMs: 0 }).close();
    expect(statusOf(database)).toMatchObject({ version: 0n, dirty: false, managed: false });
    withConnection(database, (c) => c.exec("CREATE TABLE schema_migrations (version TEXT)"));
    expect(statusOf(database)).toMatchObject({ version: 0n, dirty: false, managed: false });
  });

  test("a database that has tables and no version is refused and unchanged", async () => {
    const database = join(tempFolder(), "a.db");
    openConnection(database, { create: true, busyTimeoutMs: 0 }).close();
    withConnection(database, (connection) => connection.exec("CREATE TABLE theirs (x)"));
    const before = hashFile(database);
    await expect(migrateUp(database, LOCK)).rejects.toMatchObject({ code: "UNMANAGED_DATABASE" });
    expect(hashFile(database)).toBe(before);
  });

  test("a database that cannot be created is refused by its path", async () => {
    const file = join(tempFolder(), "file");
    writeFileSync(file, "");
    await expect(migrateUp(join(file, "a.db"), LOCK)).rejects.toMatchObject({
      code: "DATABASE_UNAVAILABLE",
      message: expect.stringContaining(join(file, "a.db")),
    });
  });
});

describe("a script", () => {
  test("is cut after the bodies of its triggers: the error has the line", async () => {
    const folder = tempFolder();
    const dir = writeMigrations(folder, {
      "000001_a": TABLE_A,
      "000002_b": [
        "-- Comment; with 'quote\nCREATE TABLE b (x);\n\nINSERT INTO b VALUES ('a;b');\n" +
          "CREATE TRIGGER t AFTER INSERT ON b BEGIN\n  SELECT 1;\n  SELECT 2;\nEND;\n" +
          "/* ; */ INSERT INTO nowhere VALUES (1);\n",
        "",
      ],
    });
    const database = join(folder, "a.db");
    const files = readMigrationFiles(dir);
    await expect(migrateUp(database, { ...LOCK, files })).rejects.toMatchObject({
      code: "MIGRATION_FAILED",
      message: "000002_b.up.sql, line 9: no such table: nowhere",
    });
    expect(statusOf(database, files)).toMatchObject({ version: 1n, dirty: false });
    expect(pluck(database, "SELECT name FROM sqlite_schema WHERE name IN ('b', 't')")).toEqual([]);
  });

  test("without a transaction a file can do what a transaction forbids", async () => {
    const folder = tempFolder();
    const vacuum = "-- protostore: no-transaction\nVACUUM;";
    const dir = writeMigrations(folder, { "000001_a": TABLE_A, "000002_v": [vacuum, vacuum] });
    const files = readMigrationFiles(dir);
    const database = join(folder, "a.db");
    await migrateUp(database, { ...LOCK, files });
    expect(statusOf(database, files)).toMatchObject({ version: 2n, dirty: false });
  });
});

describe("a table rebuilt with foreign keys off", () => {
  const PARENT_AND_CHILD: [string, string] = [
    "CREATE TABLE p (id INTEGER PRIMARY KEY, old TEXT);\n" +
      "CREATE TABLE c (id INTEGER PRIMARY KEY, p REFERENCES p (id) ON DELETE CASCADE);\n" +
      "INSERT INTO p VALUES (1, 'x'), (2, 'y'); INSERT INTO c VALUES (10, 1), (20, 2);",
    "DROP TABLE c; DROP TABLE p;",
  ];
  const rebuild = (where: string) =>
    "-- protostore: foreign-keys off\nCREATE TABLE p_new (id INTEGER PRIMARY KEY);\n" +
    `INSERT INTO p_new SELECT id FROM p WHERE ${where};\nDROP TABLE p;\n` +
    "ALTER TABLE p_new RENAME TO p;";

  test("keeps the rows that refer to it", async () => {
    const folder = tempFolder();
    const dir = writeMigrations(folder, {
      "000001_a": PARENT_AND_CHILD,
      "000002_rebuild": [rebuild("true"), "SELECT 1;"],
    });
    const database = join(folder, "a.db");
    await migrateUp(database, { ...LOCK, files: readMigrationFiles(dir) });
    expect(pluck(database, "SELECT p FROM c ORDER BY id")).toEqual([1n, 2n]);
    expect(pluck(database, "SELECT count(*) FROM pragma_table_info('p')")).toEqual([1n]);
    expect(() => pluck(database, "INSERT INTO c VALUES (30, 3) RETURNING id")).toThrow(
      "FOREIGN KEY",
    );
  });

  test("has them on again for the next file", async () => {
    const folder = tempFolder();
    const dir = writeMigrations(folder, {
      "000001_a": PARENT_AND_CHILD,
      "000002_rebuild": [rebuild("true"), "SELECT 1;"],
      "000003_orphan": ["INSERT INTO c VALUES (30, 3);", "SELECT 1;"],
    });
    const files = readMigrationFiles(dir);
    const database = join(folder, "a.db");
    await expect(migrateUp(database, { ...LOCK, files })).rejects.toMatchObject({
      code: "MIGRATION_FAILED",
      message: expect.stringContaining("000003_orphan.up.sql, line 1: FOREIGN KEY"),
    });
  });

  test("is rolled back if a reference would point to nothing", async () => {
    const folder = tempFolder();
    const dir = writeMigrations(folder, {
      "000001_a": PARENT_AND_CHILD,
      "000002_rebuild": [rebuild("id = 1"), "SELECT 1;"],
    });
    const files = readMigrationFiles(dir);
    const database = join(folder, "a.db");
    await expect(migrateUp(database, { ...LOCK, files })).rejects.toMatchObject({
      code: "MIGRATION_FAILED",
      message: expect.stringContaining("from c to p"),
    });
    expect(statusOf(database, files)).toMatchObject({ version: 1n, dirty: false });
    expect(pluck(database, "SELECT old FROM p")).toEqual(["x", "y"]);
  });
});

describe("plan", () => {
  test("shows what would change and changes nothing", async () => {
    const folder = tempFolder();
    const dir = writeMigrations(folder, {
      "000001_a": TABLE_A,
      "000002_b": [
        "CREATE TABLE b (x);\nALTER TABLE a ADD COLUMN y;\nCREATE INDEX i ON a (y);",
        "",
      ],
      "000003_c": ["DROP TABLE b;\nCREATE VIEW v AS SELECT x FROM a;\nDELETE FROM a;", ""],
    });
    const files = readMigrationFiles(dir);
    const database = join(folder, "a.db");
    await migrateUp(database, { ...LOCK, files, target: 1 });
    const before = { hash: hashFile(database), names: readdirSync(folder) };
    expect(await planMigrations(database, { ...LOCK, files })).toEqual({
      from: 1n,
      to: 3n,
      notices: [],
      skipped: [],
      migrations: ["000002_b", "000003_c"],
      changes: [
        { change: "changed", type: "table", name: "a" },
        { change: "added", type: "index", name: "i" },
        { change: "added", type: "view", name: "v" },
      ],
    });
    expect({ hash: hashFile(database), names: readdirSync(folder) }).toEqual(before);
    expect(await planMigrations(database, { ...LOCK, files, target: 2 })).toMatchObject({ to: 2n });
  });

  test("sees what is in the write-ahead log only, and leaves it there", async () => {
    const folder = tempFolder();
    const dir = writeMigrations(folder, {
      "000001_a": TABLE_A,
      "000002_b": ["CREATE TABLE b AS SELECT * FROM later;", ""],
    });
    const files = readMigrationFiles(dir);
    const database = join(folder, "a.db");
    await migrateUp(database, { ...LOCK, files, target: 1 });
    const writer = openConnection(database, { busyTimeoutMs: 0 });
    writer.exec("CREATE TABLE later (x)");
    const before = [hashFile(database), hashFile(`${database}-wal`)];
    expect(await planMigrations(database, { ...LOCK, files })).toMatchObject({ to: 2n });
    expect([hashFile(database), hashFile(`${database}-wal`)]).toEqual(before);
    writer.close();
  });

  test("a plan that fails says why and leaves nothing behind", async () => {
    const folder = tempFolder();
    const dir = writeMigrations(folder, {
      "000001_a": TABLE_A,
      "000002_b": ["CREATE TABLE a (y);", ""],
    });
    const files = readMigrationFiles(dir);
    const database = join(folder, "a.db");
    await migrateUp(database, { ...LOCK, files, target: 1 });
    const names = readdirSync(folder);
    await expect(planMigrations(database, { ...LOCK, files })).rejects.toMatchObject({
      code: "MIGRATION_FAILED",
      message: expect.stringContaining("table a already exists"),
    });
    expect(readdirSync(folder)).toEqual(names);
  });

  test("an absent database is planned and not made", async () => {
    const database = join(tempFolder(), "a.db");
    expect(await planMigrations(database, LOCK)).toMatchObject({ from: 0n });
    expect(existsSync(database)).toBe(false);
  });

  test("a file that is no database is refused as such", async () => {
    const database = join(tempFolder(), "a.db");
    writeFileSync(database, "not a database, and long enough to be read as one".repeat(50));
    const refused = { code: "DATABASE_CORRUPT", message: expect.stringContaining(database) };
    await expect(planMigrations(database, LOCK)).rejects.toMatchObject(refused);
    await expect(migrateUp(database, LOCK)).rejects.toMatchObject(refused);
  });
});
