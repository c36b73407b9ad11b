// Chinook files as they are in the wild: the tables of migration 1, declared in other ways. For each,
// whether it is served, or what the refusal says.

import { readNewNames } from "../../src/chinook/adopt/new-names.ts";
import { readChinookTables } from "../../src/chinook/adopt/tables.ts";
import { openConnection } from "../../src/database/sqlite/connection/connection.ts";
import { readMigrationFiles } from "../support/migrate.ts";

/** A file: how it is declared, and what becomes of it. */
export interface OddFile {
  /** Makes the declarations from those of migration 1. */
  readonly declare: (sql: string) => string;
  /** False for a file without rows. */
  readonly hasRows?: boolean;
  /** Undefined if it is served; else what the refusal says. */
  readonly refused?: RegExp;
}

const FILES = readMigrationFiles();
const PLAIN = FILES[0]?.up.sql ?? "";
const TABLES = readChinookTables(FILES);

/** A row in each table, so that all of them can be referred to. */
const ROWS = `
  INSERT INTO artists (ArtistId, Name) VALUES (1, 'Björk'), (2, NULL);
  INSERT INTO albums (AlbumId, Title, ArtistId) VALUES (1, 'Debut', 1);
  INSERT INTO genres (GenreId, Name) VALUES (1, 'Pop');
  INSERT INTO media_types (MediaTypeId, Name) VALUES (1, 'CD');
  INSERT INTO tracks (TrackId, Name, AlbumId, MediaTypeId, GenreId, Milliseconds, UnitPrice)
  VALUES (1, 'Human Behaviour', 1, 1, 1, 252000, 0.99);
  INSERT INTO playlists (PlaylistId, Name) VALUES (1, 'All');
  INSERT INTO playlist_track (PlaylistId, TrackId) VALUES (1, 1);
  INSERT INTO employees (EmployeeId, LastName, FirstName, BirthDate)
  VALUES (1, 'L', 'Ada', '1990-01-02 00:00:00');
  INSERT INTO customers (CustomerId, FirstName, LastName, Email, SupportRepId)
  VALUES (1, 'Bo', 'M', 'bo@example.com', 1);
  INSERT INTO invoices (InvoiceId, CustomerId, InvoiceDate, Total)
  VALUES (1, 1, '2009-01-01 00:00:00', 1.98);
  INSERT INTO invoice_items (InvoiceLineId, InvoiceId, TrackId, UnitPrice, Quantity)
  VALUES (1, 1, 1, 0.99, 2);
`;

/** Makes the file at `path`. */
export function makeOddFile(path: string, { declare, hasRows = true }: OddFile): void {
  const sql = openConnection(path, { create: true, busyTimeoutMs: 1_000 });
  sql.pragma("foreign_keys = OFF");
  sql.exec(declare(PLAIN));
  if (hasRows) sql.exec(ROWS);
  sql.close();
}

const swap = (from: RegExp | string, to: string) => ({
  declare: (sql: string) => {
    const changed = sql.replaceAll(from, to);
    if (changed === sql) throw new Error(`nothing is ${from}`);
    return changed;
  },
});
const add = (more: string) => ({ declare: (sql: string) => `${sql};\n${more};` });
const refuse = (file: OddFile, refused: RegExp): OddFile => ({ ...file, refused });

const KEY = /(\w+) INTEGER NOT NULL PRIMARY KEY/g;
const REFERENCE = / REFERENCES \w+ \(\w+\)/g;

