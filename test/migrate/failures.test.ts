// Holds what a migration leaves behind at each point where it can fail, beside golang-migrate on a twin
// database: the same row of schema_migrations, or the better one that a transaction allows; and that a
// corrected file then runs, from every such point.

import { execFileSync, spawn } from "node:child_process";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { forceVersion, migrateDown, migrateUp, readMigrationFiles } from "../support/migrate.ts";

import { outsideTool } from "../support/tools.ts";
import {
  LOCK,
  pluck,
  schemaOf,
  startMigrator,
  tempFolder,
  withConnection,
  writeMigrations,
} from "./support.ts";

const program = outsideTool("migrate");

type Mode = "transaction" | "no-transaction";
type Files = Readonly<Record<string, readonly [string, string]>>;

const GOOD: Files = {
  "1_a": ["CREATE TABLE a (x);\nINSERT INTO a VALUES (1);\n", "DELETE FROM a;\nDROP TABLE a;\n"],
  "20170412214116_b": [
    "CREATE TABLE b (x);\nINSERT INTO b VALUES (2);\n",
    "DELETE FROM b;\nDROP TABLE b;\n",
  ],
  "20170412214120_c": ["CREATE TABLE c (x);\n", "DROP TABLE c;\n"],
};
const NAMES = Object.keys(GOOD);
const VERSIONS = NAMES.map((name) => name.replace(/_.*/, ""));

/** Two databases in one folder, one of which golang-migrate works on. */
function twins(mode: Mode) {
  const folder = tempFolder();
  const ours = join(folder, "ours.db");
  const theirs = join(folder, "theirs.db");
  const head = mode === "no-transaction" ? "-- protostore: no-transaction\n" : "";
  const url = `sqlite3://${theirs}${mode === "no-transaction" ? "?x-no-tx-wrap=true" : ""}`;
  let dir = "";
  const options = () => ({ ...LOCK, files: readMigrationFiles(dir) });
  const args = (...words: string[]) => ["-path", dir, "-database", url, ...words];

  return {
    theirs,
    ours,
    dir: () => dir,
    args,
    /** Writes `files`, with `broken` in place of one script's second statement. */
    write(broken?: { readonly index: number; readonly direction: 0 | 1; readonly sql?: string }) {
      const files = Object.entries(GOOD).map(([name, pair], index) => {
        const scripts = pair.map((sql, direction) => {
          if (index !== broken?.index || direction !== broken.direction) return head + sql;
          const [first = ""] = sql.split("\n");
          return `${head}${first}\n${broken.sql ?? "INSERT INTO nowhere VALUES (1);"}\n`;
        });
        return [name, [scripts[0] ?? "", scripts[1] ?? ""] as const] as const;
      });
      dir = writeMigrations(folder, Object.fromEntries(files));
    },
    /** Whether the command succeeded, with each. */
    async run(command: "up" | "down" | `force ${string}`, count?: number) {
      const [verb = "", version] = command.split(" ");
      const words =
        verb === "force" ? ["force", "--", version ?? ""] : [verb, ...more(verb, count)];
      const theirResult = succeeds(() =>
        execFileSync(program ?? "", args(...words), { stdio: "ignore" }),
      );
      const ourResult = await succeedsLater(() => {
        if (verb === "up") return migrateUp(ours, { ...options(), ...targetOf(count) });
        if (verb === "force") return forceVersion(ours, BigInt(version ?? ""), options());
        return migrateDown(ours, { ...options(), steps: count ?? "all" });
      });
      return { ours: ourResult, theirs: theirResult };
    },
    exec(sql: string) {
      for (const path of [ours, theirs]) withConnection(path, (c) => c.exec(sql));
    },
    rows: () => ({ ours: rowOf(ours), theirs: rowOf(theirs) }),
    expectSame() {
      expect(rowOf(ours)).toEqual(rowOf(theirs));
      expect(schemaOf(ours)).toEqual(schemaOf(theirs));
    },
  };
}

function more(verb: string, count: number | undefined): string[] {
  if (count !== undefined) return [String(count)];
  return verb === "down" ? ["-all"] : [];
}

