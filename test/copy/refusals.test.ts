// What is not copied, and says why: databases that are not what they must be, rows that the other kind of
// database cannot keep, each by its name. And a proof that fails tells which rows are to blame.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { ArtistSchema } from "../../gen/chinook/v1/artist_pb.ts";
import type { Session } from "../../src/database/postgres/session.ts";
import type { Connection } from "../../src/database/sqlite/connection/connection.ts";
import { makeSqliteFile, storeIn } from "../contract/sqlite-store.ts";
import { creating, sale } from "../contract/support.ts";
import { makeEmptyDatabase } from "../postgres/empty.ts";
import { runCli } from "../service/cli.ts";
import { openSql } from "../service/support.ts";
import { tempDir } from "../support/temp.ts";
import { copyDatabase } from "./copying.ts";

/** A file with an invoice and what it needs, and another program that writes to it. */
async function makeSource(): Promise<{ readonly path: string; readonly sql: Connection }> {
  const path = await makeSqliteFile(onTestFinished);
  const database = storeIn(path, onTestFinished).open();
  await database.commit([...sale(2), creating(ArtistSchema, { displayName: "A" }, 1n)]);
  await database.close();
  return { path, sql: openSql(path) };
}

async function makeEmpty(): Promise<{ readonly url: string; readonly other: Session }> {
  const empty = await makeEmptyDatabase();
  onTestFinished(() => empty.drop());
  return empty;
}

const newFile = () => join(tempDir(), "copy.db");

test("rows that PostgreSQL cannot keep are named, all of them, and nothing is served", async () => {
  const { path, sql } = await makeSource();
  sql.pragma("ignore_check_constraints = ON");
  sql.exec(`
    INSERT INTO artists (ArtistId, Name) VALUES
      (10, 'n' || char(0)), (11, CAST(x'41ff' AS TEXT)), (12, x'00'), (13, 'kept');
    INSERT INTO artists (ArtistId, data) VALUES (14, '{"biography": "\\u0000"}'), (15, '{"biography": ');
    UPDATE tracks SET Milliseconds = 'long', Bytes = 1.5;
    INSERT INTO tracks (TrackId, Name, MediaTypeId, Milliseconds, UnitPrice)
    VALUES (20, 'T', 1, 1.5, 9007199254740993), (21, 'T', 1, 1, 'x');
    UPDATE invoice_items SET data = '{"a": "\\u0000"}' WHERE InvoiceLineId = 2;
  `);
  const { url } = await makeEmpty();
  const { problems, error } = await copyDatabase(path, url);
  expect(error).toMatchObject({
    code: "NOT_COPYABLE",
    message: expect.stringContaining("9 of the rows"),
  });
  const nul = "has the character U+0000, which PostgreSQL has in no text";
  expect(problems).toEqual([
    "artists/11: Name has bytes that are no text",
    `artists/10: Name ${nul}`,
    "artists/12: Name is no text",
    `artists/14: data ${nul}`,
    expect.stringMatching(/^artists\/15: /),
    "tracks/1: Milliseconds is no bigint",
    "tracks/20: Milliseconds is no bigint",
    "tracks/21: UnitPrice is no double",
    `invoice_items 2: data ${nul}`,
  ]);
  const served = await runCli("serve", "--address", "127.0.0.1:0", "--database", url);
  expect(served).toMatchObject({ code: 1, stderr: expect.stringContaining("an unfinished copy") });
});

test("a file keeps them as they are, and they are as unreadable there", async () => {
  const { path, sql } = await makeSource();
  sql.pragma("foreign_keys = OFF");
  sql.exec(`
    INSERT INTO artists (ArtistId, Name) VALUES (10, 'n' || char(0)), (12, x'00'), (-3, 'low');
    UPDATE tracks SET Milliseconds = 'long';
    INSERT INTO albums (AlbumId, Title, ArtistId) VALUES (1, 'dangling', 99);
    CREATE TABLE own (x); ALTER TABLE artists ADD COLUMN own;
  `);
  const to = newFile();
  const { problems, error, leftOut, tables } = await copyDatabase(path, to);
  expect({ problems, error }).toEqual({ problems: [], error: undefined });
  expect(leftOut).toEqual(["the column own of artists", "the table own"]);
  expect(tables.every(({ isEqual }) => isEqual)).toBe(true);
  const copied = openSql(to);
  const read = "SELECT ArtistId, Name, typeof(Name), revision, updated_at FROM artists ORDER BY 1";
  expect(copied.prepare(read).all()).toEqual(sql.prepare(read).all());
});

