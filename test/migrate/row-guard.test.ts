// Holds that a migration loses no row that its script does not delete: every action of a foreign key,
// every mode, every way to write the directive; and that old faults of a file do not stop a migration.

import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { migrateDown, migrateUp, readMigrationFiles } from "../support/migrate.ts";

import {
  dataOf,
  LOCK,
  pluck,
  schemaOf,
  tempFolder,
  withConnection,
  writeMigrations,
} from "./support.ts";

const ACTIONS = ["NO ACTION", "RESTRICT", "CASCADE", "SET NULL", "SET DEFAULT"] as const;

const tables = (action: string, names = { p: "p", c: "c" }) =>
  `CREATE TABLE ${names.p} (id INTEGER PRIMARY KEY, old TEXT);
CREATE TABLE ${names.c} (id INTEGER PRIMARY KEY,
  p INTEGER DEFAULT 2 REFERENCES ${names.p} ON DELETE ${action});
CREATE TABLE g (id INTEGER PRIMARY KEY, c REFERENCES ${names.c} (id) ON DELETE CASCADE);
INSERT INTO ${names.p} VALUES (1, 'x'), (2, 'y');
INSERT INTO ${names.c} VALUES (10, 1), (20, 2), (30, NULL);
INSERT INTO g VALUES (100, 10);
`;

const REBUILD = `CREATE TABLE p_new (id INTEGER PRIMARY KEY);
INSERT INTO p_new SELECT id FROM p;
DROP TABLE p;
ALTER TABLE p_new RENAME TO p;
`;

/** A database at version 1, made by `first`, and what version 2 does with it. */
async function prepare(first: string, second: string, end = "\n") {
  const folder = tempFolder();
  const text = second.replaceAll("\n", end);
  const dir = writeMigrations(folder, { "1_a": [first, ""], "2_b": [text, "SELECT 1;"] });
  const files = readMigrationFiles(dir);
  const database = join(folder, "a.db");
  await migrateUp(database, { ...LOCK, files, target: 1 });
  return { database, up: () => migrateUp(database, { ...LOCK, files }) };
}

async function expectRefused(
  { database, up }: Awaited<ReturnType<typeof prepare>>,
  message: RegExp,
): Promise<void> {
  const before = { schema: schemaOf(database), data: dataOf(database) };
  await expect(up()).rejects.toMatchObject({
    code: "MIGRATION_FAILED",
    message: expect.stringMatching(message),
  });
  expect({ schema: schemaOf(database), data: dataOf(database) }).toEqual(before);
  expect(pluck(database, "SELECT version || ' ' || dirty FROM schema_migrations")).toEqual(["1 0"]);
}

const rowsOf = (database: string) => ({
  c: pluck(database, "SELECT id || ' ' || coalesce(p, '-') FROM c ORDER BY id"),
  g: pluck(database, "SELECT id || ' ' || c FROM g"),
});
const ALL = { c: ["10 1", "20 2", "30 -"], g: ["100 10"] };

describe.each(["\n", "\r\n"])("a rebuild whose lines end in %j", (end) => {
  test.each(ACTIONS)(
    "keeps all rows of children ON DELETE %s, if it asks for it",
    async (action) => {
      for (const directive of [
        "-- protostore: foreign-keys off\n",
        "-- Protostore: FOREIGN-KEYS OFF\n",
        "/* Why,\n and how. */\n-- protostore: foreign-keys off\n",
        "-- Why.\n\n--protostore:foreign-keys  off\n",
      ]) {
        const { database, up } = await prepare(tables(action), directive + REBUILD, end);
        await up();
        expect(rowsOf(database)).toEqual(ALL);
        expect(pluck(database, "SELECT count(*) FROM pragma_table_info('p')")).toEqual([1n]);
      }
    },
  );

  test.each(ACTIONS)("is refused, or loses nothing, if it does not: %s", async (action) => {
    const prepared = await prepare(tables(action), REBUILD, end);
    await expectRefused(
      prepared,
      action === "CASCADE" || action.startsWith("SET")
        ? /^2_b\.up\.sql, line 3: to drop p would .* 2 rows of c.*foreign-keys off/
        : /^2_b\.up\.sql, line 3: FOREIGN KEY constraint failed/,
    );
  });

  test.each(["CASCADE", "SET NULL"])("with a pragma in its place too: %s", async (action) => {
    const pragma = `PRAGMA foreign_keys = OFF;\n${REBUILD}PRAGMA foreign_keys = ON;\n`;
    await expectRefused(await prepare(tables(action), pragma, end), /line 4: to drop p would/);
  });
});

