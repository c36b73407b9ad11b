// The search on the real Chinook, as it was adopted: rows that have no bytes of their own yet.

import { copyFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type SearchTracksResponse_Result, TrackService } from "../../gen/chinook/v1/track_pb.ts";
import { adoptDatabase } from "../../src/chinook/adopt/adopt.ts";
import { checkSearchIndex } from "../../src/chinook/search/search-index.ts";
import { realChinook } from "../support/chinook.ts";
import { makeTempDir } from "../support/temp.ts";
import { runStore, type TestStore } from "./support.ts";

const chinook = realChinook();

describe.skipIf(!chinook)("on the real Chinook, adopted", () => {
  let directory: string;
  let store: TestStore;
  beforeAll(async () => {
    directory = makeTempDir();
    const database = join(directory, "chinook.db");
    copyFileSync(chinook ?? "", database);
    await adoptDatabase(database, { lockTimeoutMs: 15_000 });
    store = await runStore({ database });
  });
  afterAll(async () => {
    await store.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  async function searchAll(query: string): Promise<SearchTracksResponse_Result[]> {
    const results: SearchTracksResponse_Result[] = [];
    let pageToken = "";
    do {
      const request = { query, pageToken, pageSize: 100 };
      const page = await store.connection.service(TrackService).searchTracks(request);
      results.push(...page.results);
      pageToken = page.nextPageToken;
    } while (pageToken !== "");
    return results;
  }

  /** How many tracks have each of the words in one of their texts, by a search letter by letter. */
  function countTracks(...words: readonly string[]): number {
    const rows = store.query(`
      SELECT concat_ws(' ', tracks.Name, Composer, Title, artists.Name) AS text FROM tracks
      LEFT JOIN albums USING (AlbumId) LEFT JOIN artists USING (ArtistId)`);
    const texts = rows.map(({ text }) => {
      const folded = String(text).normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
      return new Set(folded.match(/[\p{L}\p{N}]+/gu));
    });
    return texts.filter((text) => words.every((word) => text.has(word))).length;
  }

  test("every track is in the index", async () => {
    expect(await checkSearchIndex(store.other)).toEqual([]);
    expect(store.query("SELECT count(*) AS count FROM track_search")).toEqual([{ count: 3503n }]);
  });

  test.for([
    ["motorhead", ["motorhead"]],
    ["Motörhead", ["motorhead"]],
    ["antonio carlos jobim", ["antonio", "carlos", "jobim"]],
    ["angus young malcolm", ["angus", "young", "malcolm"]],
    ["love", ["love"]],
    ["the", ["the"]],
  ] as const)("%s finds every track with %j", async ([query, words]) => {
    const results = await searchAll(query);
    expect(results).toHaveLength(countTracks(...words));
    expect(results.length).toBeGreaterThan(0);
    expect(new Set(results.map(({ track }) => track?.name)).size).toBe(results.length);
  });

  test("a row without bytes is answered as Get answers it", async () => {
    const [result] = await searchAll('"let there be rock" ac/dc');
    expect(result?.snippet).toBe("[Let There Be Rock]");
    const name = result?.track?.name ?? "";
    expect(store.query(`SELECT wire FROM tracks WHERE TrackId = ${name.split("/")[1]}`)).toEqual([
      { wire: null },
    ]);
    expect(await store.connection.service(TrackService).getTrack({ name })).toEqual(result?.track);
  });
});
