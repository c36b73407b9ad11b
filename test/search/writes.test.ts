// The index of the search stays in step, whatever is written and whoever writes it.

import { expect, test } from "vitest";
import { AlbumService } from "../../gen/chinook/v1/album_pb.ts";
import { ArtistService } from "../../gen/chinook/v1/artist_pb.ts";
import { TrackService } from "../../gen/chinook/v1/track_pb.ts";
import { RpcError } from "../../src/client/client.ts";
import { expectInStep } from "./in-step.ts";
import { DRIVERS, type Driver, startSearchStore } from "./stores.ts";

const SEED = Number(process.env.SEED ?? Date.now() % 2 ** 31);

/** Numbers from 0 to `below`, the same for the same seed. */
function randomFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return (state >>> 8) % below;
  };
}

/** A check of the whole index costs as much as many writes. */
const WRITES = { sqlite: 1_000, postgres: 300 } as const;

/** What SQL of other programs is made of, anew for each statement. */
interface Parts {
  quoted(): string;
  trackId(): unknown;
  albumId(): unknown;
  artistId(): unknown;
  random(below: number): number;
}

const TRACK = "tracks (TrackId, Name, AlbumId, MediaTypeId, Milliseconds, UnitPrice)";

/** Writes of other programs, by the driver. */
const OUTSIDE: Readonly<Record<Driver, (parts: Parts) => readonly (() => string)[]>> = {
  sqlite: ({ quoted, trackId, albumId, artistId, random }) => [
    () => `INSERT INTO ${TRACK} VALUES (NULL, ${quoted()}, ${albumId()}, 1, 1, 1)`,
    () => `REPLACE INTO ${TRACK} VALUES (${trackId()}, ${quoted()}, ${albumId()}, 1, 1, 1)`,
    () => `REPLACE INTO ${TRACK} VALUES (${trackId()}, ${quoted()}, ${random(99)}, 1, 1, 1)`,
    () => `UPDATE OR REPLACE tracks SET TrackId = ${trackId()} WHERE TrackId = ${trackId()}`,
    () => `DELETE FROM tracks WHERE TrackId = ${trackId()}`,
    () =>
      `REPLACE INTO albums (AlbumId, Title, ArtistId) VALUES (${random(99)}, ${quoted()}, ${random(60)})`,
    () => `UPDATE OR REPLACE albums SET AlbumId = ${random(99)} WHERE AlbumId = ${albumId()}`,
    () => `DELETE FROM albums WHERE AlbumId = ${albumId()}`,
    () => `UPDATE OR REPLACE artists SET ArtistId = ${random(60)} WHERE ArtistId = ${artistId()}`,
    () => `REPLACE INTO artists (ArtistId, Name) VALUES (${random(60)}, ${quoted()})`,
    () => `DELETE FROM artists WHERE ArtistId = ${artistId()}`,
  ],
  postgres: ({ quoted, trackId, albumId, artistId, random }) => {
    const fresh = "(SELECT max(TrackId) FROM tracks)";
    return [
      () => `INSERT INTO ${TRACK} VALUES (${fresh} + 1, ${quoted()}, ${albumId()}, 1, 1, 1),
        (${fresh} + 2, ${quoted()}, NULL, 1, 1, 1)`,
      () => `INSERT INTO ${TRACK} VALUES (${trackId()}, ${quoted()}, ${albumId()}, 1, 1, 1), (${fresh} + 3, 'x', NULL, 1, 1, 1)
        ON CONFLICT (TrackId) DO UPDATE SET Name = excluded.Name, AlbumId = excluded.AlbumId`,
      () => `MERGE INTO tracks USING (VALUES (${trackId()}), (${fresh} + 4)) AS wanted (id) ON TrackId = id
        WHEN MATCHED THEN UPDATE SET Name = ${quoted()}
        WHEN NOT MATCHED THEN INSERT (TrackId, Name, MediaTypeId, Milliseconds, UnitPrice) VALUES (id, ${quoted()}, 1, 1, 1)`,
      () =>
        `UPDATE tracks SET TrackId = TrackId + 2, Name = ${quoted()} WHERE TrackId >= ${fresh} - 1`,
      () => `WITH gone AS (DELETE FROM tracks WHERE TrackId = ${fresh} RETURNING *)
        INSERT INTO ${TRACK} SELECT TrackId, ${quoted()}, NULL, 1, 1, 1 FROM gone`,
      () => `DELETE FROM tracks WHERE TrackId IN (${trackId()}, ${fresh})
        AND TrackId NOT IN (SELECT TrackId FROM invoice_items UNION SELECT TrackId FROM playlist_track)`,
      () => `INSERT INTO albums (AlbumId, Title, ArtistId) VALUES (${random(99)}, ${quoted()}, ${artistId()})
        ON CONFLICT (AlbumId) DO UPDATE SET Title = excluded.Title, ArtistId = excluded.ArtistId`,
      () => `INSERT INTO artists (ArtistId, Name) VALUES (${random(60)}, ${quoted()})
        ON CONFLICT (ArtistId) DO UPDATE SET Name = excluded.Name`,
      () => `BEGIN; UPDATE artists SET Name = ${quoted()}; UPDATE tracks SET Name = 'x'; ROLLBACK`,
    ];
  },
};

