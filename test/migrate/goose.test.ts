// Holds how goose's one-file form is read: cut at its markers, in any line ending and any case, and run
// like a pair; what goose would refuse, or would do and we do not, is refused by line.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { createMigration, migrateDown, migrateUp, readMigrationFiles } from "../support/migrate.ts";

import { LOCK, pluck, tempFolder } from "./support.ts";

const WHOLE = `-- What it is for.

-- +goose Up
CREATE TABLE a (x); -- one; two
-- +goose StatementBegin
CREATE TRIGGER t AFTER INSERT ON a BEGIN
  SELECT 1;
  INSERT INTO a SELECT NEW.x + 1 WHERE NEW.x < 3;
END;
-- +goose StatementEnd
INSERT INTO a VALUES (1);

-- +goose Down
-- Takes it back.
DROP TABLE a;
`;

function folderOf(files: Readonly<Record<string, string>>): string {
  const dir = tempFolder();
  for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, name), text);
  return dir;
}

const FORMS: Readonly<Record<string, (text: string) => string>> = {
  "as it is": (text) => text,
  "with CRLF": (text) => text.replaceAll("\n", "\r\n"),
  "with a byte order mark": (text) => `\uFEFF${text}`,
  "in lower case": (text) => text.replace(/\+goose \w+/g, (marker) => marker.toLowerCase()),
  "in upper case": (text) => text.replace(/\+goose \w+/g, (marker) => marker.toUpperCase()),
  "without spaces": (text) => text.replaceAll("-- +goose", "--+goose"),
  "without a down part": (text) => text.slice(0, text.indexOf("-- +goose Down")),
};

describe.each(Object.entries(FORMS))("a file %s", (form, change) => {
  test("runs up, and down if it has such a part", async () => {
    const dir = folderOf({ "00001_a.sql": change(WHOLE) });
    const database = join(tempFolder(), "a.db");
    const options = { ...LOCK, files: readMigrationFiles(dir) };
    await migrateUp(database, options);
    expect(pluck(database, "SELECT x FROM a")).toEqual([1n, 2n]);
    expect(pluck(database, "SELECT name FROM schema_migrations_log")).toEqual(["00001_a"]);
    if (form === "without a down part") {
      await expect(migrateDown(database, options)).rejects.toMatchObject({
        code: "MIGRATION_MISSING",
        message: expect.stringContaining("00001_a.sql (its part Down) is missing"),
      });
      return;
    }
    await migrateDown(database, options);
    expect(pluck(database, "SELECT name FROM sqlite_schema WHERE name IN ('a', 't')")).toEqual([]);
  });

  test("that fails is named by the line of the whole file", async () => {
    const text = change(WHOLE.replace("INSERT INTO a VALUES (1)", "INSERT INTO b VALUES (1)"));
    const files = readMigrationFiles(folderOf({ "00001_a.sql": text }));
    const database = join(tempFolder(), "a.db");
    await expect(migrateUp(database, { ...LOCK, files })).rejects.toMatchObject({
      code: "MIGRATION_FAILED",
      message: "00001_a.sql, line 11: no such table: b",
    });
  });
});

describe("the mode", () => {
  const parts = "-- +goose Up\nSELECT 1;\n-- +goose Down\nSELECT 1;\n";
  test.each([
    [parts, "transaction", "transaction"],
    [`-- +goose NO TRANSACTION\n${parts}`, "no-transaction", "no-transaction"],
    [`-- +goose no transaction\r\n${parts}`, "no-transaction", "no-transaction"],
    [`-- protostore: foreign-keys off\n${parts}`, "foreign-keys-off", "foreign-keys-off"],
    [parts.replace("Down", "Down\n-- protostore: no-transaction"), "transaction", "no-transaction"],
    [parts.replace("Up", "Up\n-- protostore: no-transaction"), "no-transaction", "transaction"],
  ])("%j", (text, up, down) => {
    const [file] = readMigrationFiles(folderOf({ "1_a.sql": text }));
    expect([file?.up.mode, file?.down.mode]).toEqual([up, down]);
  });
});

describe("refused", () => {
  test.each([
    ["CREATE TABLE a (x);\n-- +goose Up\nSELECT 1;", /line 1: .*before `-- \+goose Up`/],
    ["-- +goose Down\nSELECT 1;", /line 1: /],
    ["-- +goose Up\nSELECT 1;\n-- +goose Up\n", /line 3: /],
    ["-- +goose Up\n-- +goose Down\n-- +goose Up\n", /line 3: /],
    ["-- +goose StatementBegin\n-- +goose Up\n", /line 1: /],
    ["-- +goose Up\n-- +goose StatementBegin\n-- +goose Down\n", /line 3: /],
    ["-- +goose Up\n-- +goose StatementBegin\n", /no `-- \+goose StatementEnd`/],
    ["-- +goose Up\n-- +goose StatementEnd\n", /line 2: /],
    ["-- +goose NO TRANSACTION\n", /no `-- \+goose Up`/],
    ["-- +goose ENVSUB ON\n-- +goose Up\n", /line 1: .*not among the markers/],
    ["-- +goose Upp\n", /line 1: .*not among the markers/],
    ["-- +goose\n-- +goose Up\n", /line 1: /],
    ["-- +goose Up\n-- protostore: foreign-keys\nSELECT 1;", /line 2: .*neither/],
  ])("%j", (text, message) => {
    for (const form of [text, text.replaceAll("\n", "\r\n")]) {
      expect(() => readMigrationFiles(folderOf({ "1_a.sql": form }))).toThrow(
        expect.objectContaining({
          code: "MIGRATION_INVALID",
          message: expect.stringMatching(message),
        }),
      );
    }
  });

  test("markers in a file that golang-migrate would run whole", () => {
    for (const name of ["1_a.up.sql", "1_a.down.sql"]) {
      expect(() => readMigrationFiles(folderOf({ [name]: WHOLE }))).toThrow(
        expect.objectContaining({ code: "MIGRATION_INVALID" }),
      );
    }
  });

  test("a pair beside it with its number", () => {
    for (const direction of ["up", "down"]) {
      const files = { "00001_a.sql": WHOLE, [`1_b.${direction}.sql`]: "SELECT 1;" };
      expect(() => readMigrationFiles(folderOf(files))).toThrow(
        expect.objectContaining({ code: "MIGRATION_INVALID" }),
      );
    }
  });
});

test("create goes on in one file", async () => {
  const dir = folderOf({ "00001_a.sql": WHOLE });
  const paths = createMigration("b", { dir });
  expect(paths).toEqual([join(dir, "00002_b.sql")]);
  const files = readMigrationFiles(dir);
  const database = join(tempFolder(), "a.db");
  expect(await migrateUp(database, { ...LOCK, files })).toMatchObject({ to: 2n });
  expect(await migrateDown(database, { ...LOCK, files, steps: "all" })).toMatchObject({ to: 0n });
});
