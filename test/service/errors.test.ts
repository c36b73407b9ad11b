// A failing call of each kind, with the details that it has. That no text for clients tells SQL,
// tables, columns, paths or stacks is checked for every one of them, in failureOf.

import { status } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ArtistService } from "../../gen/chinook/v1/artist_pb.ts";
import { CustomerService } from "../../gen/chinook/v1/customer_pb.ts";
import { PlaylistService } from "../../gen/chinook/v1/playlist_pb.ts";
import { TrackService } from "../../gen/chinook/v1/track_pb.ts";
import { Health } from "../../gen/health/v1/health_pb.ts";
import type { Connection } from "../../src/client/client.ts";
import { DEFAULT_LIMITS } from "../../src/limits.ts";
import { DRIVER, openOther } from "../support/driver.ts";
import { runService, startTestService, type TestService } from "../support/service.ts";
import { CASES, invalid } from "./error-cases.ts";
import { allPages, createRows, failureOf } from "./support.ts";

let service: TestService;

/** Has artists/1, albums/1, tracks/1 (on playlists/1) and tracks/2 to 4, customers/1. */
beforeAll(async () => {
  service = await runService();
  const { connection } = service;
  await createRows(connection, 4);
  const playlists = connection.service(PlaylistService);
  await playlists.createPlaylist({ playlist: { displayName: "Mine" } });
  await playlists.addPlaylistTracks({ playlist: "playlists/1", tracks: ["tracks/1"] });
});

afterAll(() => service.stop());

const artists = (connection: Connection) => connection.service(ArtistService);
const tracks = (connection: Connection) => connection.service(TrackService);
const playlists = (connection: Connection) => connection.service(PlaylistService);

for (const [what, { call, failure }] of Object.entries(CASES)) {
  test(`${what}: ${String(failure.code)}`, async () => {
    const empty = { fields: [], preconditions: [], resource: undefined, hasRetryInfo: false };
    const found = await failureOf(call(service.connection));
    expect(found).toMatchObject({ ...empty, ...failure, preconditions: expect.anything() });
    if (failure.preconditions) expect(found.preconditions).toEqual(failure.preconditions);
  });
}

test("no failing call has changed anything", async () => {
  const sql = await openOther(service.database);
  const revision = () => sql.value("SELECT revision FROM store_state");
  const before = await revision();
  for (const { call } of Object.values(CASES)) await failureOf(call(service.connection));
  expect(await revision()).toBe(before);
  expect(await sql.value("SELECT count(*) FROM tracks")).toBe(4n);
  expect(await sql.rows("SELECT PlaylistId, TrackId FROM playlist_track")).toEqual([[1n, 1n]]);
});