const REFUSED =
  /^FOREIGN KEY constraint failed$|violates (?:foreign key|unique) constraint|cannot affect row a second time/;

test.each(DRIVERS)(
  `is in step after random writes by the API and by others over %s (SEED=${SEED})`,
  async (driver) => {
    const store = await startSearchStore(driver, { fixtures: true });
    const random = randomFrom(SEED);
    const pick = (names: readonly string[]) => names[random(names.length)] ?? "";
    const words = [
      "kelp",
      "Björk",
      "O'Hara",
      "夜行",
      "rust",
      "Ágætis",
      driver === "sqlite" ? "x\0y" : "x y",
      "",
      "sea\tside",
      "AND",
    ];
    const text = () => Array.from({ length: 1 + random(3) }, () => pick(words)).join(" ");
    /** Some of the keys that there are, read now and then. */
    let ids: readonly (readonly unknown[])[] = [];
    const readIds = async () => {
      const keys = [
        ["tracks", "TrackId"],
        ["albums", "AlbumId"],
        ["artists", "ArtistId"],
      ].map(([table, key]) => store.query(`SELECT ${key} FROM ${table} ORDER BY 1`));
      ids = (await Promise.all(keys)).map((rows) => rows.map(([id]) => id));
    };
    const [trackId, albumId, artistId] = [0, 1, 2].map(
      (table) => () => ids[table]?.[random(ids[table]?.length ?? 1)] ?? 1n,
    ) as [() => unknown, () => unknown, () => unknown];
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
      () => albums.deleteAlbum({ name: `albums/${albumId()}`, force: random(4) === 0 }),
      () =>
        artists.updateArtist({ artist: { name: `artists/${artistId()}`, displayName: text() } }),
      () => artists.createArtist({ artist: { displayName: text() } }),
      ...[
        () => `UPDATE tracks SET Name = ${quoted()} WHERE TrackId % 50 = ${random(50)}`,
        () => `UPDATE tracks SET Composer = ${quoted()} WHERE TrackId = ${trackId()}`,
        () => `UPDATE tracks SET AlbumId = NULL WHERE TrackId = ${trackId()}`,
        () => `UPDATE albums SET Title = ${quoted()} WHERE AlbumId = ${albumId()}`,
        () => `UPDATE artists SET Name = ${quoted()} WHERE ArtistId = ${artistId()}`,
        ...OUTSIDE[driver]({ quoted, trackId, albumId, artistId, random }),
      ].map((sql) => () => store.execute(sql(), { foreignKeys: false })),
    ];
    const done = new Map<number, number>();
    for (let count = 0; count < WRITES[driver]; count++) {
      if (count % 10 === 0) await readIds();
      const chosen = random(writes.length);
      try {
        await writes[chosen]?.();
        done.set(chosen, (done.get(chosen) ?? 0) + 1);
      } catch (error) {
        // What foreign keys or required fields refuse changes nothing, and the index must know that.
        const code = error instanceof RpcError ? error.code : String((error as Error).message);
        expect(code).toSatisfy((known) => [3, 5, 6, 9].includes(known) || REFUSED.test(known));
      }
      if (count % 100 === 0) await expectInStep(store);
    }
    await expectInStep(store);
    // Of every kind of write some have succeeded.
    expect([...done.keys()].sort((a, b) => a - b)).toEqual(writes.map((_, index) => index));
  },
);
