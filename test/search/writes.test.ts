// The index of the search stays in step, whatever is written and whoever writes it.

import { expect, test } from "vitest";
import { AlbumService } from "../../gen/chinook/v1/album_pb.ts";
import { ArtistService } from "../../gen/chinook/v1/artist_pb.ts";
import { TrackService } from "../../gen/chinook/v1/track_pb.ts";
import { RpcError } from "../../src/client/client.ts";
import { expectInStep } from "./in-step.ts";
import { startStore } from "./support.ts";

const SEED = Number(process.env.SEED ?? Date.now() % 2 ** 31);

/** Numbers from 0 to `below`, the same for the same seed. */
function randomFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return (state >>> 8) % below;
  };
}

test(`is in step after 1,000 random writes by the API and by others (SEED=${SEED})`, async () => {
  const store = await startStore({ fixtures: true });
  const random = randomFrom(SEED);
  const pick = (names: readonly string[]) => names[random(names.length)] ?? "";
  const words = [
    "kelp",
    "Björk",
    "O'Hara",
    "夜行",
    "rust",
    "Ágætis",
    "x\0y",
    "",
    "sea\tside",
    "AND",
  ];
  const text = () => Array.from({ length: 1 + random(3) }, () => pick(words)).join(" ");
  const id = (table: string, key: string) =>
    store.query(`SELECT ${key} AS id FROM ${table} ORDER BY random() LIMIT 1`)[0]?.id ?? 1n;
  const [trackId, albumId, artistId] = [
    () => id("tracks", "TrackId"),
    () => id("albums", "AlbumId"),
    () => id("artists", "ArtistId"),
  ];
  const quoted = () => `'${text().replaceAll("'", "''").replaceAll("\0", "")}'`;
  const tracks = store.connection.service(TrackService);
  const albums = store.connection.service(AlbumService);
  const artists = store.connection.service(ArtistService);
  const track = () => ({
    title: text() || "untitled",
    album: `albums/${albumId()}`,
    mediaType: "mediaTypes/1",
    duration: { seconds: 1n },
    unitPrice: { currencyCode: "USD", units: 1n },
    ...(random(2) && { composer: text() }),
  });
  const off = { foreignKeys: false };
  const insert = "tracks (TrackId, Name, AlbumId, MediaTypeId, Milliseconds, UnitPrice)";
  const writes: readonly (() => unknown)[] = [
    () => tracks.createTrack({ track: track() }),
    () => tracks.updateTrack({ track: { ...track(), name: `tracks/${trackId()}` } }),
    () => tracks.updateTrack({ track: { name: `tracks/${trackId()}`, isrc: text() } }),
    () => tracks.deleteTrack({ name: `tracks/${trackId()}`, force: true }),
    () => albums.createAlbum({ album: { title: text(), artist: `artists/${artistId()}` } }),
    () => albums.updateAlbum({ album: { name: `albums/${albumId()}`, title: text() } }),
    () =>
      albums.updateAlbum({
        album: { name: `albums/${albumId()}`, artist: `artists/${artistId()}` },
      }),
    () => albums.deleteAlbum({ name: `albums/${albumId()}` }),
    () => artists.updateArtist({ artist: { name: `artists/${artistId()}`, displayName: text() } }),
    () => artists.createArtist({ artist: { displayName: text() } }),
    () => store.execute(`INSERT INTO ${insert} VALUES (NULL, ${quoted()}, ${albumId()}, 1, 1, 1)`),
    () =>
      store.execute(
        `REPLACE INTO ${insert} VALUES (${trackId()}, ${quoted()}, ${albumId()}, 1, 1, 1)`,
        off,
      ),
    () =>
      store.execute(
        `REPLACE INTO ${insert} VALUES (${trackId()}, ${quoted()}, ${random(99)}, 1, 1, 1)`,
        off,
      ),
    () => store.execute(`UPDATE tracks SET Name = ${quoted()} WHERE TrackId % 50 = ${random(50)}`),
    () => store.execute(`UPDATE tracks SET Composer = ${quoted()} WHERE TrackId = ${trackId()}`),
    () => store.execute(`UPDATE tracks SET AlbumId = NULL WHERE TrackId = ${trackId()}`),
    () =>
      store.execute(
        `UPDATE OR REPLACE tracks SET TrackId = ${trackId()} WHERE TrackId = ${trackId()}`,
        off,
      ),
    () => store.execute(`DELETE FROM tracks WHERE TrackId = ${trackId()}`, off),
    () => store.execute(`UPDATE albums SET Title = ${quoted()} WHERE AlbumId = ${albumId()}`),
    () =>
      store.execute(
        `REPLACE INTO albums (AlbumId, Title, ArtistId) VALUES (${random(99)}, ${quoted()}, ${random(60)})`,
        off,
      ),
    () =>
      store.execute(
        `UPDATE OR REPLACE albums SET AlbumId = ${random(99)} WHERE AlbumId = ${albumId()}`,
        off,
      ),
    () => store.execute(`DELETE FROM albums WHERE AlbumId = ${albumId()}`, off),
    () => store.execute(`UPDATE artists SET Name = ${quoted()} WHERE ArtistId = ${artistId()}`),
    () =>
      store.execute(
        `UPDATE OR REPLACE artists SET ArtistId = ${random(60)} WHERE ArtistId = ${artistId()}`,
        off,
      ),
    () =>
      store.execute(
        `REPLACE INTO artists (ArtistId, Name) VALUES (${random(60)}, ${quoted()})`,
        off,
      ),
    () => store.execute(`DELETE FROM artists WHERE ArtistId = ${artistId()}`, off),
  ];
  const done = new Map<number, number>();
  for (let count = 0; count < 1_000; count++) {
    const chosen = random(writes.length);
    try {
      await writes[chosen]?.();
      done.set(chosen, (done.get(chosen) ?? 0) + 1);
    } catch (error) {
      // What foreign keys or required fields refuse changes nothing, and the index must know that.
      const code = error instanceof RpcError ? error.code : String((error as Error).message);
      expect([3, 5, 6, 9, "FOREIGN KEY constraint failed"]).toContain(code);
    }
    if (count % 100 === 0) await expectInStep(store);
  }
  await expectInStep(store);
  // Of every kind of write some have succeeded.
  expect([...done.keys()].sort((a, b) => a - b)).toEqual(writes.map((_, index) => index));
});
