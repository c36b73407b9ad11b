// Holds what is read from the text of a migration: every directive is seen in any form that its author
// may have meant as one, or the file is refused; none is overlooked.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { MigrationMode } from "../../src/database/migrations/directives.ts";
import { migrateUp, readMigrationFiles } from "../support/migrate.ts";

import { LOCK, pluck, tempFolder, withConnection, writeMigrations } from "./support.ts";

const ENDINGS = { LF: "\n", CRLF: "\r\n" };

const MARKS: Readonly<Record<string, string>> = { none: "", "a byte order mark": "\uFEFF" };

/** What may stand before a directive. */
const BEFORE: Readonly<Record<string, readonly string[]>> = {
  nothing: [],
  "a comment": ["-- Why."],
  "empty lines": ["", "   ", "\t"],
  "a comment of several lines": ["/* Why,", "   and what for. */"],
  "a comment of several lines, with stars": ["/*", " * Why; and 'what for'.", " */", ""],
  "an empty statement": [";"],
  "a comment that ends in the line": ["/* Why. */ -- and more"],
};

const DIRECTIVES: Readonly<Record<string, MigrationMode>> = {
  "-- protostore: foreign-keys off": "foreign-keys-off",
  "--protostore:foreign-keys off": "foreign-keys-off",
  "  --  PROTOSTORE :  Foreign-Keys   OFF  ": "foreign-keys-off",
  "-- protostore: no-transaction": "no-transaction",
  "-- Protostore: No-Transaction\t": "no-transaction",
  "/* x */ -- protostore: no-transaction": "no-transaction",
};

/** Each is refused, with the number of its line. */
const REFUSED: Readonly<Record<string, string>> = {
  "-- protostore: no-transactions": 'neither "no-transaction"',
  "-- PROTOSTORE: foreign-keys": 'neither "no-transaction"',
  "-- protostore:": 'neither "no-transaction"',
  "-- protostore: foreign-keys on": 'neither "no-transaction"',
  "/* protostore: foreign-keys off */": "a line of its own that begins with --",
  "/*\n-- protostore: no-transaction\n*/": "a line of its own that begins with --",
  "/*\n * protostore: no-transaction\n */": "a line of its own that begins with --",
};

function readOne(text: string | Uint8Array) {
  const dir = tempFolder();
  writeFileSync(join(dir, "1_a.up.sql"), text);
  const [file] = readMigrationFiles(dir);
  if (!file) throw new Error("a file expected");
  return file.up;
}

function refusal(message: string | RegExp) {
  return expect.objectContaining({
    code: "MIGRATION_INVALID",
    message: expect.stringMatching(message),
  });
}

const cases = Object.entries(ENDINGS).flatMap(([ending, end]) =>
  Object.entries(MARKS).flatMap(([mark, bytes]) =>
    Object.entries(BEFORE).map(([what, lines]) => ({ ending, end, mark, bytes, what, lines })),
  ),
);

describe.each(cases)("after $what, with $ending and mark $mark", ({ end, bytes, lines }) => {
  test.each(Object.entries(DIRECTIVES))("%s is seen", (directive, mode) => {
    const text = bytes + [...lines, directive, "", "SELECT 1;", ""].join(end);
    expect(readOne(text)).toMatchObject({ mode, notices: [] });
  });

  test.each(Object.entries(REFUSED))("%s is refused", (directive, reason) => {
    const text = bytes + [...lines, directive.replaceAll("\n", end), "SELECT 1;"].join(end);
    const line = lines.length + (directive.includes("\n") ? 2 : 1);
    expect(() => readOne(text)).toThrow(refusal(`^1_a\\.up\\.sql, line ${line}: .*${reason}`));
  });
});

describe("a directive", () => {
  test("after the first statement does nothing, and that is said", () => {
    const script = readOne("SELECT 1;\r\n\r\n  -- Protostore: no-transaction\r\n");
    expect(script.mode).toBe("transaction");
    expect(script.notices).toEqual([
      '1_a.up.sql, line 3: "-- Protostore: no-transaction" does nothing, ' +
        "because it is not before the first statement",
    ]);
  });

  test("contradicts another", () => {
    const text = "-- protostore: no-transaction\n-- protostore: foreign-keys off\nSELECT 1;";
    expect(() => readOne(text)).toThrow(refusal("exclude each other"));
  });

  test("is no word of ours in a string, a name or another comment", () => {
    const text =
      "-- For protostore: see below.\n/* about protostore: x */\nSELECT '\n-- protostore: x';";
    expect(readOne(text)).toMatchObject({ mode: "transaction", notices: [] });
  });
});

