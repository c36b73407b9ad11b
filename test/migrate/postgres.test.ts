// The contract of migrations over PostgreSQL, and what only a server has: its own statements and locks, and
// golang-migrate's lock, which is ours too.

import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { CHINOOK_POSTGRES_MIGRATIONS } from "../../src/chinook/migrations.ts";
import { readMigrationFiles } from "../../src/database/migrations/files.ts";
import { createMigration } from "../../src/database/migrations/new-migration.ts";
import { createPostgresMigrator } from "../../src/database/postgres/migrate/migrator.ts";
import { postgresTableScripts } from "../../src/database/postgres/migrate/new-table.ts";
import { readSchemaObjects } from "../../src/database/postgres/migrate/schema-objects.ts";
import { splitStatements } from "../../src/database/postgres/migrate/script-statements.ts";
import { makeEmptyDatabase } from "../postgres/empty.ts";
import { runCli } from "../service/cli.ts";
import { testMigrations } from "./contract.ts";
import { LOCK, tempFolder, writeMigrations } from "./support.ts";

const OWN = readMigrationFiles("migrations/store/postgres")
  .flatMap(({ up }) => [...up.sql.matchAll(/^CREATE (?:TABLE|FUNCTION|INDEX) (\w+)/gm)])
  .map(([, name = ""]) => name);

let made: ReturnType<typeof makeEmptyDatabase> | undefined;

