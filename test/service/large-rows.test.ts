// Rows with more bytes than can be sent, which another program has written: named, left out and gone
// past, as rows that cannot be read; a read mask reads what is small in them.

import { expect, test } from "vitest";
import { ArtistService } from "../../gen/chinook/v1/artist_pb.ts";
import { PlaylistService } from "../../gen/chinook/v1/playlist_pb.ts";
import { TrackService } from "../../gen/chinook/v1/track_pb.ts";
import { startTestService } from "../support/service.ts";
import { createRows, failureOf, openSql } from "./support.ts";

const MEBIBYTE = 1024 * 1024;

/** The artists 1 to 5; the biography of each has as many bytes as is said here. */
async function startLarge(bytes: readonly number[]) {
  const { connection, database } = await startTestService();
  const artists = connection.service(ArtistService);
  const sql = openSql(database);
  for (const [index, count] of bytes.entries()) {
    await artists.createArtist({ artist: { displayName: `Artist ${index + 1}` } });
    const data = JSON.stringify({ biography: "x".repeat(count) });
    sql.prepare("UPDATE artists SET data = ? WHERE ArtistId = ?").run(data, index + 1);
  }
  return artists;
}

test("one is named by Get, and left out of a List, whose other rows are answered", async () => {
  const artists = await startLarge([10, 6 * MEBIBYTE, 10, 6 * MEBIBYTE, 10]);
  const failure = await failureOf(artists.getArtist({ name: "artists/2" }));
  expect(failure).toMatchObject({
    code: "RESOURCE_EXHAUSTED",
    reason: "ROW_TOO_LARGE",
    resource: "chinook.example.com/Artist artists/2",
  });
  for (const pageSize of [1, 2, 3, 50]) {
    const names: string[] = [];
    const unreachable: string[] = [];
    let pageToken = "";
    do {
      const page = await artists.listArtists({ pageSize, pageToken });
      names.push(...page.artists.map(({ name }) => name));
      unreachable.push(...page.unreachable);
      pageToken = page.nextPageToken;
    } while (pageToken !== "");
    expect(names).toEqual(["artists/1", "artists/3", "artists/5"]);
    expect(unreachable).toEqual(["artists/2", "artists/4"]);
  }
  const readMask = { paths: ["display_name"] };
  const small = await artists.getArtist({ name: "artists/2", readMask });
  expect(small.displayName).toBe("Artist 2");
  let pageToken = "";
  let count = 0;
  do {
    const page = await artists.listArtists({ pageToken, readMask });
    expect(page.unreachable).toEqual([]);
    count += page.artists.length;
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
  expect(count).toBe(5);
});

test("a batch that does not fit says how much of it does", async () => {
  const artists = await startLarge([MEBIBYTE, MEBIBYTE, MEBIBYTE, MEBIBYTE, 6 * MEBIBYTE]);
  const names = [1, 2, 3, 4].map((id) => `artists/${id}`);
  const failure = await failureOf(artists.batchGetArtists({ names }));
  expect(failure).toMatchObject({
    code: "RESOURCE_EXHAUSTED",
    reason: "ANSWER_TOO_LARGE",
    metadata: { fitting: "3", requested: "4" },
  });
  expect((await artists.batchGetArtists({ names: names.slice(0, 3) })).artists).toHaveLength(3);
  const one = await failureOf(artists.batchGetArtists({ names: ["artists/5", "artists/1"] }));
  expect(one).toMatchObject({
    reason: "ROW_TOO_LARGE",
    resource: expect.stringMatching(/artists.5$/),
  });
});

test("a search and a playlist go past one", async () => {
  const { connection, database } = await startTestService();
  await createRows(connection, 3);
  const playlists = connection.service(PlaylistService);
  await playlists.createPlaylist({ playlist: { displayName: "All" } });
  const tracks = ["tracks/1", "tracks/2", "tracks/3"];
  await playlists.addPlaylistTracks({ playlist: "playlists/1", tracks });
  const sql = openSql(database);
  const spoilt = [
    ["data", JSON.stringify({ isrc: "x".repeat(6 * MEBIBYTE) })],
    ["UnitPrice", "free"],
  ] as const;
  for (const [column, value] of spoilt) {
    sql.prepare(`UPDATE tracks SET ${column} = ? WHERE TrackId = 2`).run(value);
    const found = await connection.service(TrackService).searchTracks({ query: "track" });
    expect(found.unreachable).toEqual(["tracks/2"]);
    expect(found.results.map(({ track }) => track?.name).sort()).toEqual(["tracks/1", "tracks/3"]);
    const listed = await playlists.listPlaylistTracks({ parent: "playlists/1" });
    expect(listed.unreachable).toEqual(["tracks/2"]);
    expect(listed.tracks.map(({ name }) => name)).toEqual(["tracks/1", "tracks/3"]);
    sql.exec("UPDATE tracks SET data = '{}' WHERE TrackId = 2");
  }
});
