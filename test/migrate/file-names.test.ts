// Holds which names are taken for migrations. The expectations are those of golang-migrate's own parser;
// if its command is there, it is asked as well: what it takes, ours takes, and nothing is skipped that
// looks like a migration.

import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parseMigrationName } from "../../src/database/migrations/file-name.ts";
import { migrateUp, readMigrationFiles } from "../support/migrate.ts";

import { outsideTool } from "../support/tools.ts";
import { LOCK, pluck, tempFolder } from "./support.ts";

const program = outsideTool("migrate");

/** What golang-migrate makes of a name: version, identifier and direction. */
const TAKEN: Readonly<Record<string, readonly [bigint, string, "up" | "down"]>> = {
  "1_foobar.up.sql": [1n, "1_foobar", "up"],
  "1_foobar.down.sql": [1n, "1_foobar", "down"],
  "1_f-o_ob+ar.up.sql": [1n, "1_f-o_ob+ar", "up"],
  "1485385885_foobar.up.sql": [1485385885n, "1485385885_foobar", "up"],
  "20170412214116_date_foobar.up.sql": [20170412214116n, "20170412214116_date_foobar", "up"],
  "0_first.up.sql": [0n, "0_first", "up"],
  "000007_Add Labels (é).up.sql": [7n, "000007_Add Labels (é)", "up"],
  "7_.up.sql": [7n, "7_", "up"],
  "7_a.up.SQL": [7n, "7_a", "up"],
  "7_a.up.Sql": [7n, "7_a", "up"],
  "7_a.down.SQL": [7n, "7_a", "down"],
  "7_a.up.txt": [7n, "7_a", "up"],
  "7_a.up.sql.orig": [7n, "7_a", "up"],
  "7_a.up.": [7n, "7_a", "up"],
  "7_a.up.down.sql": [7n, "7_a.up", "down"],
  "7_a.down.up.sql": [7n, "7_a.down", "up"],
  "7_a.b.up.sql": [7n, "7_a.b", "up"],
  "9007199254740993_a.up.sql": [9007199254740993n, "9007199254740993_a", "up"],
  "9223372036854775807_a.up.sql": [9223372036854775807n, "9223372036854775807_a", "up"],
};

/** golang-migrate skips these, or cannot record them. */
const REFUSED = [
  "-1_foobar.up.sql",
  "foobar.up.sql",
  "1.up.sql",
  "1_foobar.up",
  "1_foobar.down",
  "1_foobar.UP.sql",
  "1_foobar.Down.sql",
  "1_foobar.UP",
  "foobar.sql",
  "foobar.SQL",
  "1 _foobar.up.sql",
  "９_a.up.sql",
  "1_seed.go",
  "9223372036854775808_a.up.sql",
  "18446744073709551615_a.up.sql",
  "18446744073709551616_a.up.sql",
];

const SKIPPED = [
  "README.md",
  ".1_a.up.sql.swp",
  "._1_a.up.sql",
  ".keep",
  "schema.txt",
  "1_test.go",
];

describe("names of migrations", () => {
  test.each(Object.entries(TAKEN))("%s is taken", (file, [version, stem, direction]) => {
    expect(parseMigrationName(file)).toMatchObject({ version, stem, direction });
  });

  test.each(REFUSED)("%s is refused by name", (file) => {
    const refused = { code: "MIGRATION_INVALID", message: expect.stringContaining(file) };
    expect(() => parseMigrationName(file)).toThrow(expect.objectContaining(refused));
    const dir = tempFolder();
    writeFileSync(join(dir, file), "SELECT 1;");
    expect(() => readMigrationFiles(dir)).toThrow(expect.objectContaining(refused));
  });

  test.each(SKIPPED)("%s is none", (file) => {
    const dir = tempFolder();
    writeFileSync(join(dir, file), "no SQL");
    mkdirSync(join(dir, "1_folder.up.sql"));
    expect(readMigrationFiles(dir)).toEqual([]);
  });

  test("one file is for goose's markers, and refused without them", () => {
    expect(parseMigrationName("00001_a.sql")).toMatchObject({ version: 1n, direction: "both" });
    const dir = tempFolder();
    writeFileSync(join(dir, "00001_a.sql"), "CREATE TABLE a (x);");
    expect(() => readMigrationFiles(dir)).toThrow(
      expect.objectContaining({
        code: "MIGRATION_INVALID",
        message: expect.stringMatching(/^00001_a\.sql is neither/),
      }),
    );
  });
});

test.skipIf(!program)(
  "golang-migrate and we run the same files of a folder, by one order",
  async () => {
    const names = Object.keys(TAKEN).filter((file) =>
      / \(|-o_|date_|0_first|9007|up\.SQL$/.test(file),
    );
    const folder = tempFolder();
    const dir = join(folder, "migrations");
    mkdirSync(dir);
    for (const [index, file] of names.entries()) {
      const unique = file.replace(/^7_a/, `${100 + index}_a`);
      writeFileSync(
        join(dir, unique),
        `CREATE TABLE IF NOT EXISTS o (x); INSERT INTO o VALUES (${index});`,
      );
    }
    const theirs = join(folder, "theirs.db");
    const ours = join(folder, "ours.db");
    execFileSync(program ?? "", ["-path", dir, "-database", `sqlite3://${theirs}`, "up"]);
    await migrateUp(ours, { ...LOCK, files: readMigrationFiles(dir) });
    for (const sql of [
      "SELECT x FROM o ORDER BY rowid",
      "SELECT version, dirty FROM schema_migrations",
    ]) {
      expect(pluck(ours, sql)).toEqual(pluck(theirs, sql));
    }
    expect(pluck(ours, "SELECT count(*) FROM o")[0]).toBeGreaterThan(5n);
  },
);