/** `up` by a count is by a version with us; each test that gives one begins at no version. */
function targetOf(count: number | undefined): { target?: bigint } {
  return count === undefined ? {} : { target: BigInt(VERSIONS[count - 1] ?? "0") };
}

function rowOf(path: string): unknown[] {
  return pluck(path, "SELECT version || ' ' || dirty FROM schema_migrations");
}

function succeeds(action: () => unknown): boolean {
  try {
    action();
    return true;
  } catch {
    return false;
  }
}

async function succeedsLater(action: () => Promise<unknown>): Promise<boolean> {
  return action().then(
    () => true,
    () => false,
  );
}

const FAILED = { ours: false, theirs: false };
const DONE = { ours: true, theirs: true };

/** Each point of failure, with the version before it and the one that it was on its way to. */
const POINTS = [
  { what: "the first file up", index: 0, direction: 0, before: "-1", after: VERSIONS[0] },
  { what: "the second file up", index: 1, direction: 0, before: VERSIONS[0], after: VERSIONS[1] },
  { what: "the last file up", index: 2, direction: 0, before: VERSIONS[1], after: VERSIONS[2] },
  { what: "the last file down", index: 2, direction: 1, before: VERSIONS[2], after: VERSIONS[1] },
  { what: "the second file down", index: 1, direction: 1, before: VERSIONS[1], after: VERSIONS[0] },
  { what: "the first file down", index: 0, direction: 1, before: VERSIONS[0], after: "-1" },
] as const;

const rowAt = (version: string | undefined) => (version === "-1" ? [] : [`${version} 0`]);

describe.skipIf(!program)("a migration that fails", () => {
  test.each(POINTS)("in a transaction, in $what, changes nothing", async (point) => {
    const pair = twins("transaction");
    const command = point.direction === 0 ? "up" : "down";
    pair.write();
    if (point.direction === 1) expect(await pair.run("up")).toEqual(DONE);
    pair.write(point);
    // Only the script that is broken differs: an up file that was applied stays as it was.
    expect(await pair.run(command)).toEqual(FAILED);
    expect(pair.rows()).toEqual({ ours: rowAt(point.before), theirs: [`${point.after} 1`] });
    expect(schemaOf(pair.ours)).toEqual(schemaOf(pair.theirs));

    // golang-migrate must be told that its rollback was one; ours may be told so too.
    expect(await pair.run(`force ${point.before}`)).toEqual(DONE);
    pair.expectSame();
    pair.write();
    expect(await pair.run(command)).toEqual(DONE);
    pair.expectSame();
    expect(rowOf(pair.ours)).toEqual(command === "up" ? rowAt(VERSIONS[2]) : []);
  });

  test.each(POINTS)("in a transaction, in $what, needs no repair with us", async (point) => {
    const pair = twins("transaction");
    const command = point.direction === 0 ? "up" : "down";
    pair.write();
    if (point.direction === 1) await pair.run("up");
    pair.write(point);
    expect(await pair.run(command)).toEqual(FAILED);
    pair.write();
    expect(await pair.run(command)).toEqual({ ours: true, theirs: false });
    expect(rowOf(pair.ours)).toEqual(command === "up" ? rowAt(VERSIONS[2]) : []);
  });

  const REPAIRS = POINTS.flatMap((point) => [
    { ...point, to: "before" as const },
    { ...point, to: "after" as const },
  ]);

  test.each(REPAIRS)(
    "without one, in $what, leaves what golang-migrate leaves; repaired to the version $to",
    async (point) => {
      const pair = twins("no-transaction");
      const command = point.direction === 0 ? "up" : "down";
      pair.write();
      if (point.direction === 1) expect(await pair.run("up")).toEqual(DONE);
      pair.write(point);
      expect(await pair.run(command)).toEqual(FAILED);
      expect(rowOf(pair.ours)).toEqual([`${point.after} 1`]);
      pair.expectSame();
      for (const refused of ["up", "down"] as const) {
        expect(await pair.run(refused)).toEqual(FAILED);
        pair.expectSame();
      }
      pair.write();
      expect(await pair.run("up")).toEqual(FAILED);

      pair.exec(repair(point));
      expect(await pair.run(`force ${point[point.to]}`)).toEqual(DONE);
      expect(rowOf(pair.ours)).toEqual(rowAt(point[point.to]));
      pair.expectSame();
      await pair.run("up");
      expect(rowOf(pair.ours)).toEqual(rowAt(VERSIONS[2]));
      pair.expectSame();
      expect(await pair.run("down")).toEqual(DONE);
      pair.expectSame();
      expect(schemaOf(pair.ours)).toEqual([]);
    },
  );

  /** What an operator does by hand after the first statement of the script was run alone. */
  function repair({ index, direction, to }: (typeof REPAIRS)[number]): string {
    const table = "abc"[index];
    const isThere = direction === 0 || index < 2;
    const mustBe = (direction === 0) === (to === "after");
    if (mustBe) return isThere ? "SELECT 1" : `CREATE TABLE ${table} (x)`;
    return `DROP TABLE IF EXISTS ${table}`;
  }

  test.each([0, 1, 2])("killed in file %i, leaves what golang-migrate leaves", async (index) => {
    const pair = twins("no-transaction");
    const forever =
      "CREATE TABLE k AS WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) " +
      "SELECT max(i) FROM n;";
    pair.write({ index, direction: 0, sql: forever });
    const { child, ended } = startMigrator("up", pair.ours, pair.dir());
    const other = spawn(program ?? "", pair.args("up"), { stdio: "ignore" });
    const dead = new Promise((resolve) => other.once("close", resolve));
    for (const path of [pair.ours, pair.theirs]) {
      await expect.poll(() => dirtyRowOf(path), { timeout: 30_000 }).toBe(`${VERSIONS[index]} 1`);
      await expect.poll(() => hasTable(path, "abc"[index] ?? ""), { timeout: 30_000 }).toBe(true);
    }
    await sleep(50);
    child.kill("SIGKILL");
    other.kill("SIGKILL");
    await Promise.all([ended, dead]);
    pair.expectSame();
    pair.write();
    expect(await pair.run("up")).toEqual(FAILED);
    pair.exec(`DROP TABLE ${"abc"[index]}`);
    expect(await pair.run(`force ${VERSIONS[index - 1] ?? "-1"}`)).toEqual(DONE);
    pair.expectSame();
    expect(await pair.run("up")).toEqual(DONE);
    pair.expectSame();
  });
});

