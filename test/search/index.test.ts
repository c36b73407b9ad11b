// The index of the search: reached by other programs' writes, checked, rebuilt, and gone and back with
// its migration. writes.test.ts holds that it stays in step.

import { execFileSync } from "node:child_process";
import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { TrackService } from "../../gen/chinook/v1/track_pb.ts";
import { CHINOOK_MIGRATIONS } from "../../src/chinook/migrations.ts";
import {
  checkSearchIndex,
  rebuildSearchIndex,
} from "../../src/chinook/search/search-repository.ts";
import { dataOf, LOCK, schemaOf } from "../migrate/support.ts";
import { migrateDown, migrateUp, readMigrationFiles } from "../support/migrate.ts";
import { tempDir } from "../support/temp.ts";
import { outsideTool } from "../support/tools.ts";
import { findingsOf } from "../support/verified.ts";
import { expectInStep, wordsOf } from "./in-step.ts";
import { runStore, startStore, type TestStore } from "./support.ts";

const VERSION = 4;

describe("a write by others", () => {
  const sqlite3 = outsideTool("sqlite3");

  test.skipIf(!sqlite3)("with the sqlite3 program reaches the index", async () => {
    const store = await startStore({ fixtures: true });
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
    const store = await startStore({ fixtures: true });
    for (const sql of [
      `INSERT INTO tracks (TrackId, Name, AlbumId, MediaTypeId, Milliseconds, UnitPrice)
       VALUES (901, 'Early', 900, 1, 1, 1)`,
      "INSERT INTO albums (AlbumId, Title, ArtistId) VALUES (900, 'Between', 900)",
      "INSERT INTO artists (ArtistId, Name) VALUES (900, 'Late')",
      "DELETE FROM artists WHERE ArtistId = 900",
      "DELETE FROM albums WHERE AlbumId = 900",
    ]) {
      store.execute(sql, { foreignKeys: false });
      await expectInStep(store);
    }
  });

  test("is not stopped by an entry that is there without a track", async () => {
    const store = await startStore({ fixtures: true });
    store.execute("INSERT INTO track_search (rowid, title) VALUES (902, 'Ghost')");
    store.execute(`INSERT INTO tracks (TrackId, Name, MediaTypeId, Milliseconds, UnitPrice)
      VALUES (902, 'Flesh', 1, 1, 1)`);
    await expectInStep(store);
  });

  test("leaves the tracks of a renamed artist as they are, and counts once", async () => {
    const store = await startStore({ fixtures: true });
    const read = () => store.query("SELECT TrackId, revision, wire, updated_at FROM tracks");
    const revision = () => store.query("SELECT revision, writing FROM store_state");
    const [before, [state]] = [read(), revision()];
    store.execute("UPDATE artists SET Name = 'Other' WHERE ArtistId = 1");
    expect(read()).toEqual(before);
    expect(revision()).toEqual([{ revision: (state?.revision as bigint) + 1n, writing: 0n }]);
  });
});

describe("a broken index", () => {
  let store: TestStore;
  beforeEach(async () => {
    store = await runStore({ fixtures: true });
  });
  afterEach(() => store.stop());

  const QUIET = "DROP TRIGGER track_search_tracks_update; DROP TRIGGER track_search_tracks_delete;";

  test.for<[what: string, sql: string, found: { subject: string; problem?: string }[]]>([
    [
      "lacks an entry",
      "DELETE FROM track_search WHERE rowid = 7",
      [{ subject: "tracks/7", problem: "is missing in the search index" }],
    ],
    [
      "has an old entry",
      "UPDATE track_search SET composer = 'Nobody' WHERE rowid IN (8, 9)",
      [
        { subject: "tracks/8", problem: "differs in the search index" },
        { subject: "tracks/9", problem: "differs in the search index" },
      ],
    ],
    [
      "has an entry of nothing",
      "INSERT INTO track_search (rowid, title) VALUES (9223372036854775807, 'Ghost')",
      [
        {
          subject: "track_search",
          problem: "has an entry for tracks/9223372036854775807, which does not exist",
        },
      ],
    ],
    [
      "was not kept in step",
      `${QUIET} UPDATE tracks SET Name = 'Kelp' WHERE TrackId = 3;`,
      [{ subject: "tracks/3", problem: "differs in the search index" }],
    ],
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
  ])("that %s is found and rebuilt", async ([, sql, found]) => {
    expect(await checkSearchIndex(store.other)).toEqual([]);
    store.execute(sql, { unsafe: true });
    expect(await checkSearchIndex(store.other)).toMatchObject(found);
    const before = await store.other.read([]);
    const { revision } = await rebuildSearchIndex(store.other);
    expect(revision).toBe(before.revision + 1n);
    await expectInStep(store);
    expect(await findingsOf(store.database)).toEqual([]);
  });
});

test("a large index is checked to its end", async () => {
  const store = await startStore({ fixtures: true });
  store.execute(`
    WITH RECURSIVE ids (id) AS (SELECT 1001 UNION ALL SELECT id + 1 FROM ids WHERE id < 2500)
    INSERT INTO tracks (TrackId, Name, MediaTypeId, Milliseconds, UnitPrice)
    SELECT id, 'Kelp', 1, 1, 1 FROM ids;
    DELETE FROM track_search WHERE rowid = 2500;
    INSERT INTO track_search (rowid, title) VALUES (2501, 'Ghost');`);
  const found = await checkSearchIndex(store.other);
  expect(found.map(({ subject }) => subject)).toEqual(["tracks/2500", "track_search"]);
});

describe("migration 4", () => {
  /** The rows of our tables; how FTS5 keeps its pages is its own affair. */
  const rowsOf = (path: string) =>
    Object.entries(dataOf(path)).filter(([table]) => !/^track_search_(data|idx)$/.test(table));

  test("up, down and up again leaves schema and rows as they were", async () => {
    const store = await startStore({ fixtures: true });
    store.execute("UPDATE albums SET Title = 'Kelp' WHERE AlbumId < 9; DELETE FROM playlist_track");
    store.execute("DELETE FROM tracks WHERE TrackId NOT IN (SELECT TrackId FROM invoice_items)");
    const path = join(tempDir(), "copy.db");
    store.execute(`VACUUM INTO '${path}'`);
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
