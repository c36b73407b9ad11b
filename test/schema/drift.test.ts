// What differs between messages and tables is told by message, field and reason.

import { expect, test } from "vitest";
import { RESOURCES } from "../../src/chinook/resources.ts";
import {
  type Connection,
  openConnection,
} from "../../src/database/sqlite/connection/connection.ts";
import { describeTables } from "../../src/database/sqlite/inspect/describe.ts";
import { findDifferences } from "../../src/schema/drift.ts";
import { planResources } from "../../src/schema/plan.ts";
import { readMigrationFiles } from "../support/migrate.ts";
import { tempDir } from "../support/temp.ts";

const PLANS = planResources(RESOURCES);

function migrated(): Connection {
  const connection = openConnection(`${tempDir()}/x.db`, { create: true, busyTimeoutMs: 0 });
  for (const file of readMigrationFiles()) connection.exec(file.up.sql);
  connection.pragma("foreign_keys = OFF");
  return connection;
}

/** Makes a table anew from its own SQL with a replacement in it. */
function alter(connection: Connection, table: string, from: string | RegExp, to: string): void {
  const read = connection.prepare("SELECT sql FROM sqlite_schema WHERE name = ?").pluck();
  const sql = read.get(table) as string;
  const changed = sql.replace(from, to);
  expect(changed).not.toBe(sql);
  const triggers = connection
    .prepare("SELECT sql FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = ?")
    .pluck()
    .all(table) as string[];
  connection.exec(`DROP TABLE ${table}; ${changed}; ${triggers.join(";\n")}`);
}

test("tables as the migrations make them have no differences", () => {
  expect(findDifferences(PLANS, describeTables(migrated()))).toEqual([]);
});

const CASES: readonly [string, (connection: Connection) => void, string[]][] = [
  [
    "a missing table",
    (db) => db.exec("DROP TABLE genres"),
    ["chinook.v1.Genre: there is no table genres"],
  ],
  [
    "a missing column",
    (db) => alter(db, "tracks", "Bytes INTEGER,", ""),
    ["chinook.v1.Track.size_bytes: tracks has no column Bytes"],
  ],
  [
    "a missing system column",
    (db) => alter(db, "artists", ", wire BLOB", ""),
    ["chinook.v1.Artist: artists has no column wire"],
  ],
  [
    "a missing trigger",
    (db) => db.exec("DROP TRIGGER artists_outside_update"),
    ["chinook.v1.Artist: artists has no trigger artists_outside_update"],
  ],
  [
    "a trigger that was made before a column",
    (db) => {
      const { sql } = db
        .prepare("SELECT sql FROM sqlite_schema WHERE name = 'artists_outside_update'")
        .get() as { sql: string };
      db.exec("DROP TRIGGER artists_outside_update");
      db.exec(sql.replace("NEW.Name COLLATE BINARY IS NOT OLD.Name", "FALSE"));
    },
    ["chinook.v1.Artist: artists_outside_update does not look at Name"],
  ],
  [
    "a missing trigger of a child table",
    (db) => db.exec("DROP TRIGGER invoice_items_outside_insert"),
    ["chinook.v1.InvoiceLine: invoice_items has no trigger invoice_items_outside_insert"],
  ],
  [
    "a type that cannot hold the field",
    (db) => alter(db, "tracks", "Bytes INTEGER", "Bytes TEXT"),
    ["chinook.v1.Track.size_bytes: Bytes has type TEXT, which cannot hold the field"],
  ],
  [
    "text without a type, which would keep whatever it gets",
    (db) => alter(db, "tracks", "Composer NVARCHAR(220)", "Composer"),
    ["chinook.v1.Track.composer: Composer has type none, which cannot hold the field"],
  ],
  [
    "another length",
    (db) => alter(db, "albums", "NVARCHAR(160)", "NVARCHAR(80)"),
    ["chinook.v1.Album.title: Title is NVARCHAR(80), but max_length is 160"],
  ],
  [
    "another default",
    (db) => alter(db, "customers", "DEFAULT 1", "DEFAULT 2"),
    ["chinook.v1.Customer.status: status must have DEFAULT 1"],
  ],
  [
    "a column that must not be NULL for a field that may be absent",
    (db) => alter(db, "customers", "Company NVARCHAR(80)", "Company NVARCHAR(80) NOT NULL"),
    ["chinook.v1.Customer.company: Company is NOT NULL, but the field may be absent"],
  ],
  [
    "a reference without a foreign key",
    (db) => alter(db, "albums", " REFERENCES artists (ArtistId)", ""),
    ["chinook.v1.Album.artist: ArtistId has no foreign key to artists"],
  ],
  [
    "a column that nothing fills",
    (db) => alter(db, "genres", "Name NVARCHAR(120)", "Name NVARCHAR(120), Owner TEXT NOT NULL"),
    ["chinook.v1.Genre: genres.Owner is NOT NULL and no field fills it"],
  ],
  [
    "a key that is no INTEGER PRIMARY KEY",
    (db) => alter(db, "genres", "GenreId INTEGER NOT NULL PRIMARY KEY", "GenreId INTEGER NOT NULL"),
    ["chinook.v1.Genre: GenreId is not the INTEGER PRIMARY KEY of genres"],
  ],
];

test.for(CASES)("%s is a difference", ([, change, expected]) => {
  const connection = migrated();
  change(connection);
  expect(findDifferences(PLANS, describeTables(connection))).toEqual(expected);
});

test.for([
  ["a nullable column that the owner has added", "ALTER TABLE genres ADD COLUMN Mood TEXT"],
  ["a column with a default", "ALTER TABLE genres ADD COLUMN Mood TEXT NOT NULL DEFAULT ''"],
  ["another table", "CREATE TABLE moods (MoodId INTEGER PRIMARY KEY)"],
])("%s is none", ([, sql]) => {
  const connection = migrated();
  connection.exec(sql as string);
  expect(findDifferences(PLANS, describeTables(connection))).toEqual([]);
});
