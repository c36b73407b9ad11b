// The index of the search: reached by other programs' writes, checked, rebuilt, and gone and back with
// its migration. writes.test.ts holds that it stays in step.

import { execFileSync } from "node:child_process";
import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { TrackService } from "../../gen/chinook/v1/track_pb.ts";
import { CHINOOK_MIGRATIONS, CHINOOK_POSTGRES_MIGRATIONS } from "../../src/chinook/migrations.ts";
import { checkSearchIndex, rebuildSearchIndex } from "../../src/chinook/search/search-index.ts";
import { dataOf, LOCK, schemaOf } from "../migrate/support.ts";
import { migrateDown, migrateUp, readMigrationFiles } from "../support/migrate.ts";
import { tempDir } from "../support/temp.ts";
import { outsideTool } from "../support/tools.ts";
import { findingsOf } from "../support/verified.ts";
import { expectInStep, wordsOf } from "./in-step.ts";
import { DRIVERS, runSearchStore, type SearchStore, startSearchStore } from "./stores.ts";

const VERSION = 4;

/** What is said of an entry of the index otherwise in each database. */
const ENTRY = {
  sqlite: {
    key: "rowid",
    wrong: "composer = 'Nobody'",
    ghost: (id: bigint) => `INSERT INTO track_search (rowid, title) VALUES (${id}, 'Ghost')`,
    quiet: "DROP TRIGGER track_search_tracks_update; DROP TRIGGER track_search_tracks_delete;",
  },
  postgres: {
    key: "TrackId",
    wrong: "words = 'nobody:1A'",
    ghost: (id: bigint) => `INSERT INTO track_search (TrackId, words) VALUES (${id}, 'ghost:1A')`,
    quiet: "ALTER TABLE tracks DISABLE TRIGGER track_search_tracks_update;",
  },
} as const;

describe("a write by others in a file", () => {
  const sqlite3 = outsideTool("sqlite3");

  test.skipIf(!sqlite3)("with the sqlite3 program reaches the index", async () => {
    const store = await startSearchStore("sqlite", { fixtures: true });
    const run = (sql: string) => execFileSync(sqlite3 ?? "", [store.database, sql]);
    run("UPDATE artists SET Name = 'Zebulon Quux' WHERE ArtistId = 1");
    run("UPDATE tracks SET Name = 'Quuxification' WHERE TrackId = 200");
    const search = (query: string) =>
      store.connection.service(TrackService).searchTracks({ query });
    const [byArtist, byTitle] = [await search("zebulon"), await search("quuxi*")];
    expect(byArtist.results.length).toBeGreaterThan(10);
    expect(byTitle.results.map(({ track }) => track?.name)).toEqual(["tracks/200"]);
    await expectInStep(store);
  });

  test("may come in any order where foreign keys are off", async () => {
    const store = await startSearchStore("sqlite", { fixtures: true });
    for (const sql of [
      `INSERT INTO tracks (TrackId, Name, AlbumId, MediaTypeId, Milliseconds, UnitPrice)
       VALUES (901, 'Early', 900, 1, 1, 1)`,
      "INSERT INTO albums (AlbumId, Title, ArtistId) VALUES (900, 'Between', 900)",
      "INSERT INTO artists (ArtistId, Name) VALUES (900, 'Late')",
      "DELETE FROM artists WHERE ArtistId = 900",
      "DELETE FROM albums WHERE AlbumId = 900",
    ]) {
      await store.execute(sql, { foreignKeys: false });
      await expectInStep(store);
    }
  });
});

describe.each(DRIVERS)("a write by others over %s", (driver) => {
  test("is not stopped by an entry that is there without a track", async () => {
    const store = await startSearchStore(driver, { fixtures: true });
    await store.execute(ENTRY[driver].ghost(902n));
    await store.execute(`INSERT INTO tracks (TrackId, Name, MediaTypeId, Milliseconds, UnitPrice)
      VALUES (902, 'Flesh', 1, 1, 1)`);
    await expectInStep(store);
  });

  test("leaves the tracks of a renamed artist as they are, and counts once", async () => {
    const store = await startSearchStore(driver, { fixtures: true });
    const read = () =>
      store.query("SELECT TrackId, revision, wire, updated_at FROM tracks ORDER BY 1");
    const [before, { revision }] = [await read(), await store.other.read([])];
    await store.execute("UPDATE artists SET Name = 'Other' WHERE ArtistId = 1");
    expect(await read()).toEqual(before);
    expect((await store.other.read([])).revision).toBe(revision + 1n);
    await expectInStep(store);
  });
});