describe("a table that is dropped", () => {
  test.each([`"p"`, "`p`", "[p]", "'p'", "main.p", "IF EXISTS P", "/* x */ p"])(
    "is known as %s",
    async (name) => {
      await expectRefused(
        await prepare(tables("CASCADE"), `SELECT 1;\nDROP TABLE ${name};`),
        /line 2: to drop p would delete 2 rows of c/,
      );
    },
  );

  test("may have any name", async () => {
    const names = { p: '"a ""b"" é"', c: '"a.c"' };
    await expectRefused(
      await prepare(tables("CASCADE", names), `DROP TABLE ${names.p};`),
      /line 1: to drop a "b" é would delete 2 rows of a\.c/,
    );
  });

  test("may go with its children, in any order", async () => {
    for (const script of [
      "DROP TABLE p; DROP TABLE c; DROP TABLE g;",
      "DROP TABLE g; DROP TABLE c; DROP TABLE p;",
    ]) {
      const { database, up } = await prepare(tables("CASCADE"), script);
      await up();
      expect(schemaOf(database)).toEqual([]);
    }
  });

  test("may go if no row refers to it", async () => {
    for (const script of [
      "DELETE FROM c WHERE p > 0;",
      "UPDATE c SET p = NULL;",
      "DELETE FROM p;",
    ]) {
      const { up } = await prepare(tables("CASCADE"), `${script}\nDROP TABLE p;`);
      await up();
    }
  });

  test("takes no rows of a child that is made anew after it", async () => {
    await expectRefused(
      await prepare(
        tables("CASCADE"),
        `${REBUILD}CREATE TABLE c_new (id INTEGER PRIMARY KEY, p REFERENCES p);
INSERT INTO c_new SELECT * FROM c; DROP TABLE c; ALTER TABLE c_new RENAME TO c;`,
      ),
      /2_b\.up\.sql: to drop p would delete 2 rows of c/,
    );
  });

  test("may be absent, or lack what a child refers to", async () => {
    for (const parent of ["absent", "p (code)"]) {
      const first = `CREATE TABLE p (id INTEGER PRIMARY KEY);
CREATE TABLE c (id INTEGER PRIMARY KEY, p REFERENCES ${parent} ON DELETE CASCADE);`;
      const { up } = await prepare(first, "DROP TABLE IF EXISTS absent; DROP TABLE p;");
      await up();
    }
  });

  test("may refer to itself", async () => {
    const first =
      "CREATE TABLE p (id INTEGER PRIMARY KEY, p REFERENCES p ON DELETE CASCADE);\nINSERT INTO p VALUES (1, NULL), (2, 1);";
    const { database, up } = await prepare(first, REBUILD);
    await up();
    expect(pluck(database, "SELECT id FROM p ORDER BY id")).toEqual([1n, 2n]);
  });

  test("stops a file without a transaction before it goes", async () => {
    const { database, up } = await prepare(
      tables("CASCADE"),
      `-- protostore: no-transaction\n${REBUILD}`,
    );
    await expect(up()).rejects.toMatchObject({
      code: "MIGRATION_DIRTY",
      message: expect.stringMatching(/line 4: to drop p would delete 2 rows of c/),
    });
    expect(rowsOf(database)).toEqual(ALL);
  });

  test("is as safe on the way down", async () => {
    const folder = tempFolder();
    const dir = writeMigrations(folder, { "1_a": [tables("CASCADE"), REBUILD] });
    const database = join(folder, "a.db");
    const options = { ...LOCK, files: readMigrationFiles(dir) };
    await migrateUp(database, options);
    await expect(migrateDown(database, options)).rejects.toMatchObject({
      code: "MIGRATION_FAILED",
      message: expect.stringMatching(/^1_a\.down\.sql, line 3: to drop p would/),
    });
    expect(rowsOf(database)).toEqual(ALL);
  });
});