const SERVED: Readonly<Record<string, OddFile>> = {
  "as it is": { declare: (sql) => sql },
  "VARCHAR(255)": swap(/NVARCHAR\(\d+\)/g, "VARCHAR(255)"),
  TEXT: swap(/NVARCHAR\(\d+\)/g, "TEXT"),
  "times as TEXT": swap("DATETIME", "TEXT"),
  "times as TIMESTAMP": swap("DATETIME", "TIMESTAMP"),
  "prices as DECIMAL": swap("NUMERIC(10,2)", "DECIMAL(10, 2)"),
  "prices as REAL": swap("NUMERIC(10,2)", "REAL"),
  BIGINT: swap(/(Bytes|Milliseconds|Quantity) INTEGER/g, "$1 BIGINT"),
  AUTOINCREMENT: swap(KEY, "$1 INTEGER PRIMARY KEY AUTOINCREMENT"),
  "PRIMARY KEY of the table": swap(
    /(\w+) INTEGER NOT NULL PRIMARY KEY,([\s\S]*?)\n\);/g,
    "$1 INTEGER NOT NULL,$2,\n  PRIMARY KEY ($1)\n);",
  ),
  "PRIMARY KEY DESC of the table": swap(
    /(\w+) INTEGER NOT NULL PRIMARY KEY,([\s\S]*?)\n\);/g,
    "$1 INTEGER NOT NULL,$2,\n  PRIMARY KEY ($1 DESC)\n);",
  ),
  "names in brackets": swap(/^ {2}(\w+) (?=[INV])/gm, "  [$1] "),
  "other letters in names": swap(/^ {2}(\w+) (?=[IN])/gm, '  "$1" '),
  "references that are deferred": swap(REFERENCE, "$& DEFERRABLE INITIALLY DEFERRED"),
  "references that name no column": swap(/REFERENCES (\w+) \(\w+\)/g, "REFERENCES $1"),
  "columns of its own": add(
    TABLES.map(({ name }) => `ALTER TABLE ${name} ADD COLUMN Mine TEXT DEFAULT 'x'`).join(";"),
  ),
  "a generated column of its own": add(
    "ALTER TABLE artists ADD COLUMN Upper TEXT GENERATED ALWAYS AS (upper(Name)) VIRTUAL",
  ),
  "checks of its own": swap(
    "Quantity INTEGER NOT NULL",
    "Quantity INTEGER NOT NULL CHECK (Quantity <> 7)",
  ),
  "tables, views and triggers of its own": add(`
    CREATE TABLE notes (id INTEGER PRIMARY KEY, artist REFERENCES artists (ArtistId));
    CREATE VIEW people AS SELECT * FROM customers;
    CREATE TABLE audit (text);
    CREATE TRIGGER audited AFTER INSERT ON artists BEGIN INSERT INTO audit VALUES (NEW.Name); END`),
  "links WITHOUT ROWID": swap(
    "(PlaylistId, TrackId)\n);",
    "(PlaylistId, TrackId)\n) WITHOUT ROWID;",
  ),
  "no index": swap(/CREATE INDEX[^;]*;/g, ""),
  "golang-migrate's empty table": add(
    "CREATE TABLE schema_migrations (version uint64, dirty bool);" +
      "CREATE UNIQUE INDEX version_unique ON schema_migrations (version)",
  ),
};

const CONFLICTS = ["ROLLBACK", "ABORT", "FAIL", "IGNORE", "REPLACE"];
const ACTIONS = ["CASCADE", "SET NULL", "SET DEFAULT", "RESTRICT", "NO ACTION"];

/** Says it of every NOT NULL, PRIMARY KEY and UNIQUE. */
function onConflict(conflict: string) {
  return (sql: string) =>
    sql
      .replace("Email NVARCHAR(60) NOT NULL", `$& UNIQUE ON CONFLICT ${conflict}`)
      .replaceAll(/NOT NULL(?: PRIMARY KEY)?(?=[,\n ])/g, `$& ON CONFLICT ${conflict}`);
}

const DECLARED: Readonly<Record<string, OddFile>> = Object.fromEntries([
  ...CONFLICTS.map((conflict) => [`ON CONFLICT ${conflict}`, { declare: onConflict(conflict) }]),
  ...ACTIONS.map((action) => [
    `ON DELETE and ON UPDATE ${action}`,
    swap(REFERENCE, `$& ON DELETE ${action} ON UPDATE ${action}`),
  ]),
]);

const NEW = readNewNames(FILES, TABLES);