test("references to nothing, and lines and links of nothing, are named before anything is copied", async () => {
  const { path, sql } = await makeSource();
  sql.pragma("foreign_keys = OFF");
  sql.exec(`
    INSERT INTO albums (AlbumId, Title, ArtistId) VALUES (1, 'T', 99);
    INSERT INTO playlist_track VALUES (7, 1);
    UPDATE invoice_items SET InvoiceId = 99 WHERE InvoiceLineId = 2;
  `);
  const { url, other } = await makeEmpty();
  const { problems, error } = await copyDatabase(path, url);
  expect(error).toMatchObject({ code: "NOT_COPYABLE" });
  expect(problems.join("\n")).toMatch(
    /albums\/1: artist refers to artists\/99.*\n.*invoice_items: row 2 belongs to invoices\/99.*\n.*playlist_track: 1 rows name playlists\/7/,
  );
  const [[count] = []] = await other.all({ sql: "SELECT count(*) FROM artists", parameters: [] });
  expect(count).toBe(0n);
});

test("what PostgreSQL has and SQLite has not is named", async () => {
  const { url, other } = await makeEmpty();
  await copyDatabase(await makeSqliteFile(onTestFinished), url);
  await other.script(`
    INSERT INTO media_types VALUES (1, 'file');
    INSERT INTO tracks (TrackId, Name, MediaTypeId, Milliseconds, UnitPrice)
    VALUES (1, 'T', 1, 1, 'NaN'), (2, 'T', 1, 1, '-0'), (3, 'T', 1, 1, 0.99);
    INSERT INTO employees (EmployeeId, LastName, FirstName, BirthDate)
    VALUES (1, 'L', 'F', '2009'), (2, 'L', 'F', '2009-01-01')`);
  const { problems } = await copyDatabase(url, newFile());
  expect(problems).toEqual([
    "tracks/1: UnitPrice has a value that SQLite changes",
    "tracks/2: UnitPrice has a value that SQLite changes",
    "employees/1: BirthDate has a value that SQLite changes",
  ]);
});

test("a database with something in it is not copied into, and stays as it is", async () => {
  const { path } = await makeSource();
  const refused = { error: { code: "NOT_COPYABLE", message: expect.stringContaining("already") } };
  const { path: other, sql } = await makeSource();
  const before = sql.prepare("SELECT * FROM artists").all();
  expect(await copyDatabase(path, other)).toMatchObject(refused);
  expect(sql.prepare("SELECT * FROM artists").all()).toEqual(before);
  // Whose last row is deleted.
  sql.exec(
    "DELETE FROM invoice_items; DELETE FROM invoices; DELETE FROM customers; DELETE FROM tracks",
  );
  sql.exec("DELETE FROM artists; DELETE FROM media_types");
  expect(await copyDatabase(path, other)).toMatchObject(refused);
  const empty = await makeEmpty();
  await empty.other.script("CREATE TABLE others (x int)");
  expect(await copyDatabase(path, empty.url)).toMatchObject(refused);
  const foreign = newFile();
  writeFileSync(foreign, "");
  openSql(foreign).exec("CREATE TABLE others (x)");
  expect(await copyDatabase(path, foreign)).toMatchObject({
    error: { code: "UNMANAGED_DATABASE" },
  });
});

test("a source that is not there, or not up to date, or not whole, is not copied", async () => {
  const { path, sql } = await makeSource();
  const to = newFile();
  const errorOf = async (from: string) => (await copyDatabase(from, to)).error;
  expect(await errorOf(`${path}.none`)).toMatchObject({ code: "DATABASE_UNAVAILABLE" });
  const { url } = await makeEmpty();
  const needsMigration = {
    code: "SCHEMA_MISMATCH",
    message: expect.stringContaining("protostore migrate up"),
  };
  expect(await errorOf(url)).toMatchObject(needsMigration);
  sql.exec("UPDATE schema_migrations SET version = 8");
  expect(await errorOf(path)).toMatchObject(needsMigration);
  sql.pragma("foreign_keys = OFF");
  sql.exec(
    "UPDATE schema_migrations SET version = 9; UPDATE schema_state SET writer_hash = 'other'",
  );
  expect(await errorOf(path)).toMatchObject({ code: "SCHEMA_INCOMPATIBLE" });
  expect(await runCli("copy", path, path)).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("are one database"),
  });
});