describe("with foreign keys off", () => {
  const OFF = "-- protostore: foreign-keys off\n";
  const COPY_C = (where: string) =>
    `CREATE TABLE c_new (id INTEGER PRIMARY KEY, p REFERENCES p);
INSERT INTO c_new SELECT id, p FROM c WHERE ${where}; DROP TABLE c; ALTER TABLE c_new RENAME TO c;
`;

  test("a child that comes back with fewer rows is refused", async () => {
    await expectRefused(
      await prepare(tables("CASCADE"), `${OFF}DELETE FROM g;\n${REBUILD}${COPY_C("p = 1")}`),
      /^2_b\.up\.sql: c has 1 rows afterwards and had 3/,
    );
  });

  test.each([
    "DELETE FROM c",
    'DELETE FROM main."C"',
    "delete\nfrom [c]",
    "REPLACE INTO c SELECT * FROM c",
  ])("unless the script says so: %s", async (statement) => {
    const { database, up } = await prepare(
      tables("CASCADE"),
      `${OFF}DELETE FROM g;\n${statement} WHERE p = 2;\n${REBUILD}${COPY_C("p = 1")}`,
    );
    await up();
    expect(pluck(database, "SELECT id FROM c")).toEqual([10n]);
  });

  test.each(["-- DELETE FROM c;", "/* DELETE FROM c; */", "DELETE FROM c2;", "SELECT 1;"])(
    "and this does not say so: %s",
    async (statement) => {
      await expectRefused(
        await prepare(
          `${tables("CASCADE")}CREATE TABLE c2 (x);`,
          `${OFF}DELETE FROM g;\n${statement}\n${REBUILD}${COPY_C("p = 1")}`,
        ),
        /c has 1 rows afterwards/,
      );
    },
  );

  const ORPHANS = "INSERT INTO c VALUES (40, 9), (50, 9), (60, 8);";

  /** The database of `prepare` with references that point to nothing, as other programs leave them. */
  async function withOrphans(second: string, first = tables("NO ACTION"), orphans = ORPHANS) {
    const prepared = await prepare(first, second);
    withConnection(prepared.database, (connection) => {
      connection.pragma("foreign_keys = OFF");
      connection.exec(orphans);
    });
    return prepared;
  }

  test("references that pointed to nothing before are let be", async () => {
    for (const script of [
      REBUILD,
      REBUILD + COPY_C("true"),
      REBUILD + COPY_C("true ORDER BY id DESC"),
    ]) {
      const { database, up } = await withOrphans(OFF + script);
      await up();
      expect(pluck(database, "SELECT p FROM c ORDER BY id")).toEqual([1n, 2n, null, 9n, 9n, 8n]);
    }
  });

  test.each([
    ["one more of an old kind", "INSERT INTO c VALUES (70, 9);", 1],
    ["new ones", "DELETE FROM p WHERE id = 1;", 1],
    [
      "new ones in place of old ones",
      "DELETE FROM c WHERE p = 9; UPDATE c SET p = 7 WHERE id < 30;",
      2,
    ],
    ["as many as were mended", "INSERT INTO p VALUES (9); UPDATE c SET p = 77 WHERE id < 30;", 2],
  ])("%s are refused", async (_, statement, count) => {
    await expectRefused(
      await withOrphans(`${OFF}${REBUILD}${statement}`),
      new RegExp(`^2_b\\.up\\.sql: ${count} references .* beside those .* from c to p$`),
    );
  });

  test("a parent that loses the key is refused; one that had none may be mended, or left", async () => {
    const first = `CREATE TABLE p (id INTEGER PRIMARY KEY, code TEXT UNIQUE);
CREATE TABLE c (id INTEGER PRIMARY KEY, code TEXT REFERENCES p (code) ON DELETE CASCADE);
INSERT INTO p VALUES (1, 'x'); INSERT INTO c VALUES (1, 'x');\n`;
    const rebuild = (type: string) => `CREATE TABLE p_new (id INTEGER PRIMARY KEY, code ${type});
INSERT INTO p_new SELECT * FROM p; DROP TABLE p; ALTER TABLE p_new RENAME TO p;`;
    await expectRefused(
      await prepare(first, OFF + rebuild("TEXT")),
      /^2_b\.up\.sql: p has no unique key for the reference from c afterwards$/,
    );
    for (const type of ["TEXT", "TEXT UNIQUE"]) {
      const { up } = await prepare(
        `${first}DELETE FROM c; DROP TABLE p; CREATE TABLE p (id INTEGER PRIMARY KEY, code TEXT);`,
        OFF + rebuild(type),
      );
      await up();
    }
  });

  test("keys of several columns, and tables without row ids, are compared as well", async () => {
    const first = `CREATE TABLE p (id INTEGER PRIMARY KEY, a, b, UNIQUE (a, b));
CREATE TABLE c (id TEXT PRIMARY KEY, a, b, FOREIGN KEY (a, b) REFERENCES p (a, b)) WITHOUT ROWID;
CREATE TABLE d (a, b, FOREIGN KEY (b, a) REFERENCES p (b, a));`;
    const orphans = "INSERT INTO c VALUES ('x', 1, 2); INSERT INTO d VALUES (1, 'é'), (1, NULL);";
    const rebuild = `CREATE TABLE p_new (id INTEGER PRIMARY KEY, a, b, UNIQUE (a, b), UNIQUE (b, a));
INSERT INTO p_new SELECT * FROM p; DROP TABLE p; ALTER TABLE p_new RENAME TO p;`;
    // SQLite takes (b, a) for a key only if an index is in this order or in any: both are unique.
    const { up } = await withOrphans(OFF + rebuild, first, orphans);
    await up();
    for (const statement of ["INSERT INTO c VALUES ('y', 3, 4);", "INSERT INTO d VALUES (7, 7);"]) {
      await expectRefused(
        await withOrphans(OFF + rebuild + statement, first, orphans),
        /1 references point to nothing afterwards/,
      );
    }
  });
});
