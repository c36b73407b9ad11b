// What cannot be answered is not done: the size of an answer is known before its commit. And what is
// asked for under a condition is not done where that cannot hold.

import { describe, expect, test } from "vitest";
import { ArtistService } from "../../gen/chinook/v1/artist_pb.ts";
import { GenreService } from "../../gen/chinook/v1/genre_pb.ts";
import { startTestService } from "../support/service.ts";
import { failureOf, openSql } from "./support.ts";

/** Of an answer, far below what a request of as many bytes may have. */
const limits = { sendMessageBytes: 64 * 1024 };
const LONG = "x".repeat(4 * 1024);

async function startArtists(count: number) {
  const { connection, database } = await startTestService({ limits });
  const artists = connection.service(ArtistService);
  const requests = Array.from({ length: count }, () => ({ artist: { displayName: "a" } }));
  await artists.batchCreateArtists({ requests });
  const sql = openSql(database);
  const content = () => JSON.stringify(sql.prepare("SELECT hex(wire) FROM artists").all());
  return { connection, artists, content };
}

describe("a batch whose answer would be too large", () => {
  const TOO_LARGE = { code: "RESOURCE_EXHAUSTED", reason: "ANSWER_TOO_LARGE" };

  test("creates nothing, and says how many would fit", async () => {
    const { artists, content } = await startArtists(1);
    const before = content();
    const requests = Array.from({ length: 20 }, () => ({
      artist: { displayName: "a", biography: LONG },
    }));
    const failure = await failureOf(artists.batchCreateArtists({ requests }));
    expect(failure).toMatchObject(TOO_LARGE);
    expect(content()).toBe(before);
    const fitting = requests.slice(0, Number(failure.metadata.fitting));
    expect(fitting.length).toBeGreaterThan(10);
    const { artists: created } = await artists.batchCreateArtists({ requests: fitting });
    expect(created.length).toBe(fitting.length);
  });

  test("updates nothing, and is not remembered under its request_id", async () => {
    const { artists, content } = await startArtists(20);
    const before = content();
    const requests = Array.from({ length: 20 }, (_, i) => ({
      artist: { name: `artists/${i + 1}`, biography: LONG },
    }));
    const requestId = "b7f3a1de-0c1e-4d5a-9b1e-1f2a3b4c5d6e";
    for (let attempt = 0; attempt < 2; attempt++) {
      const call = artists.batchUpdateArtists({ requests, requestId });
      expect(await failureOf(call)).toMatchObject(TOO_LARGE);
      expect(content()).toBe(before);
    }
    for (const request of requests) await artists.updateArtist(request);
  });

  test("is done if it is answered with nothing", async () => {
    const { artists } = await startArtists(20);
    const requests = Array.from({ length: 20 }, (_, i) => ({ name: `artists/${i + 1}` }));
    await artists.batchDeleteArtists({ requests });
    expect((await artists.listArtists({})).artists).toEqual([]);
  });
});

describe("a batch that updates one resource twice", () => {
  test("is refused, since both would be answered with one etag", async () => {
    const { artists, content } = await startArtists(2);
    const before = content();
    const requests = ["b", "c"].map((displayName) => ({
      artist: { name: "artists/1", displayName },
    }));
    expect(await failureOf(artists.batchUpdateArtists({ requests }))).toMatchObject({
      code: "INVALID_ARGUMENT",
      fields: ["requests[1].artist.name"],
    });
    expect(content()).toBe(before);
  });
});

describe("an update with allow_missing", () => {
  test("and an etag creates nothing: the etag is that of a row that was there", async () => {
    const { connection } = await startTestService();
    const genres = connection.service(GenreService);
    const genre = await genres.createGenre({ genre: { displayName: "Pop" } });
    await genres.deleteGenre({ name: genre.name });
    const call = genres.updateGenre({ genre, allowMissing: true });
    expect(await failureOf(call)).toMatchObject({ code: "ABORTED", reason: "ETAG_MISMATCH" });
    expect((await genres.listGenres({})).genres).toEqual([]);
    const again = await genres.updateGenre({ genre: { ...genre, etag: "" }, allowMissing: true });
    expect(again.name).toBe(genre.name);
  });
});