function dirtyRowOf(path: string): unknown {
  try {
    return rowOf(path)[0];
  } catch {
    return undefined;
  }
}

function hasTable(path: string, name: string): boolean {
  return pluck(path, `SELECT 1 FROM sqlite_schema WHERE name = '${name}'`).length > 0;
}

describe.skipIf(!program)("force", () => {
  test.each(["-1", ...VERSIONS])(
    "to %s writes what golang-migrate writes, from any state",
    async (to) => {
      const pair = twins("transaction");
      pair.write();
      expect(await pair.run("up", 1)).toEqual(DONE);
      for (const from of [
        "DELETE FROM schema_migrations",
        "DELETE FROM schema_migrations; INSERT INTO schema_migrations VALUES (-1, 1)",
        `UPDATE schema_migrations SET version = ${VERSIONS[1]}, dirty = 1`,
        "DELETE FROM schema_migrations; INSERT INTO schema_migrations VALUES (NULL, 0)",
        "DELETE FROM schema_migrations; INSERT INTO schema_migrations VALUES ('x', 'y')",
      ]) {
        pair.exec(from);
        expect(await pair.run(`force ${to}`)).toEqual(DONE);
        expect(rowOf(pair.ours)).toEqual(rowAt(to));
        pair.expectSame();
      }
    },
  );

  test("to 0 is none with us, and what golang-migrate records for it is refused by both", async () => {
    const pair = twins("transaction");
    pair.write();
    await pair.run("up", 1);
    expect(await pair.run("force 0")).toEqual(DONE);
    expect(pair.rows()).toEqual({ ours: [], theirs: ["0 0"] });
    pair.exec("DELETE FROM schema_migrations; INSERT INTO schema_migrations VALUES (0, 0)");
    expect(await pair.run("up")).toEqual(FAILED);
    await expect(
      migrateUp(pair.ours, { ...LOCK, files: readMigrationFiles(pair.dir()) }),
    ).rejects.toMatchObject({ message: expect.stringContaining("protostore migrate force -1") });
  });

  test("is refused for a version that no file has; golang-migrate takes it, and is stuck then", async () => {
    const pair = twins("transaction");
    pair.write();
    await pair.run("up", 1);
    expect(await pair.run("force 7")).toEqual({ ours: false, theirs: true });
    expect(await pair.run("up")).toEqual({ ours: true, theirs: false });
  });
});