/** The one database of these tests, as if it were new. */
async function makeDatabase() {
  made ??= makeEmptyDatabase();
  const { url, other, admin, name } = await made;
  await other.script("ROLLBACK");
  await other.script(
    "DROP SCHEMA IF EXISTS hidden CASCADE; DROP SCHEMA public CASCADE; CREATE SCHEMA public",
  );
  return {
    url,
    admin: (sql: string) => admin(`ALTER DATABASE ${name} ${sql}`),
    own: CHINOOK_POSTGRES_MIGRATIONS,
    migrator: (files: ReturnType<typeof readMigrationFiles>, lockTimeoutMs: number) =>
      createPostgresMigrator(url, { files, lockTimeoutMs }),
    exec: (sql: string) => other.script(sql),
    async pluck(sql: string) {
      return (await other.all({ sql, parameters: [] })).map(([value]) => value);
    },
    async schema() {
      const ofStore = (name: string) =>
        name === "store_migrations" || OWN.includes(name.replace(/\(.*/, ""));
      const objects = await readSchemaObjects(other);
      const sorted = objects.map((each) => ({ ...each, key: `${each.type} ${each.name}` }));
      return sorted.filter(({ name }) => !ofStore(name)).sort((a, b) => (a.key < b.key ? -1 : 1));
    },
  };
}

testMigrations(makeDatabase);

/** A database and a way up with one folder of files. */
async function start(pairs: Readonly<Record<string, readonly [string, string]>>) {
  const database = await makeDatabase();
  const dir = writeMigrations(tempFolder(), pairs);
  const migrator = (lockTimeoutMs = LOCK.lockTimeoutMs) =>
    database.migrator(readMigrationFiles(dir), lockTimeoutMs);
  return { ...database, dir, migrator };
}

test("what a file sets for its session is over with it", async () => {
  const { migrator, exec, pluck } = await start({
    "1_a": [
      "CREATE SCHEMA hidden;\nSELECT set_config('search_path', 'hidden', false);\n" +
        "CREATE TABLE a (x int);\nSET ROLE pg_monitor;\nSET lock_timeout = 1;",
      "",
    ],
    "2_b": ["CREATE TABLE b (x int);", ""],
  });
  await exec("GRANT ALL ON SCHEMA public TO pg_monitor");
  expect(await migrator().up({})).toMatchObject({ to: 2n });
  expect(
    await pluck(
      "SELECT relnamespace::regnamespace::text FROM pg_class WHERE relname IN ('a', 'b') ORDER BY relname",
    ),
  ).toEqual(["hidden", "public"]);
});

test("without a transaction a file can do what a transaction forbids; a plan refuses it", async () => {
  const head = "-- protostore: no-transaction\n";
  const { migrator } = await start({
    "1_a": ["CREATE TABLE a (x int);", "DROP TABLE a;"],
    "2_i": [
      `${head}CREATE INDEX CONCURRENTLY i ON a (x);\nVACUUM a;`,
      `${head}DROP INDEX CONCURRENTLY i;`,
    ],
  });
  await expect(migrator().plan()).rejects.toMatchObject({
    code: "MIGRATION_INVALID",
    message: expect.stringContaining("2_i.up.sql"),
  });
  // Who waits for the lock must not be waited for.
  const reports = await Promise.all([1, 2, 3].map(() => migrator().up({})));
  expect(reports.map(({ to }) => to)).toEqual([2n, 2n, 2n]);
  expect(await migrator().down({ steps: "all" })).toMatchObject({ to: 0n });
});

test.each([
  ["", "DATABASE_UNAVAILABLE", { version: 0n, dirty: false }],
  ["-- protostore: no-transaction\n", "MIGRATION_DIRTY", { version: 1n, dirty: true }],
])(
  "a connection that is lost in a file leaves what its way of running says: %j",
  async (head, code, stands) => {
    const cut = "CREATE TABLE a (x int);\nSELECT pg_terminate_backend(pg_backend_pid());";
    const { migrator, schema } = await start({ "1_a": [`${head}${cut}`, ""] });
    await expect(migrator().up({})).rejects.toMatchObject({ code });
    expect(await migrator().status()).toMatchObject(stands);
    expect(await schema()).toHaveLength(stands.dirty ? 1 : 0);
  },
);

test("foreign-keys off is refused before anything is run", async () => {
  const off = "-- protostore: foreign-keys off\nSELECT 1;";
  const { migrator, schema } = await start({
    "1_a": ["CREATE TABLE a (x int);", ""],
    "2_b": [off, ""],
  });
  await expect(migrator().up({})).rejects.toMatchObject({ code: "MIGRATION_INVALID" });
  expect(await schema()).toEqual([]);
});

describe("locks", () => {
  const ALTER = ["ALTER TABLE a ADD COLUMN y int;", ""] as const;
  const MAKE = ["CREATE TABLE a (x int);", "DROP TABLE a;"] as const;

  test("who waits too long for a program that uses a table is told so, with nothing changed", async () => {
    const { migrator, exec, pluck } = await start({ "1_a": MAKE, "2_b": ALTER });
    await migrator().up({ target: 1 });
    await exec("BEGIN; SELECT * FROM a");
    const refused = { code: "MIGRATION_LOCKED", message: expect.stringContaining("after 50 ms") };
    await expect(migrator(50).up({})).rejects.toMatchObject(refused);
    await expect(migrator(50).plan()).rejects.toMatchObject(refused);
    expect(await pluck("SELECT version FROM schema_migrations")).toEqual([1n]);
    const waiting = migrator().up({});
    await sleep(20);
    await exec("COMMIT");
    expect(await waiting).toMatchObject({ from: 1n, to: 2n });
  });

  test("a deadlock with writers is tried again", async () => {
    const { admin, migrator, exec } = await start({
      "1_a": ["CREATE TABLE a (x int);\nCREATE TABLE b (x int);", ""],
      "2_b": ["ALTER TABLE b ADD COLUMN y int;\nALTER TABLE a ADD COLUMN y int;", ""],
    });
    await migrator().up({ target: 1 });
    // The server looks for a circle once, when somebody has waited for so long: the writer waits for longer.
    await admin("SET deadlock_timeout = '500ms'");
    await exec("SET deadlock_timeout = '1min'; BEGIN; INSERT INTO a VALUES (1)");
    const waiting = migrator().up({});
    await sleep(100);
    await exec("INSERT INTO b VALUES (1)");
    await exec("COMMIT");
    expect(await waiting).toMatchObject({ to: 2n });
    await admin("RESET deadlock_timeout");
  });
});

test("the commands print on both databases what they print on one, and end as they do", async () => {
  const { url } = await makeDatabase();
  const folder = tempFolder();
  const dir = writeMigrations(folder, {
    "1_a": ["CREATE TABLE a (x int);", "DROP TABLE a;"],
    "2_b": ["-- protostore: no-transaction\nCREATE TABLE b (x int);", "DROP TABLE b;"],
    "3_c": ["CREATE TABLE c (x int);\nINSERT INTO nowhere VALUES (1);", ""],
  });
  const run = async (database: string, command: string) => {
    const { code, stdout, stderr } = await runCli(
      ...["migrate", ...command.split(" ")],
      ...["--database", database, "--migrations", dir],
    );
    const said = (stdout + stderr)
      .replaceAll(database, "DATABASE")
      .replace(/\d{4}-\d\d-\d\dT\S+/g, "TIME")
      .replace(/\d+ ms/g, "N ms")
      .replace(/(line \d+: ).*nowhere.*/, "$1nowhere");
    return `${command} ${code}\n${said}`;
  };
  // A process takes its time: three commands say all kinds of lines.
  for (const command of ["up", "status", "down --all"]) {
    const [onServer, inFile] = await Promise.all([
      run(url, command),
      run(join(folder, "a.db"), command),
    ]);
    expect(onServer).toBe(inFile);
  }
});

test("the table of a new resource is one that triggers see, and goes down again", async () => {
  const { migrator, dir, exec, pluck, schema } = await start({});
  const [up] = createMigration("labels", [{ dir, tableScripts: postgresTableScripts }], {
    table: "order",
    key: "group",
  });
  expect(up).toContain("000001_labels.up.sql");
  await migrator().up({});
  await exec(`INSERT INTO "order" ("group") VALUES (7); DELETE FROM "order"`);
  expect(await pluck("SELECT revision FROM store_state")).toEqual([2n]);
  expect(await pluck("SELECT last_id FROM id_high_water WHERE table_name = 'order'")).toEqual([7n]);
  await migrator().down({});
  expect(await schema()).toEqual([]);
  const long = { table: "t".repeat(52), key: "id" };
  expect(() => postgresTableScripts(long)).toThrow(
    expect.objectContaining({ code: "MIGRATION_INVALID" }),
  );
});

test("scripts are cut where PostgreSQL ends statements", () => {
  const statements = [
    `SELECT 'a;b', E'it\\';s', "c;d", $$;$$, $x$ $$;$$ $x$ -- ;`,
    "CREATE RULE r AS ON INSERT TO a DO (SELECT 1; SELECT 2)",
    "CREATE OR REPLACE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT CASE WHEN true THEN 1 END; END",
    "CREATE FUNCTION g() RETURNS int LANGUAGE plpgsql AS $$ BEGIN RETURN 1; END; $$",
    "SELECT a$1$b /* ; /* ; */ ; */ FROM t",
    "SELECT 1",
  ];
  const cut = splitStatements(`;; -- none;\n/* none */ ${statements.join("\n;\n")};\n-- none\n`);
  expect(cut.map(({ text }) => text)).toEqual(statements);
});
