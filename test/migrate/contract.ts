// What migrations keep to in every database, as tests: each driver's file runs them over its own. Statements
// are those that all of them have.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type MigrationFile, readMigrationFiles } from "../../src/database/migrations/files.ts";
import type { Migrator } from "../../src/database/migrations/migrator.ts";
import { LOCK, tempFolder, writeMigrations } from "./support.ts";

/** A database of one driver, made anew for a test, with nothing in it. */
export interface MigratedBy {
  /** The package's own migrations for it. */
  readonly own: string;
  migrator(files: readonly MigrationFile[], lockTimeoutMs: number): Migrator;
  /** Runs statements as another program. */
  exec(sql: string): Promise<void>;
  /** The first column of each row. */
  pluck(sql: string): Promise<unknown[]>;
  /** All that is there, but for the record of migrations and the store's own tables. */
  schema(): Promise<readonly unknown[]>;
}

const A: readonly [string, string] = [
  "CREATE TABLE a (x int);\nINSERT INTO a VALUES (1);",
  "DROP TABLE a;",
];
const B: readonly [string, string] = ["CREATE TABLE b (x int);", "DROP TABLE b;"];
const C: readonly [string, string] = ["CREATE TABLE c (x int);", "DROP TABLE c;"];

/** The database with the files of a folder, which may be written anew. */
async function start(
  make: () => Promise<MigratedBy>,
  pairs: Readonly<Record<string, readonly [string, string]>>,
) {
  const database = await make();
  const folder = tempFolder();
  const write = (more: typeof pairs) => writeMigrations(folder, more);
  const dir = write(pairs);
  const over = (files: readonly MigrationFile[]) => database.migrator(files, LOCK.lockTimeoutMs);
  const migrator = () => over(readMigrationFiles(dir));
  return {
    ...database,
    dir,
    write,
    over,
    migrator,
    up: (target?: bigint) => migrator().up(target === undefined ? {} : { target }),
    down: (steps: number | "all" = 1) => migrator().down({ steps }),
    log: () =>
      database.pluck("SELECT version || ' ' || kind FROM schema_migrations_log ORDER BY 1"),
    states: async () =>
      (await migrator().status()).migrations.map(({ name, state }) => `${state} ${name}`),
  };
}