describe("what is no version in schema_migrations", () => {
  test.each(["NULL", "'x'", "1.5", "x'00'", "-2"])("%s is refused by name", async (value) => {
    const folder = tempFolder();
    const files = readMigrationFiles(writeMigrations(folder, GOOD));
    const database = join(folder, "a.db");
    await migrateUp(database, { ...LOCK, files, target: 1 });
    withConnection(database, (c) => c.exec(`UPDATE schema_migrations SET version = ${value}`));
    for (const command of [migrateUp, migrateDown]) {
      await expect(command(database, { ...LOCK, files })).rejects.toMatchObject({
        code: "MIGRATION_INVALID",
        message: expect.stringContaining("protostore migrate force"),
      });
    }
    await forceVersion(database, 1n, { ...LOCK, files });
    expect(await migrateUp(database, { ...LOCK, files })).toMatchObject({ from: 1n });
  });
});

describe("a first migration", () => {
  test.each(["", "-- protostore: no-transaction\n"])(
    "that makes some of Chinook's tables and fails does not make the file foreign: %j",
    async (head) => {
      const folder = tempFolder();
      const database = join(folder, "a.db");
      const half = "CREATE TABLE artists (ArtistId INTEGER PRIMARY KEY);\n";
      const broken = writeMigrations(folder, {
        "1_a": [`${head}${half}SELECT * FROM nowhere;`, ""],
      });
      const before = { ...LOCK, files: readMigrationFiles(broken) };
      await expect(migrateUp(database, before)).rejects.toMatchObject({
        code: head === "" ? "MIGRATION_FAILED" : "MIGRATION_DIRTY",
      });
      const files = readMigrationFiles(
        writeMigrations(folder, { "1_a": ["CREATE TABLE IF NOT EXISTS artists (x);", ""] }),
      );
      if (head !== "") await forceVersion(database, -1n, { ...LOCK, files });
      expect(await migrateUp(database, { ...LOCK, files })).toMatchObject({ from: 0n, to: 1n });
    },
  );
});

describe("a migration that drops or changes what it is recorded in", () => {
  const SCRIPTS = {
    "DROP TABLE schema_migrations;": "schema_migrations",
    "DROP TABLE schema_migrations_log;": "schema_migrations_log",
    "DROP TABLE schema_migrations_log; DROP TABLE schema_migrations;":
      "schema_migrations and schema_migrations_log",
    "ALTER TABLE schema_migrations RENAME TO other;": "schema_migrations",
    "ALTER TABLE schema_migrations_log RENAME TO other;": "schema_migrations_log",
    "ALTER TABLE schema_migrations_log DROP COLUMN checksum;": "schema_migrations_log",
    "ALTER TABLE schema_migrations RENAME dirty TO clean;": "schema_migrations",
    "DROP TABLE schema_migrations_log; CREATE TABLE schema_migrations_log (version, name);":
      "schema_migrations_log",
  };

  test.each(Object.entries(SCRIPTS))("%s is refused by name, up and down", async (sql, table) => {
    const folder = tempFolder();
    const files = readMigrationFiles(
      writeMigrations(folder, { "1_a": ["CREATE TABLE a (x);", sql], "2_b": [sql, sql] }),
    );
    const database = join(folder, "a.db");
    await migrateUp(database, { ...LOCK, files, target: 1 });
    for (const [command, file] of [
      [migrateUp, "2_b.up.sql"],
      [migrateDown, "1_a.down.sql"],
    ] as const) {
      await expect(command(database, { ...LOCK, files })).rejects.toMatchObject({
        code: "MIGRATION_FAILED",
        message: `${file} drops or changes ${table}, where migrations are recorded`,
      });
    }
    expect(rowOf(database)).toEqual(["1 0"]);
    expect(pluck(database, "SELECT name || kind FROM schema_migrations_log")).toEqual([
      "1_aapplied",
    ]);
  });

  test.each(Object.entries(SCRIPTS))(
    "%s leaves a file without a transaction dirty",
    async (sql, table) => {
      const folder = tempFolder();
      const text = `-- protostore: no-transaction\n${sql}`;
      const files = readMigrationFiles(
        writeMigrations(folder, { "1_a": ["CREATE TABLE a (x);", ""], "2_b": [text, ""] }),
      );
      const database = join(folder, "a.db");
      await expect(migrateUp(database, { ...LOCK, files })).rejects.toMatchObject({
        code: "MIGRATION_DIRTY",
        message: expect.stringContaining(`drops or changes ${table}`),
      });
      const [state] = rowOf(database);
      expect(state).toBe("2 1");
      await forceVersion(database, 1n, { ...LOCK, files });
      expect(pluck(database, "SELECT name FROM schema_migrations_log")).toEqual(["1_a"]);
    },
  );

  test("and a log that another program changed is refused by name", async () => {
    const folder = tempFolder();
    const files = readMigrationFiles(writeMigrations(folder, GOOD));
    const database = join(folder, "a.db");
    await migrateUp(database, { ...LOCK, files, target: 1 });
    withConnection(database, (c) => c.exec("ALTER TABLE schema_migrations_log DROP COLUMN name"));
    await expect(migrateUp(database, { ...LOCK, files })).rejects.toMatchObject({
      code: "MIGRATION_INVALID",
      message: expect.stringContaining("has no column name"),
    });
    withConnection(database, (c) => c.exec("DROP TABLE schema_migrations_log"));
    expect(await migrateUp(database, { ...LOCK, files })).toMatchObject({ from: 1n });
    expect(pluck(database, "SELECT kind FROM schema_migrations_log")).toEqual([
      "recorded",
      "applied",
      "applied",
    ]);
  });
});

