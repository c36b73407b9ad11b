// The store's own tables have migrations of their own: a user's numbers never meet them, a user's
// database has nobody else's tables, and other tools run the user's files alone.

import { cpSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { CHINOOK_MIGRATIONS } from "../../src/chinook/migrations.ts";
import { readMigrationFiles } from "../../src/database/migrations/files.ts";
import {
  migrateDown,
  migrateUp,
  readMigrationStatus,
} from "../../src/database/sqlite/migrate/migrate.ts";
import { readMigratedSchema } from "../../src/database/sqlite/migrate/migrated-schema.ts";
import { openSql } from "../service/support.ts";
import { createMigration } from "../support/migrate.ts";
import { tempDir } from "../support/temp.ts";

const LOCK = { lockTimeoutMs: 10_000 };
/** The columns of store_migrations are the bookkeeping of one of the two. */
const BOOKKEEPING = /^(?:store_migrations|schema_migrations(?:_log)?|version_unique|sqlite_.*)$/;

/** A folder with the migration that makes the table of books, under any number. */
function bookMigrations(version: string): string {
  const dir = join(tempDir(), "migrations");
  mkdirSync(dir);
  const [up = "", down = ""] = createMigration("books", {
    dir,
    table: { table: "books", key: "BookId" },
  });
  if (version !== "000001") {
    cpSync(up, join(dir, `${version}_books.up.sql`));
    cpSync(down, join(dir, `${version}_books.down.sql`));
    for (const path of [up, down]) writeFileSync(path, "");
  }
  return dir;
}

function tablesOf(path: string): readonly string[] {
  const sql = openSql(path);
  const names = sql
    .prepare("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
    .pluck()
    .all() as string[];
  sql.close();
  return names.filter((name) => !BOOKKEEPING.test(name));
}

const STORE_TABLES = [
  "completed_requests",
  "id_high_water",
  "schema_state",
  "store_replaced",
  "store_secrets",
  "store_state",
  "stored_schemas",
];

test.each(["000001", "000006", "20260101000000"])(
  "a user's first file may be %s",
  async (version) => {
    const files = readMigrationFiles(bookMigrations(version));
    const path = join(tempDir(), "books.db");
    await migrateUp(path, { ...LOCK, files });
    expect(tablesOf(path)).toEqual(["books", ...STORE_TABLES].sort());
    const sql = openSql(path);
    sql.exec("INSERT INTO books (BookId) VALUES (7)");
    expect(sql.prepare("SELECT revision FROM store_state").pluck().get()).toBe(1n);
    expect(readMigrationStatus(sql, files)).toMatchObject({ pending: [], pendingStore: [] });
    await migrateDown(path, { ...LOCK, files, steps: "all" });
    expect(tablesOf(path)).toEqual(STORE_TABLES);
    await migrateUp(path, { ...LOCK, files });
    expect(tablesOf(path)).toEqual(["books", ...STORE_TABLES].sort());
  },
);

test("a database that another tool has migrated lacks them, and says so", async () => {
  const files = readMigrationFiles(bookMigrations("000001"));
  const path = join(tempDir(), "books.db");
  await migrateUp(path, { ...LOCK, files });
  const sql = openSql(path);
  sql.exec("DROP TABLE store_migrations; DROP TABLE store_state;");
  const { pending, pendingStore } = readMigrationStatus(sql, files);
  expect({ pending, pendingStore }).toEqual({ pending: [], pendingStore: ["000001_store"] });
});

test("they are what the migrations of older databases make", () => {
  const make = (dir: string) =>
    readMigratedSchema(readMigrationFiles(dir))
      .filter(({ table }) => STORE_TABLES.includes(table))
      .map(({ name, sql }) => ({ name, sql: sql?.replace(/--.*\n/g, "").replace(/\s+/g, " ") }))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  expect(make(bookMigrations("000001"))).toEqual(make(CHINOOK_MIGRATIONS));
});
