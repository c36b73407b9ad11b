import { chmodSync, copyFileSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { adoptDatabase } from "../../src/chinook/adopt/adopt.ts";
import { CHINOOK_FILES, detectChinook } from "../../src/chinook/adopt/detect.ts";
import { openConnection } from "../../src/database/sqlite/connection/connection.ts";
import { detectDatabase } from "../../src/database/sqlite/migrate/detect.ts";
import { realChinook } from "../support/chinook.ts";
import { migrateDown, migrateUp, readMigrationFiles } from "../support/migrate.ts";
import {
  dataOf,
  hashFile,
  LOCK,
  pluck,
  pragma,
  schemaOf,
  startMigrator,
  tempFolder,
  withConnection,
} from "./support.ts";

const chinook = realChinook();
const KILLS = Number(process.env.KILLS ?? 5);

const COUNTS = {
  artists: 275,
  albums: 347,
  tracks: 3503,
  genres: 25,
  media_types: 5,
  playlists: 18,
  playlist_track: 8715,
  customers: 59,
  employees: 8,
  invoices: 412,
  invoice_items: 2240,
};

const UPSTREAM = {
  artists: "Artist",
  albums: "Album",
  tracks: "Track",
  genres: "Genre",
  media_types: "MediaType",
  playlists: "Playlist",
  playlist_track: "PlaylistTrack",
  customers: "Customer",
  employees: "Employee",
  invoices: "Invoice",
  invoice_items: "InvoiceLine",
};

/** A copy of the real file, changed by `sql`. */
function copyChinook(sql = ""): string {
  const database = join(tempFolder(), "chinook.db");
  copyFileSync(chinook ?? "", database);
  chmodSync(database, 0o600);
  withConnection(database, (connection) => connection.exec(sql));
  return database;
}

/** The same rows under plural names, as another project might keep them. */
function pluralChinook(): string {
  const rename = Object.entries(UPSTREAM).map(
    ([to, from]) => `ALTER TABLE ${from} RENAME TO ${to};`,
  );
  return copyChinook(`
    ${rename.join("\n")}
    PRAGMA foreign_keys = OFF;
    CREATE TABLE new_genres (GenreId INTEGER PRIMARY KEY AUTOINCREMENT, Name NVARCHAR(120));
    INSERT INTO new_genres SELECT * FROM genres;
    DROP TABLE genres;
    ALTER TABLE new_genres RENAME TO genres;
    DROP INDEX IFK_TrackGenreId;
    DROP INDEX IFK_AlbumArtistId;
    CREATE INDEX by_artist ON albums (ArtistId);
    ALTER TABLE customers ADD COLUMN Nickname TEXT;
    UPDATE customers SET Nickname = 'Lu' WHERE CustomerId = 1;
    CREATE TABLE notes (id INTEGER PRIMARY KEY, text TEXT, value);
    INSERT INTO notes VALUES (1, 'a', 1), (2, NULL, '1'), (3, 'c', x'00ff'), (4, 'd', 1.5);
    PRAGMA page_size = 1024;
    VACUUM;
  `);
}

function kindOf(database: string): string {
  return withConnection(database, (connection) => {
    const kind = detectDatabase(connection, CHINOOK_FILES);
    return kind === "adoptable" ? `chinook-${detectChinook(connection).naming}` : kind;
  });
}

describe.skipIf(!chinook)("adoption of a Chinook file", () => {
  test("upstream names: our names, views under the old ones, and the same rows", async () => {
    const database = copyChinook(`
      CREATE TABLE notes (id INTEGER PRIMARY KEY, CustomerId REFERENCES Customer (CustomerId));
      INSERT INTO notes VALUES (1, 1);
      CREATE VIEW people AS SELECT * FROM Customer;
      CREATE VIEW rock AS SELECT Name FROM Track WHERE GenreId = 1;
      CREATE TRIGGER people_update INSTEAD OF UPDATE ON people BEGIN
        UPDATE Customer SET City = NEW.City WHERE CustomerId = NEW.CustomerId;
      END;
    `);
    expect(kindOf(database)).toBe("chinook-upstream");
    const before = dataOf(database);
    const views = "SELECT sql FROM sqlite_schema WHERE name IN ('people', 'rock') ORDER BY name";
    const viewsBefore = pluck(database, views);
    const names = pluck(database, "SELECT FirstName FROM Customer ORDER BY CustomerId");

    const report = await adoptDatabase(database, LOCK);
    const tables = Object.fromEntries(report.tables.map(({ table, rows }) => [table, rows]));
    expect(tables).toEqual(COUNTS);
    expect(kindOf(database)).toBe("managed");
    expect(pragma(database, "journal_mode")).toBe("wal");
    expect(pragma(database, "integrity_check")).toBe("ok");
    expect(pluck(database, "SELECT kind FROM schema_migrations_log ORDER BY version")[0]).toBe(
      "adopted",
    );

    const untouched = copyChinook();
    // Every old name reads the same rows as before, and the tables have them under the new names.
    const after = dataOf(database);
    for (const [name, old] of Object.entries(UPSTREAM)) {
      const columns = pluck(database, `SELECT name FROM pragma_table_info('${old}')`).join(", ");
      const rows = (table: string) =>
        withConnection(database, (c) =>
          c.prepare(`SELECT ${columns} FROM ${table} ORDER BY 1, 2`).all(),
        );
      expect(rows(old)).toEqual(rows(name));
      const original = withConnection(untouched, (c) =>
        c.prepare(`SELECT * FROM ${old} ORDER BY 1, 2`).all(),
      );
      expect(rows(name)).toEqual(original);
    }
    expect(pluck(database, "SELECT FirstName FROM Customer ORDER BY CustomerId")).toEqual(names);
    expect(after.notes).toBe(before.notes);
    expect(pluck(database, views)).toEqual(viewsBefore);
    expect(pluck(database, "SELECT count(*) FROM pragma_table_info('people')")).toEqual([13n]);
    withConnection(database, (c) => c.exec("UPDATE people SET City = 'Oslo' WHERE CustomerId = 1"));
    expect(pluck(database, "SELECT City FROM customers WHERE CustomerId = 1")).toEqual(["Oslo"]);
    expect(() => pluck(database, "INSERT INTO notes VALUES (2, 999) RETURNING id")).toThrow(
      "FOREIGN KEY",
    );
  });

  test("the backup is whole, private, named by time, and the only file that is added", async () => {
    const database = copyChinook();
    const before = { schema: schemaOf(database), data: dataOf(database) };
    const { backup = "" } = await adoptDatabase(database, LOCK);
    expect(backup).toMatch(/chinook\.db\.backup-\d{8}T\d{6}\.\d{3}Z$/);
    expect(statSync(backup).mode & 0o777).toBe(0o600);
    const names = readdirSync(join(database, ".."));
    expect(names.sort()).toEqual(
      ["chinook.db", "chinook.db-migrate", backup.slice(backup.lastIndexOf("/") + 1)].sort(),
    );
    expect({ schema: schemaOf(backup), data: dataOf(backup) }).toEqual(before);
    expect(kindOf(backup)).toBe("chinook-upstream");
  });

  test("plural names: extended as it is, with its own column, table, key and page size", async () => {
    const database = pluralChinook();
    expect(kindOf(database)).toBe("chinook-plural");
    const before = dataOf(database);
    const { tables } = await adoptDatabase(database, LOCK);
    expect(Object.fromEntries(tables.map(({ table, rows }) => [table, rows]))).toEqual(COUNTS);
    expect(pragma(database, "page_size")).toBe(1024n);
    expect(dataOf(database).notes).toBe(before.notes);
    expect(dataOf(database).sqlite_sequence).toBe(before.sqlite_sequence);
    expect(pluck(database, "SELECT Nickname FROM customers LIMIT 1")).toEqual(["Lu"]);
    expect(pluck(database, "SELECT sql FROM sqlite_schema WHERE name = 'genres'")[0]).toContain(
      "AUTOINCREMENT",
    );
    expect(pluck(database, "SELECT name FROM sqlite_schema WHERE type = 'view'")).toEqual([
      "track_search_source",
    ]);
    // An index that is missing is made; one that serves under another name is enough.
    const indexes = "SELECT name FROM sqlite_schema WHERE type = 'index' AND tbl_name =";
    expect(pluck(database, `${indexes} 'tracks'`)).toContain("IFK_TrackGenreId");
    const ofAlbums = pluck(database, `${indexes} 'albums'`);
    expect(ofAlbums).toContain("by_artist");
    expect(ofAlbums).not.toContain("IFK_AlbumArtistId");
  });

  test("names are compared as SQLite does: by letters, not by case", async () => {
    const database = copyChinook(
      "ALTER TABLE Customer RENAME TO x; ALTER TABLE x RENAME TO CUSTOMER;" +
        "ALTER TABLE CUSTOMER RENAME COLUMN FirstName TO firstname;",
    );
    const { tables } = await adoptDatabase(database, LOCK);
    expect(tables).toContainEqual({ table: "customers", rows: 59 });
    expect(pluck(database, "SELECT FirstName FROM Customer LIMIT 1")).toEqual(["Luís"]);
    expect(pluck(database, "SELECT name FROM sqlite_schema WHERE name = 'CUSTOMER'")).toHaveLength(
      1,
    );
  });

  test("up adds nothing more, and down refuses to delete what was adopted", async () => {
    const database = copyChinook();
    await adoptDatabase(database, LOCK);
    expect((await migrateUp(database, LOCK)).migrations).toEqual([]);
    const before = dataOf(database);
    await expect(migrateDown(database, { ...LOCK, steps: "all" })).rejects.toMatchObject({
      code: "MIGRATION_INVALID",
      message: expect.stringContaining("adopted"),
    });
    expect(dataOf(database)).toEqual(before);
  });
});

describe.skipIf(!chinook)("what is refused is unchanged", () => {
  test.each([
    ["DROP TABLE InvoiceLine", "the table InvoiceLine is missing"],
    ["DROP INDEX IFK_TrackGenreId; ALTER TABLE Track DROP COLUMN Composer", "no column Composer"],
    ["CREATE TABLE Tracks (x)", "Track cannot become tracks"],
    ["CREATE VIEW artists AS SELECT 1", "the name of a view"],
    ["ALTER TABLE Customer ADD COLUMN Status TEXT", "a column status of its own"],
    ["ALTER TABLE Album ADD COLUMN data TEXT", "a column data of its own"],
    ["ALTER TABLE Track ADD COLUMN revision", "a column revision of its own"],
    [
      "ALTER TABLE Genre RENAME TO g; CREATE TABLE Genre (GenreId TEXT PRIMARY KEY, Name TEXT)",
      "not its INTEGER PRIMARY KEY",
    ],
  ])("%s: %s", async (sql, reason) => {
    const database = copyChinook(sql);
    const before = hashFile(database);
    await expect(adoptDatabase(database, LOCK)).rejects.toMatchObject({
      code: "NOT_ADOPTABLE",
      message: expect.stringContaining(reason),
    });
    expect(hashFile(database)).toBe(before);
    expect(readdirSync(join(database, "..")).sort()).toEqual(["chinook.db", "chinook.db-migrate"]);
  });

  test("whatever else would fail fails in the rehearsal", async () => {
    const database = copyChinook("CREATE VIEW broken AS SELECT x FROM Absent");
    const before = hashFile(database);
    await expect(adoptDatabase(database, LOCK)).rejects.toMatchObject({
      code: "MIGRATION_FAILED",
      message: expect.stringContaining("error in view broken"),
    });
    expect(hashFile(database)).toBe(before);
    expect(readdirSync(join(database, "..")).sort()).toEqual(["chinook.db", "chinook.db-migrate"]);
  });

  test("a file that is managed already", async () => {
    const database = copyChinook();
    await adoptDatabase(database, LOCK);
    await expect(adoptDatabase(database, LOCK)).rejects.toMatchObject({
      code: "INVALID_CONFIG",
      message: expect.stringContaining("managed by protostore already"),
    });
  });

  test("without adoption, `migrate up` names the command", async () => {
    const database = copyChinook();
    const before = hashFile(database);
    await expect(migrateUp(database, LOCK)).rejects.toMatchObject({
      code: "UNMANAGED_DATABASE",
      message: expect.stringContaining(`protostore adopt ${database}`),
    });
    expect(hashFile(database)).toBe(before);
  });
});

test("a file that is absent, empty or something else is refused with the reason", async () => {
  const database = join(tempFolder(), "a.db");
  await expect(adoptDatabase(database, LOCK)).rejects.toMatchObject({
    code: "DATABASE_UNAVAILABLE",
  });
  openConnection(database, { create: true, busyTimeoutMs: 0 }).close();
  await expect(adoptDatabase(database, LOCK)).rejects.toMatchObject({
    code: "NOT_ADOPTABLE",
    message: expect.stringContaining("it has no tables"),
  });
  withConnection(database, (connection) => connection.exec("CREATE TABLE notes (x)"));
  expect(kindOf(database)).toBe("foreign");
  await expect(adoptDatabase(database, LOCK)).rejects.toMatchObject({
    code: "NOT_ADOPTABLE",
    message: expect.stringContaining("none of Chinook's tables"),
  });
});

describe.skipIf(!chinook)("other programs", () => {
  test("a reader that comes and goes does not stop an adoption, and reads on", async () => {
    const database = copyChinook();
    const reader = openConnection(database, { readOnly: true, busyTimeoutMs: 1_000 });
    const read = reader.prepare("SELECT count(*) FROM Customer").pluck();
    expect(read.get()).toBe(59n);
    reader.exec("BEGIN");
    read.get();
    const adoption = adoptDatabase(database, LOCK);
    await sleep(300);
    reader.exec("COMMIT");
    await adoption;
    expect(read.get()).toBe(59n);
    reader.close();
    expect(kindOf(database)).toBe("managed");
  });

  test("a reader that never ends its transaction: given up, unchanged", async () => {
    const database = copyChinook();
    const before = dataOf(database);
    const reader = openConnection(database, { readOnly: true, busyTimeoutMs: 0 });
    reader.exec("BEGIN");
    reader.prepare("SELECT count(*) FROM Customer").get();
    await expect(adoptDatabase(database, { lockTimeoutMs: 300 })).rejects.toMatchObject({
      code: "MIGRATION_LOCKED",
    });
    reader.close();
    expect(kindOf(database)).toBe("chinook-upstream");
    expect(dataOf(database)).toEqual(before);
  });

  test(`an adoption killed at random, ${KILLS} times: untouched, or completed by the next run`, {
    timeout: 240_000,
  }, async () => {
    const reference = copyChinook();
    const original = { schema: schemaOf(reference), data: dataOf(reference) };
    const rehearsal = startMigrator("adopt", reference);
    await rehearsal.working;
    const started = performance.now();
    expect(await rehearsal.ended).toMatchObject({ code: 0 });
    const durationMs = performance.now() - started;
    const adopted = { schema: schemaOf(reference), data: dataOf(reference) };

    let untouched = 0;
    for (let round = 0; round < KILLS; round++) {
      const database = copyChinook();
      const { child, working, ended } = startMigrator("adopt", database);
      await working;
      await sleep(Math.random() * durationMs);
      child.kill("SIGKILL");
      await ended;
      if (kindOf(database) === "managed") {
        await migrateUp(database, LOCK);
      } else {
        untouched += 1;
        expect({ schema: schemaOf(database), data: dataOf(database) }).toEqual(original);
        await adoptDatabase(database, LOCK);
      }
      expect({ schema: schemaOf(database), data: dataOf(database) }).toEqual(adopted);
      expect(pragma(database, "integrity_check")).toBe("ok");
      expect(readdirSync(join(database, ".."))).not.toContain("chinook.db.rehearsal");
    }
    console.info(`${untouched} of ${KILLS} kills came before the file was changed`);
    expect(untouched).toBeGreaterThan(0);
  });

  test("an adoption that was killed after its transaction is completed by adopting again", async () => {
    const database = copyChinook();
    await adoptDatabase(database, LOCK);
    const adopted = { schema: schemaOf(database), data: dataOf(database) };
    // The state between the two: version 1 adopted, the rest pending.
    await migrateDown(database, { ...LOCK, steps: readMigrationFiles().length - 1 });
    const report = await adoptDatabase(database, LOCK);
    expect(report.backup).toBeUndefined();
    expect({ schema: schemaOf(database), data: dataOf(database) }).toEqual(adopted);
  });
});
