// The tracks on playlists: added and removed all or none, listed by page.

import { expect, test } from "vitest";
import { PlaylistService } from "../../gen/chinook/v1/playlist_pb.ts";
import { TrackService } from "../../gen/chinook/v1/track_pb.ts";
import { openOther } from "../support/driver.ts";
import { startTestService } from "../support/service.ts";
import { findingsOf } from "../support/verified.ts";
import { allPages, createRows, failureOf } from "./support.ts";

/** playlists/1 and 2, both empty, and as many tracks as asked for. */
async function startPlaylists(trackCount: number) {
  const { connection, database } = await startTestService();
  await createRows(connection, 1);
  const sql = await openOther(database);
  await sql.exec(
    `WITH RECURSIVE n(id) AS (SELECT 2 UNION ALL SELECT id + 1 FROM n WHERE id < ${trackCount})
     INSERT INTO tracks (TrackId, Name, MediaTypeId, Milliseconds, UnitPrice)
     SELECT id, 'Track ' || id, 1, 1, 0.99 FROM n`,
  );
  const playlists = connection.service(PlaylistService);
  for (const displayName of ["Mine", "Mine"]) {
    await playlists.createPlaylist({ playlist: { displayName } });
  }
  const onPlaylist = (playlist: string, pageSize = 0) =>
    allPages(async (pageToken) => {
      const page = await playlists.listPlaylistTracks({ parent: playlist, pageSize, pageToken });
      return { ...page, items: page.tracks };
    });
  const names = async (playlist: string, pageSize = 0) =>
    (await onPlaylist(playlist, pageSize)).map(({ name }) => name);
  return { connection, database, sql, playlists, onPlaylist, names };
}

const ONE = "playlists/1";
const TWO = "playlists/2";

function trackNames(from: number, to: number): string[] {
  return Array.from({ length: to - from + 1 }, (_, index) => `tracks/${from + index}`);
}

test("tracks are added and removed, on the playlist named and no other", async () => {
  const { playlists, names } = await startPlaylists(6);
  await playlists.addPlaylistTracks({ playlist: ONE, tracks: ["tracks/5", "tracks/1"] });
  await playlists.addPlaylistTracks({ playlist: ONE, tracks: ["tracks/3"] });
  await playlists.addPlaylistTracks({ playlist: TWO, tracks: ["tracks/1", "tracks/2"] });
  expect(await names(ONE)).toEqual(["tracks/1", "tracks/3", "tracks/5"]);
  expect(await names(TWO)).toEqual(["tracks/1", "tracks/2"]);
  await playlists.removePlaylistTracks({ playlist: ONE, tracks: ["tracks/1", "tracks/5"] });
  expect(await names(ONE)).toEqual(["tracks/3"]);
  expect(await names(TWO)).toEqual(["tracks/1", "tracks/2"]);
});

test("what is listed are whole tracks", async () => {
  const { connection, playlists, onPlaylist } = await startPlaylists(3);
  await playlists.addPlaylistTracks({ playlist: ONE, tracks: trackNames(1, 3) });
  const { tracks } = await connection.service(TrackService).listTracks({});
  expect(await onPlaylist(ONE)).toEqual(tracks);
});

test("pages of any size list each track once, in the order of their ids", async () => {
  const { playlists, names } = await startPlaylists(120);
  const tracks = trackNames(1, 120);
  await playlists.addPlaylistTracks({ playlist: ONE, tracks: tracks.toReversed() });
  for (const pageSize of [0, 1, 7, 119, 120, 121, 1_000, 2 ** 31 - 1]) {
    expect(await names(ONE, pageSize)).toEqual(tracks);
  }
  const { tracks: page, nextPageToken } = await playlists.listPlaylistTracks({ parent: ONE });
  expect(page).toHaveLength(50);
  // A track that is taken off between two pages moves no other out of sight.
  await playlists.removePlaylistTracks({ playlist: ONE, tracks: ["tracks/50", "tracks/51"] });
  const next = await playlists.listPlaylistTracks({
    parent: ONE,
    pageSize: 1,
    pageToken: nextPageToken,
  });
  expect(next.tracks.map(({ name }) => name)).toEqual(["tracks/52"]);
});