describe("what fails at the end of a file, not in one of its statements, names the file", () => {
  const ENDS: Readonly<Record<string, string>> = {
    "a reference that is looked at last":
      "PRAGMA defer_foreign_keys = ON;\nINSERT INTO c VALUES (7);",
    "a trigger that refuses the version":
      "CREATE TRIGGER t BEFORE INSERT ON schema_migrations BEGIN SELECT RAISE(ABORT, 'no'); END;",
    "a trigger that swallows the version":
      "CREATE TRIGGER t BEFORE INSERT ON schema_migrations BEGIN SELECT RAISE(IGNORE); END;",
    "a trigger that refuses the log":
      "CREATE TRIGGER t BEFORE INSERT ON schema_migrations_log BEGIN SELECT RAISE(FAIL, 'no'); END;",
  };

  test.each(Object.entries(ENDS))("%s", async (_, sql) => {
    const folder = tempFolder();
    const files = readMigrationFiles(
      writeMigrations(folder, {
        "1_a": ["CREATE TABLE p (id INTEGER PRIMARY KEY); CREATE TABLE c (p REFERENCES p);", ""],
        "2_b": [sql, ""],
      }),
    );
    const database = join(folder, "a.db");
    await migrateUp(database, { ...LOCK, files, target: 1 });
    const schema = schemaOf(database);
    await expect(migrateUp(database, { ...LOCK, files })).rejects.toMatchObject({
      code: "MIGRATION_FAILED",
      message: expect.stringMatching(
        /^(2_b\.up\.sql: at its end: |schema_migrations does not take)/,
      ),
    });
    expect(rowOf(database)).toEqual(["1 0"]);
    expect(schemaOf(database)).toEqual(schema);
    expect(pluck(database, "SELECT count(*) FROM sqlite_schema WHERE type = 'trigger'")).toEqual([
      0n,
    ]);
  });

  test.each(Object.entries(ENDS).slice(1))("without a transaction, dirty: %s", async (_, sql) => {
    const folder = tempFolder();
    const files = readMigrationFiles(
      writeMigrations(folder, { "1_a": [`-- protostore: no-transaction\n${sql}`, ""] }),
    );
    const database = join(folder, "a.db");
    await expect(migrateUp(database, { ...LOCK, files })).rejects.toMatchObject({
      code: "MIGRATION_DIRTY",
    });
    expect(rowOf(database)).toEqual(["1 1"]);
  });
});