describe("page_token", () => {
  async function tokenOf(pageSize = 1): Promise<string> {
    const { nextPageToken } = await tracks(service.connection).listTracks({ pageSize });
    expect(nextPageToken).not.toBe("");
    return nextPageToken;
  }

  test("of a request with another page_size is good", async () => {
    const { connection } = service;
    const page = await tracks(connection).listTracks({ pageSize: 2, pageToken: await tokenOf() });
    expect(page.tracks.map(({ name }) => name)).toEqual(["tracks/2", "tracks/3"]);
  });

  test("of another method is refused", async () => {
    const pageToken = await tokenOf();
    const { connection } = service;
    const calls = [
      artists(connection).listArtists({ pageToken }),
      playlists(connection).listPlaylistTracks({ parent: "playlists/1", pageToken }),
    ];
    for (const call of calls) expect(await failureOf(call)).toMatchObject(invalid("page_token"));
  });

  test("of other arguments is refused", async () => {
    const own = await startTestService({ fixtures: true });
    const list = (playlist: string, pageToken: string) =>
      playlists(own.connection).listPlaylistTracks({ parent: playlist, pageSize: 1, pageToken });
    const { nextPageToken } = await list("playlists/1", "");
    expect((await list("playlists/1", nextPageToken)).tracks).toHaveLength(1);
    expect(await failureOf(list("playlists/2", nextPageToken))).toMatchObject(
      invalid("page_token"),
    );
  });

  test("that was tampered with is refused, whichever bit it is", async () => {
    const token = Buffer.from(await tokenOf(), "base64url");
    for (let bit = 0; bit < token.length * 8; bit++) {
      const bytes = Buffer.from(token);
      bytes.writeUInt8(bytes.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
      const pageToken = bytes.toString("base64url");
      const call = tracks(service.connection).listTracks({ pageToken });
      expect(await failureOf(call), `bit ${bit}`).toMatchObject(invalid("page_token"));
    }
  });
});

test("an etag that is not the current one: ABORTED with the current one", async () => {
  const { connection } = service;
  const { etag } = await artists(connection).getArtist({ name: "artists/1" });
  for (const stale of ['"0"', "nonsense", etag.replaceAll('"', ""), `W/${etag}`]) {
    const artist = { name: "artists/1", displayName: "x", etag: stale };
    expect(await failureOf(artists(connection).updateArtist({ artist }))).toMatchObject({
      code: "ABORTED",
      reason: "ETAG_MISMATCH",
      metadata: { current: etag },
      resource: "chinook.example.com/Artist artists/1",
    });
  }
  const artist = { name: "artists/1", biography: "x", etag };
  const updated = await artists(connection).updateArtist({ artist });
  expect(updated.etag).not.toBe(etag);
  expect(await failureOf(artists(connection).updateArtist({ artist }))).toMatchObject({
    metadata: { current: updated.etag },
  });
});

test("a string has as many characters as code points", async () => {
  const displayName = "🎸".repeat(120);
  const { connection } = await startTestService();
  const { name } = await artists(connection).createArtist({ artist: { displayName } });
  expect((await artists(connection).getArtist({ name })).displayName).toBe(displayName);
});

test("a message that would be too large to send is not stored", async () => {
  const { connection } = await startTestService();
  await createRows(connection);
  const biography = "x".repeat(2_500_000);
  const name = "artists/1";
  const first = await artists(connection).updateArtist({ artist: { name, biography } });
  const aliases = [biography];
  const update = artists(connection).updateArtist({ artist: { name, aliases } });
  expect(await failureOf(update)).toMatchObject(invalid("artist"));
  expect(await artists(connection).getArtist({ name })).toEqual(first);

  const limit = DEFAULT_LIMITS.sendMessageBytes;
  const sizes = [limit - 2_000, limit - 1_000, limit - 60];
  const outcomes = sizes.map((size) => {
    const artist = { displayName: "x", biography: "x".repeat(size) };
    return artists(connection).createArtist({ artist });
  });
  const [good, ...bad] = outcomes;
  for (const call of bad) expect(await failureOf(call)).toMatchObject(invalid("artist"));
  const stored = await good;
  expect(await artists(connection).getArtist({ name: stored?.name ?? "" })).toEqual(stored);
  const listed = await allPages(async (pageToken) => {
    const page = await artists(connection).listArtists({ pageToken });
    return { ...page, items: page.artists };
  });
  expect(listed).toEqual([first, stored]);
});

test("a write to a read-only server: FAILED_PRECONDITION, and reads go on", async () => {
  const { database } = service;
  const { connection } = await startTestService({ database, readOnly: true });
  const calls = [
    artists(connection).createArtist({ artist: { displayName: "x" } }),
    artists(connection).updateArtist({ artist: { name: "artists/1", displayName: "x" } }),
    artists(connection).deleteArtist({ name: "artists/1" }),
    connection.service(CustomerService).createCustomer({
      customer: { givenName: "Ada", familyName: "L", email: "ada@example.com" },
    }),
    playlists(connection).addPlaylistTracks({ playlist: "playlists/1", tracks: ["tracks/2"] }),
    playlists(connection).deletePlaylist({ name: "playlists/1" }),
  ];
  for (const call of calls) {
    const failure = { code: "FAILED_PRECONDITION", reason: "READ_ONLY_MODE" };
    expect(await failureOf(call)).toMatchObject(failure);
  }
  expect((await tracks(connection).listTracks({})).tracks).toHaveLength(4);
});

const LOCK = {
  sqlite: "BEGIN IMMEDIATE",
  postgres: "BEGIN; UPDATE store_state SET revision = revision",
}[DRIVER];

describe("while another program holds the write lock", () => {
  test("a write ends at its deadline, and health and reads still answer", async () => {
    const { connection, database } = await startTestService();
    await createRows(connection, 1);
    const sql = await openOther(database);
    await sql.exec(LOCK);
    const create = (displayName: string, timeoutMs?: number) =>
      artists(connection)
        .createArtist({ artist: { displayName } }, timeoutMs ? { timeoutMs } : {})
        .catch((error: unknown) => error);
    const late = { name: "RpcError", code: status.DEADLINE_EXCEEDED };
    const write = create("late", 500);
    let ended = false;
    void write.then(() => {
      ended = true;
    });
    while (!ended) {
      expect((await connection.service(Health).check({})).status).toBe(1);
      const { displayName } = await artists(connection).getArtist({ name: "artists/1" });
      expect(displayName).toBe("Björk");
    }
    expect(await write).toMatchObject(late);
    // As long again, so that the server, whose deadline is a little later, has given up as well.
    expect(await create("later", 500)).toMatchObject(late);
    await sql.exec("COMMIT");
    expect(await create("in time")).toMatchObject({ displayName: "in time" });
    const { artists: rows } = await artists(connection).listArtists({});
    expect(rows.map(({ displayName }) => displayName)).not.toContain("late");
  });

  test("a write without a near deadline ends as UNAVAILABLE, to be tried again", async () => {
    const limits = { writeTimeoutMs: 100 };
    const { connection, database } = await startTestService({ limits });
    const sql = await openOther(database);
    await sql.exec(LOCK);
    const artist = { displayName: "x" };
    expect(await failureOf(artists(connection).createArtist({ artist }))).toMatchObject({
      code: "UNAVAILABLE",
      reason: "DATABASE_BUSY",
      hasRetryInfo: true,
    });
    await sql.exec("COMMIT");
    expect((await artists(connection).createArtist({ artist })).name).toBe("artists/1");
  });

  test("a write waits for it", async () => {
    const { connection, database } = await startTestService();
    const sql = await openOther(database);
    await sql.exec(LOCK);
    const write = artists(connection).createArtist({ artist: { displayName: "x" } });
    await connection.service(Health).check({});
    await sql.exec("COMMIT");
    expect((await write).name).toBe("artists/1");
  });
});