describe.each(DRIVERS)("a broken index over %s", (driver) => {
  const { key, wrong, ghost, quiet } = ENTRY[driver];
  let store: SearchStore;
  beforeEach(async () => {
    store = await runSearchStore(driver, { fixtures: true });
  });
  afterEach(() => store.stop());

  type Case = [what: string, sql: string, found: { subject: string; problem?: string }[]];

  const CASES: readonly Case[] = [
    [
      "lacks an entry",
      `DELETE FROM track_search WHERE ${key} = 7`,
      [{ subject: "tracks/7", problem: "is missing in the search index" }],
    ],
    [
      "has an old entry",
      `UPDATE track_search SET ${wrong} WHERE ${key} IN (8, 9)`,
      [
        { subject: "tracks/8", problem: "differs in the search index" },
        { subject: "tracks/9", problem: "differs in the search index" },
      ],
    ],
    [
      "has an entry of nothing",
      ghost(9_223_372_036_854_775_807n),
      [
        {
          subject: "track_search",
          problem: "has an entry for tracks/9223372036854775807, which does not exist",
        },
      ],
    ],
    [
      "was not kept in step",
      `${quiet} UPDATE tracks SET Name = 'Kelp' WHERE TrackId = 3;`,
      [{ subject: "tracks/3", problem: "differs in the search index" }],
    ],
  ];

  /** Of what FTS5 keeps in tables of its own. */
  const PAGE_CASES: readonly Case[] = [
    [
      "has words that are not in its text",
      "UPDATE track_search_content SET c0 = 'Kelp' WHERE id = 3",
      [{ subject: "track_search" }],
    ],
    [
      "has lost pages",
      "DELETE FROM track_search_data WHERE id > 10; DELETE FROM track_search_idx",
      [{ subject: "track_search" }],
    ],
    ["has lost all pages", "DELETE FROM track_search_data", [{ subject: "track_search" }]],
  ];

  const all = driver === "sqlite" ? [...CASES, ...PAGE_CASES] : CASES;

  test.for(all)("that %s is found and rebuilt", async ([, sql, found]) => {
    expect(await checkSearchIndex(store.other)).toEqual([]);
    await store.execute(sql, { unsafe: true });
    expect(await checkSearchIndex(store.other)).toMatchObject(found);
    const before = await store.other.read([]);
    const { revision } = await rebuildSearchIndex(store.other);
    expect(revision).toBe(before.revision + 1n);
    await expectInStep(store);
    if (driver === "sqlite") expect(await findingsOf(store.database)).toEqual([]);
  });

  test("that is large is checked to its end", async () => {
    await store.execute(`
      WITH RECURSIVE ids (id) AS (SELECT 1001 UNION ALL SELECT id + 1 FROM ids WHERE id < 2500)
      INSERT INTO tracks (TrackId, Name, MediaTypeId, Milliseconds, UnitPrice)
      SELECT id, 'Kelp', 1, 1, 1 FROM ids;
      DELETE FROM track_search WHERE ${key} = 2500;
      ${ghost(2501n)};`);
    const found = await checkSearchIndex(store.other);
    expect(found.map(({ subject }) => subject)).toEqual(["tracks/2500", "track_search"]);
  });
});

describe("migration 4 of PostgreSQL", () => {
  test("down and up again leaves the index as it was", async () => {
    const store = await startSearchStore("postgres", { fixtures: true });
    const index = () => store.query("SELECT TrackId, words::text FROM track_search ORDER BY 1");
    const before = await index();
    const file = readMigrationFiles(CHINOOK_POSTGRES_MIGRATIONS).find(
      ({ version }) => version === 4n,
    );
    await store.execute(file?.down.sql ?? "");
    const names =
      "SELECT relname FROM pg_class UNION SELECT proname FROM pg_proc UNION SELECT tgname FROM pg_trigger";
    const left = await store.query(
      `SELECT * FROM (${names}) AS names WHERE relname ~ '^(track_)?search_'`,
    );
    expect(left).toEqual([]);
    await store.execute(file?.up.sql ?? "");
    expect(await index()).toEqual(before);
    await expectInStep(store);
  });
});

describe("migration 4 of SQLite", () => {
  /** The rows of our tables; how FTS5 keeps its pages is its own affair. */
  const rowsOf = (path: string) =>
    Object.entries(dataOf(path)).filter(([table]) => !/^track_search_(data|idx)$/.test(table));

  test("up, down and up again leaves schema and rows as they were", async () => {
    const store = await startSearchStore("sqlite", { fixtures: true });
    await store.execute(
      "UPDATE albums SET Title = 'Kelp' WHERE AlbumId < 9; DELETE FROM playlist_track",
    );
    await store.execute(
      "DELETE FROM tracks WHERE TrackId NOT IN (SELECT TrackId FROM invoice_items)",
    );
    const path = join(tempDir(), "copy.db");
    await store.execute(`VACUUM INTO '${path}'`);
    // What the migrations after it keep goes with them.
    const later = readMigrationFiles().length - VERSION;
    await migrateDown(path, { ...LOCK, steps: later });
    await migrateUp(path, LOCK);
    const before = { schema: schemaOf(path), rows: rowsOf(path) };
    await migrateDown(path, { ...LOCK, steps: later + 1 });
    const names = JSON.stringify(schemaOf(path));
    expect(names).not.toContain("track_search");
    await migrateUp(path, LOCK);
    expect({ schema: schemaOf(path), rows: rowsOf(path) }).toEqual(before);
    const { index, rebuilt } = wordsOf(path);
    expect(index).toEqual(rebuilt);
  });

  const migrate = outsideTool("migrate");

  test.skipIf(!migrate)("is the same to golang-migrate, if that has FTS5", async ({ skip }) => {
    const folder = tempDir();
    const [ours, theirs] = [join(folder, "ours.db"), join(folder, "theirs.db")];
    const run = (...words: string[]) => {
      const args = ["-path", CHINOOK_MIGRATIONS, "-database", `sqlite3://${theirs}`, ...words];
      return execFileSync("sh", ["-c", '"$0" "$@" 2>&1 || true', migrate ?? "", ...args], {
        encoding: "utf8",
      });
    };
    await migrateUp(ours, { ...LOCK, target: 3 });
    copyFileSync(ours, theirs);
    if (run("up", "1").includes("no such module: fts5")) {
      if (process.env.REQUIRE_TOOLS === "1") {
        throw new Error("migrate was built without the tag sqlite_fts5");
      }
      skip("migrate was built without the tag sqlite_fts5");
    }
    await migrateUp(ours, { ...LOCK, target: VERSION });
    expect(schemaOf(theirs)).toEqual(schemaOf(ours));
    await migrateDown(ours, { ...LOCK, steps: 1 });
    run("down", "1");
    expect(schemaOf(theirs)).toEqual(schemaOf(ours));
  });
});