describe("bytes that SQLite would read otherwise", () => {
  test.each([
    ["latin-1", Buffer.from("-- caf\xe9\nSELECT 1;", "latin1"), /bytes are not UTF-8/],
    ["UTF-16", Buffer.from("\uFEFFSELECT 1;", "utf16le"), /bytes are not UTF-8/],
    ["half a character", Buffer.from([0x2d, 0x2d, 0x20, 0xe2, 0x82]), /bytes are not UTF-8/],
    ["a surrogate", Buffer.from([0x2d, 0x2d, 0xed, 0xa0, 0x80]), /bytes are not UTF-8/],
    ["a zero byte", Buffer.from("SELECT 1;\n\0DROP TABLE a;"), /line 2: .*zero byte/],
    ["CR alone", "-- Why.\rCREATE TABLE a (x);\r", /line 1: .*CR alone/],
    ["CR alone, once", "SELECT 1;\r\n-- Why.\rSELECT 2;\r\n", /line 2: .*CR alone/],
    ["CR before a directive", "-- Why.\r-- protostore: no-transaction\rSELECT 1;", /CR alone/],
  ])("%s is refused", (_, text, message) => {
    expect(() => readOne(text)).toThrow(refusal(message));
  });

  test("CR that hides nothing is taken", () => {
    expect(readOne("-- Why.\r\r\nSELECT 'a\rb';\rSELECT 2;\r\n-- End.\r").mode).toBe("transaction");
  });
});

describe("a pragma that does nothing inside a transaction", () => {
  const NOTICED = {
    "PRAGMA foreign_keys = OFF;": "foreign_keys",
    "pragma main.Foreign_Keys(0);": "foreign_keys",
    "/* x */ PRAGMA foreign_keys=off;": "foreign_keys",
    "PRAGMA journal_mode = OFF;": "journal_mode",
    "PRAGMA page_size = 8192;": "page_size",
    "PRAGMA auto_vacuum = FULL;": "auto_vacuum",
    "PRAGMA encoding = 'UTF-16';": "encoding",
  };
  const EFFECTIVE = [
    "PRAGMA foreign_keys;",
    "PRAGMA foreign_key_check;",
    "PRAGMA foreign_key_check(a);",
    "PRAGMA defer_foreign_keys = ON;",
    "PRAGMA recursive_triggers = ON;",
    "PRAGMA legacy_alter_table = ON;",
    "PRAGMA user_version = 7;",
    "PRAGMA application_id = 7;",
    "PRAGMA ignore_check_constraints = ON;",
    "-- PRAGMA foreign_keys = OFF;\nSELECT 1;",
    "SELECT 'PRAGMA foreign_keys = OFF';",
    "SELECT '; PRAGMA foreign_keys = OFF;';",
  ];

  test.each(Object.entries(NOTICED))("%s is said, and it is so", async (pragma, name) => {
    const folder = tempFolder();
    const dir = writeMigrations(folder, {
      "1_a": ["CREATE TABLE a (x);", ""],
      "2_b": [`SELECT 1;\r\n${pragma}\r\nCREATE TABLE b (x);`, ""],
    });
    const database = join(folder, "a.db");
    const { notices } = await migrateUp(database, { ...LOCK, files: readMigrationFiles(dir) });
    expect(notices).toEqual([expect.stringMatching(`^2_b\\.up\\.sql, line 2: PRAGMA ${name} `)]);
    withConnection(database, (connection) => {
      const before = connection.pragma(name, { simple: true });
      connection.exec("BEGIN");
      connection.exec(pragma);
      expect(connection.pragma(name, { simple: true })).toBe(before);
      connection.exec("COMMIT");
      expect(connection.pragma(name, { simple: true })).toBe(before);
    });
  });

  test.each(EFFECTIVE)("%s is let be", (sql) => {
    expect(readOne(`SELECT 1;\n${sql}`).notices).toEqual([]);
  });

  test("has its effect in a file without one, and foreign keys are on again after it", async () => {
    const folder = tempFolder();
    const dir = writeMigrations(folder, {
      "1_a": [
        "-- protostore: no-transaction\nPRAGMA foreign_keys = OFF;\n" +
          "CREATE TABLE p (id INTEGER PRIMARY KEY);\n" +
          "CREATE TABLE c (id INTEGER PRIMARY KEY, p REFERENCES p (id));\n" +
          "INSERT INTO c VALUES (1, 7);",
        "",
      ],
      "2_b": ["INSERT INTO c VALUES (2, 8);", ""],
    });
    const files = readMigrationFiles(dir);
    expect(files[0]?.up.notices).toEqual([]);
    const database = join(folder, "a.db");
    await expect(migrateUp(database, { ...LOCK, files })).rejects.toMatchObject({
      code: "MIGRATION_FAILED",
      message: expect.stringContaining("2_b.up.sql, line 1: FOREIGN KEY"),
    });
    expect(pluck(database, "SELECT id FROM c")).toEqual([1n]);
  });
});