/** A column or a table of the file's own under each name that the migrations add. */
const TAKEN: Readonly<Record<string, OddFile>> = Object.fromEntries([
  ...[...NEW.columns].flatMap(([table, columns]) =>
    columns.map((column) => [
      `a column ${table}.${column} of its own`,
      refuse(
        add(`ALTER TABLE ${table} ADD COLUMN ${column.toUpperCase()}`),
        new RegExp(`the table ${table} has a column ${column} of its own.*rename it first`),
      ),
    ]),
  ),
  ...NEW.objects
    .filter((name) => !name.startsWith("sqlite_"))
    .map((name) => [
      `a table ${name} of its own`,
      refuse(
        add(`CREATE TABLE ${name.toUpperCase()} (x)`),
        new RegExp(`the file has a table ${name} of its own.*rename it first`, "i"),
      ),
    ]),
]);

const REFUSED: Readonly<Record<string, OddFile>> = {
  // A migration makes columns anew, for which SQLite reads every view.
  "a view that does not work": refuse(
    add("CREATE VIEW broken AS SELECT x FROM Nowhere"),
    /error in view broken/,
  ),
  "no foreign keys": refuse(swap(REFERENCE, ""), /artist: ArtistId has no foreign key to artists/),
  "one foreign key less": refuse(
    swap("GenreId INTEGER REFERENCES genres (GenreId)", "GenreId INTEGER"),
    /Track\.genre: GenreId has no foreign key to genres/,
  ),
  "a foreign key to another column": refuse(
    {
      declare: (sql) =>
        sql
          .replace("Name NVARCHAR(120)\n", "Name NVARCHAR(120), Code INTEGER UNIQUE\n")
          .replace("REFERENCES artists (ArtistId)", "REFERENCES artists (Code)"),
    },
    /Album\.artist: ArtistId has no foreign key to artists/,
  ),
  "a NOT NULL column of its own": refuse(
    { ...swap("Title NVARCHAR(160) NOT NULL", "$&, Owner TEXT NOT NULL"), hasRows: false },
    /albums\.Owner is NOT NULL and no field fills it/,
  ),
  "NOT NULL where the field may be absent": refuse(
    swap("Composer NVARCHAR(220)", "Composer NVARCHAR(220) NOT NULL DEFAULT ''"),
    /Composer is NOT NULL, but the field may be absent/,
  ),
  "a length that is too short": refuse(
    swap("NVARCHAR(160)", "VARCHAR(40)"),
    /Title is VARCHAR\(40\), but max_length is 160/,
  ),
  STRICT: refuse(
    {
      declare: (sql) =>
        sql
          .replaceAll(/NVARCHAR\(\d+\)|DATETIME/g, "TEXT")
          .replaceAll("NUMERIC(10,2)", "ANY")
          .replaceAll(/\n\);/g, "\n) STRICT;"),
    },
    /is STRICT/,
  ),
  "a table of Rails": refuse(
    add("CREATE TABLE schema_migrations (version varchar NOT NULL PRIMARY KEY)"),
    /schema_migrations is that of another tool.*rename it/,
  ),
  "INTEGER PRIMARY KEY DESC": refuse(
    swap(KEY, "$1 INTEGER PRIMARY KEY DESC"),
    /is not its INTEGER PRIMARY KEY/,
  ),
  "WITHOUT ROWID": refuse(
    swap("Name NVARCHAR(120)\n);", "Name NVARCHAR(120)\n) WITHOUT ROWID;"),
    /is not its INTEGER PRIMARY KEY/,
  ),
  "INT PRIMARY KEY": refuse(swap(KEY, "$1 INT NOT NULL PRIMARY KEY"), /is not its INTEGER PRIMARY/),
  "a name that is a BLOB": refuse(
    swap("Composer NVARCHAR(220)", "Composer BLOB"),
    /Composer has type BLOB, which cannot hold the field/,
  ),
  "a price that is TEXT": refuse(
    swap("UnitPrice NUMERIC(10,2)", "UnitPrice TEXT"),
    /UnitPrice has type TEXT, which cannot hold the field/,
  ),
};

/** All of them, by what they are. */
export const ODD_FILES: Readonly<Record<string, OddFile>> = {
  ...SERVED,
  ...DECLARED,
  ...REFUSED,
  ...TAKEN,
};