test("1000 tracks go in one request, and 1000 on one page", async () => {
  const { playlists, names, sql } = await startPlaylists(1_001);
  const tracks = trackNames(1, 1_000);
  await playlists.addPlaylistTracks({ playlist: ONE, tracks });
  await playlists.addPlaylistTracks({ playlist: ONE, tracks: ["tracks/1001"] });
  const page = await playlists.listPlaylistTracks({ parent: ONE, pageSize: 5_000 });
  expect(page.tracks).toHaveLength(1_000);
  expect(page.nextPageToken).not.toBe("");
  await playlists.removePlaylistTracks({ playlist: ONE, tracks });
  expect(await names(ONE)).toEqual(["tracks/1001"]);
  expect(await sql.value("SELECT count(*) FROM playlist_track")).toBe(1n);
});

test("a request is carried out whole or not at all", async () => {
  const { playlists, names } = await startPlaylists(6);
  await playlists.addPlaylistTracks({ playlist: ONE, tracks: ["tracks/2", "tracks/4"] });
  const requests = [
    playlists.addPlaylistTracks({ playlist: ONE, tracks: ["tracks/1", "tracks/4"] }),
    playlists.addPlaylistTracks({ playlist: ONE, tracks: ["tracks/1", "tracks/77"] }),
    playlists.addPlaylistTracks({ playlist: ONE, tracks: ["tracks/1", "x"] }),
    playlists.addPlaylistTracks({ playlist: ONE, tracks: ["tracks/1", "tracks/1"] }),
    playlists.removePlaylistTracks({ playlist: ONE, tracks: ["tracks/2", "tracks/1"] }),
    playlists.removePlaylistTracks({ playlist: ONE, tracks: ["tracks/2", "tracks/77"] }),
    playlists.removePlaylistTracks({ playlist: ONE, tracks: ["tracks/2", "tracks/2"] }),
    playlists.removePlaylistTracks({ playlist: "playlists/77", tracks: ["tracks/2"] }),
  ];
  for (const request of requests) await failureOf(request);
  expect(await names(ONE)).toEqual(["tracks/2", "tracks/4"]);
});

test("a deleted playlist leaves its tracks, and other playlists as they are", async () => {
  const { connection, database, playlists, names, sql } = await startPlaylists(3);
  const tracks = trackNames(1, 3);
  for (const playlist of [ONE, TWO]) await playlists.addPlaylistTracks({ playlist, tracks });
  await playlists.deletePlaylist({ name: ONE });
  expect(await failureOf(names(ONE))).toMatchObject({
    code: "NOT_FOUND",
    resource: "chinook.example.com/Playlist playlists/1",
  });
  expect(await failureOf(playlists.deletePlaylist({ name: ONE }))).toMatchObject({
    code: "NOT_FOUND",
  });
  expect(await names(TWO)).toEqual(tracks);
  expect((await connection.service(TrackService).listTracks({})).tracks).toHaveLength(3);
  expect(await sql.rows("SELECT DISTINCT PlaylistId FROM playlist_track")).toEqual([[2n]]);
  const { name } = await playlists.createPlaylist({ playlist: { displayName: "New" } });
  expect(name).toBe("playlists/3");
  expect(await names(name)).toEqual([]);
  expect(await findingsOf(database)).toEqual([]);
});

test("a playlist that is missing is not an empty one", async () => {
  const { names, playlists } = await startPlaylists(1);
  expect(await names(ONE)).toEqual([]);
  expect(await failureOf(names("playlists/77"))).toMatchObject({ code: "NOT_FOUND" });
  expect(await failureOf(playlists.deletePlaylist({ name: "playlists/77" }))).toMatchObject({
    code: "NOT_FOUND",
  });
});

test("plain SQL puts tracks on a playlist, too", async () => {
  const { names, sql } = await startPlaylists(3);
  await sql.exec("INSERT INTO playlist_track (PlaylistId, TrackId) VALUES (1, 3), (1, 2)");
  expect(await names(ONE)).toEqual(["tracks/2", "tracks/3"]);
  await sql.exec("DELETE FROM playlist_track WHERE TrackId = 3");
  expect(await names(ONE)).toEqual(["tracks/2"]);
});