/** The tests, over the databases that `make` makes. */
export function testMigrations(make: () => Promise<MigratedBy>): void {
  describe("up and down", () => {
    test("the package's own go up, down and up again, and leave the same; down, nothing", async () => {
      const database = await make();
      const files = readMigrationFiles(database.own);
      const migrator = database.migrator(files, LOCK.lockTimeoutMs);
      const { migrations } = await migrator.up({});
      expect(migrations.map(({ name }) => name)).toEqual(files.map(({ name }) => name));
      expect(
        await database.pluck("SELECT checksum FROM schema_migrations_log ORDER BY version"),
      ).toEqual(files.map(({ checksum }) => checksum));
      const schema = await database.schema();
      expect(schema.length).toBeGreaterThan(40);
      await migrator.down({ steps: 1 });
      expect(await database.schema()).not.toEqual(schema);
      await migrator.up({});
      expect(await database.schema()).toEqual(schema);
      await migrator.down({ steps: "all" });
      expect(await database.schema()).toEqual([]);
      expect(await migrator.status()).toMatchObject({ version: 0n, managed: true, dirty: false });
      await migrator.up({});
      expect(await database.schema()).toEqual(schema);
      expect((await migrator.up({})).migrations).toEqual([]);
    });

    test("the version that is asked for is where they stop, if there is one", async () => {
      const { up, down, states } = await start(make, { "1_a": A, "20_b": B, "300_c": C });
      expect(await up(20n)).toMatchObject({ from: 0n, to: 20n });
      expect(await states()).toEqual(["applied 1_a", "applied 20_b", "pending 300_c"]);
      await expect(up(2n)).rejects.toMatchObject({ code: "MIGRATION_INVALID" });
      expect(await down(5)).toMatchObject({ from: 20n, to: 0n });
    });

    test("a database of others is refused and unchanged, but for another tool's record", async () => {
      const { up, exec, schema, migrator } = await start(make, { "1_a": A });
      await exec("CREATE TABLE theirs (x int)");
      const before = await schema();
      await expect(up()).rejects.toMatchObject({ code: "UNMANAGED_DATABASE" });
      await expect(migrator().down({})).rejects.toMatchObject({ code: "UNMANAGED_DATABASE" });
      await expect(migrator().force(1n)).rejects.toMatchObject({ code: "UNMANAGED_DATABASE" });
      expect(await schema()).toEqual(before);
      await exec("CREATE TABLE schema_migrations (version int, dirty boolean)");
      expect(await up()).toMatchObject({ to: 1n });
    });

    test("a file that was edited, and one that is gone, is refused by name", async () => {
      const { up, down, write, dir, over } = await start(make, { "1_a": A, "2_b": B });
      await up();
      write({ "1_a": ["CREATE TABLE a (x int, y int);", "DROP TABLE a;"] });
      const edited = { code: "MIGRATION_EDITED", message: expect.stringContaining("1_a.up.sql") };
      await expect(up()).rejects.toMatchObject(edited);
      await expect(down()).rejects.toMatchObject(edited);
      writeFileSync(join(dir, "1_a.up.sql"), A[0].replaceAll("\n", "\r\n"));
      await expect(up()).rejects.toMatchObject({
        message: expect.stringContaining("line endings"),
      });
      write({ "1_a": A });
      const fewer = readMigrationFiles(dir).slice(0, 1);
      await expect(over(fewer).up({})).rejects.toMatchObject({ code: "MIGRATION_MISSING" });
      await expect(over(readMigrationFiles(dir).slice(1)).up({})).rejects.toMatchObject({
        code: "MIGRATION_MISSING",
        message: expect.stringContaining("1_a.up.sql"),
      });
    });

    test("a file that arrives below the version is named, and not run", async () => {
      const { up, down, write, states, log } = await start(make, { "1_a": A, "3_c": C });
      await up();
      write({ "2_b": B });
      expect(await up()).toMatchObject({ from: 3n, to: 3n, migrations: [], skipped: ["2_b"] });
      expect(await states()).toEqual(["applied 1_a", "skipped 2_b", "applied 3_c"]);
      expect(await down()).toMatchObject({ from: 3n, to: 1n, skipped: ["2_b"] });
      expect((await up()).migrations.map(({ name }) => name)).toEqual(["2_b", "3_c"]);
      expect(await log()).toEqual(["1 applied", "2 applied", "3 applied"]);
    });

    test("what another tool has recorded is taken as applied, and comes into the log", async () => {
      const { up, exec, states, log } = await start(make, { "1_a": A, "2_b": B, "3_c": C });
      await up(1n);
      await exec("CREATE TABLE b (x int); UPDATE schema_migrations SET version = 2");
      expect(await states()).toEqual(["applied 1_a", "recorded 2_b", "pending 3_c"]);
      expect((await up()).migrations.map(({ name }) => name)).toEqual(["3_c"]);
      expect(await log()).toEqual(["1 applied", "2 recorded", "3 applied"]);
      await exec("DROP TABLE c; UPDATE schema_migrations SET version = 2");
      expect((await up()).migrations.map(({ name }) => name)).toEqual(["3_c"]);
    });

    test("what was adopted is not undone", async () => {
      const { up, down, exec, schema } = await start(make, { "1_a": A, "2_b": B });
      await up();
      await exec("UPDATE schema_migrations_log SET kind = 'adopted' WHERE version = 1");
      const before = await schema();
      const refused = { code: "MIGRATION_INVALID", message: expect.stringContaining("adopted") };
      await expect(down("all")).rejects.toMatchObject(refused);
      expect(await schema()).toEqual(before);
    });
  });

  describe("a migration that fails", () => {
    test("leaves nothing, and the error has file, line and reason", async () => {
      const broken =
        "-- It's a comment;\nCREATE TABLE b (x text);\n\n/* ; */ INSERT INTO b VALUES (';');\n";
      const { up, write, schema, migrator } = await start(make, {
        "1_a": A,
        "2_b": [`${broken}INSERT INTO nowhere VALUES (1);\n`, ""],
      });
      const failed = {
        code: "MIGRATION_FAILED",
        message: expect.stringMatching(/^2_b\.up\.sql, line 5: .*nowhere/),
      };
      await expect(up()).rejects.toMatchObject(failed);
      expect(await migrator().status()).toMatchObject({ version: 1n, dirty: false });
      expect(JSON.stringify(await schema())).not.toContain('"b"');
      write({ "2_b": [broken, "DROP TABLE b;"] });
      expect(await up()).toMatchObject({ from: 1n, to: 2n });
    });

    test.each(["COMMIT", "BEGIN", "END", "ROLLBACK"])("is one that says %s", async (word) => {
      const { up, schema } = await start(make, { "1_a": [`${A[0]}\n${word};`, ""] });
      await expect(up()).rejects.toMatchObject({ code: "MIGRATION_FAILED" });
      expect(await schema()).toEqual([]);
    });

    test.each(["schema_migrations", "schema_migrations_log"])(
      "is one that drops %s",
      async (table) => {
        const { up, log } = await start(make, { "1_a": A, "2_b": [`DROP TABLE ${table};`, ""] });
        await expect(up()).rejects.toMatchObject({
          code: "MIGRATION_FAILED",
          message: expect.stringContaining(table),
        });
        expect(await log()).toEqual(["1 applied"]);
      },
    );

    test("without a transaction leaves the database dirty until it is repaired and forced", async () => {
      const head = "-- protostore: no-transaction\n";
      const { up, down, exec, pluck, migrator, log } = await start(make, {
        "1_a": A,
        "2_b": [`${head}INSERT INTO a VALUES (2);\nINSERT INTO b VALUES (3);`, `${head}SELECT 1;`],
      });
      const dirty = {
        code: "MIGRATION_DIRTY",
        message: expect.stringContaining("migrate force 2"),
      };
      await expect(up()).rejects.toMatchObject(dirty);
      expect(await migrator().status()).toMatchObject({ version: 2n, dirty: true });
      expect(await pluck("SELECT x FROM a ORDER BY x")).toHaveLength(2);
      await expect(up()).rejects.toMatchObject(dirty);
      await expect(down()).rejects.toMatchObject(dirty);
      await expect(migrator().plan()).rejects.toMatchObject({
        code: /MIGRATION_(?:DIRTY|INVALID)/,
      });
      await expect(migrator().force(3n)).rejects.toMatchObject({ code: "MIGRATION_INVALID" });
      await exec("CREATE TABLE b (x int); DELETE FROM a WHERE x = 2");
      await migrator().force(1n);
      expect(await log()).toEqual(["1 recorded"]);
      expect(await up()).toMatchObject({ from: 1n, to: 2n });
      expect(await log()).toEqual(["1 recorded", "2 applied"]);
      expect(await down("all")).toMatchObject({ to: 0n });
    });

    test("of another tool leaves it dirty for ours; force to no version begins anew", async () => {
      const { up, exec, migrator, schema } = await start(make, { "1_a": A });
      await up();
      await exec("UPDATE schema_migrations SET version = -1, dirty = true");
      await expect(up()).rejects.toMatchObject({ code: "MIGRATION_DIRTY" });
      await exec("UPDATE schema_migrations SET version = -2");
      await expect(up()).rejects.toMatchObject({ code: "MIGRATION_INVALID" });
      await exec("DROP TABLE a");
      await migrator().force(-1n);
      expect(await migrator().status()).toMatchObject({ version: 0n, dirty: false });
      await up();
      expect(await schema()).not.toEqual([]);
    });
  });

  test("a plan shows what would change, and changes nothing", async () => {
    const { up, migrator, schema, states } = await start(make, {
      "1_a": A,
      "2_b": [
        "CREATE TABLE b (x int);\nALTER TABLE a ADD COLUMN y int;\nCREATE INDEX i ON a (y);",
        "",
      ],
      "3_c": ["DROP TABLE b;\nCREATE VIEW v AS SELECT x FROM a;\nDELETE FROM a;", ""],
    });
    await up(1n);
    const before = [await schema(), await states()];
    expect(await migrator().plan()).toEqual({
      from: 1n,
      to: 3n,
      notices: [],
      skipped: [],
      migrations: ["2_b", "3_c"],
      changes: [
        { change: "changed", type: "table", name: "a" },
        { change: "added", type: "index", name: "i" },
        { change: "added", type: "view", name: "v" },
      ],
    });
    expect([await schema(), await states()]).toEqual(before);
  });

  test("a plan that fails says why, and changes nothing", async () => {
    const { migrator, schema } = await start(make, {
      "1_a": A,
      "2_b": ["CREATE TABLE a (y int);", ""],
    });
    await expect(migrator().plan()).rejects.toMatchObject({
      code: "MIGRATION_FAILED",
      message: expect.stringMatching(/^2_b\.up\.sql, line 1: .*a.* already exists/),
    });
    expect(await schema()).toEqual([]);
  });

  test("of many at once each file is run by one", async () => {
    const { migrator, log } = await start(make, { "1_a": A, "2_b": B, "3_c": C });
    const reports = await Promise.all(Array.from({ length: 6 }, () => migrator().up({})));
    const names = reports.flatMap(({ migrations }) => migrations.map(({ name }) => name));
    expect(names.sort()).toEqual(["1_a", "2_b", "3_c"]);
    expect(await log()).toEqual(["1 applied", "2 applied", "3 applied"]);
  });
}
