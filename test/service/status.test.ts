// GetDatabaseStatus tells what is true and changes nothing; the revision is told with every answer.

import { readFileSync, statSync } from "node:fs";
import { expect, test } from "vitest";
import { ArtistService } from "../../gen/chinook/v1/artist_pb.ts";
import { GenreService } from "../../gen/chinook/v1/genre_pb.ts";
import { PlaylistService } from "../../gen/chinook/v1/playlist_pb.ts";
import { TrackService } from "../../gen/chinook/v1/track_pb.ts";
import {
  DatabaseService,
  DatabaseStatus_Synchronous,
} from "../../gen/protostore/v1/database_service_pb.ts";
import type { CallOptions, Connection } from "../../src/client/client.ts";
import { readMigrationFiles } from "../support/migrate.ts";

import { startTestService } from "../support/service.ts";
import { runCli } from "./cli.ts";
import { createRows, failureOf, openSql } from "./support.ts";

const LATEST = BigInt(readMigrationFiles().length);

const statusOf = (connection: Connection) =>
  connection.service(DatabaseService).getDatabaseStatus({});

test("it tells connection, log, schema, storage and revision", async () => {
  const { connection, database } = await startTestService();
  await createRows(connection);
  const sql = openSql(database);
  const pragma = (name: string) => sql.pragma(name, { simple: true }) as bigint;
  const status = await statusOf(connection);
  expect(status.connection).toMatchObject({
    open: true,
    readOnly: false,
    journalMode: "wal",
    synchronous: DatabaseStatus_Synchronous.FULL,
    foreignKeys: true,
    busyTimeout: { nanos: 20_000_000 },
    sqliteVersion: sql.prepare("SELECT sqlite_version()").pluck().get(),
  });
  const pageSize = pragma("page_size");
  const walSize = BigInt(statSync(`${database}-wal`).size);
  expect(status.wal?.sizeBytes).toBe(walSize);
  expect(status.wal?.frames).toBeGreaterThan(0n);
  expect(status.wal?.frames).toBeLessThanOrEqual((walSize - 32n) / (pageSize + 24n));
  expect(status.wal?.pendingFrames).toBe(status.wal?.frames);
  expect(status.wal?.lastCheckpointTime).toBeUndefined();
  expect(status.wal?.oldestReaderTime).toBeUndefined();
  expect(status.schema).toMatchObject({
    version: LATEST,
    expectedVersion: LATEST,
    dirty: false,
    differences: [],
  });
  expect(status.storage).toMatchObject({
    pageSizeBytes: pageSize,
    pageCount: pragma("page_count"),
    freelistCount: pragma("freelist_count"),
    databaseSizeBytes: BigInt(statSync(database).size),
    sharedMemorySizeBytes: BigInt(statSync(`${database}-shm`).size),
  });
  expect(status.revision).toBe(7n);

  sql.pragma("wal_checkpoint(TRUNCATE)");
  const after = await statusOf(connection);
  expect(after.wal).toMatchObject({ sizeBytes: 0n, frames: 0n, pendingFrames: 0n });
  const { pageCount = 0n, databaseSizeBytes } = after.storage ?? {};
  expect(databaseSizeBytes).toBe(pageSize * pageCount);
});

test("it tells that the server is read-only", async () => {
  const { database } = await startTestService();
  const { connection } = await startTestService({ database, readOnly: true });
  expect((await statusOf(connection)).connection).toMatchObject({ open: true, readOnly: true });
});

test("100 calls change no byte of database and log, and no checkpoint", async () => {
  const { connection, database } = await startTestService();
  // Commits of so many pages that the server copies the log, and one that stays in it.
  const artists = connection.service(ArtistService);
  const artist = { displayName: "x", biography: "x".repeat(3_000_000) };
  for (let i = 0; i < 3; i++) await artists.createArtist({ artist });
  await artists.createArtist({ artist: { displayName: "y" } });
  const before = await statusOf(connection);
  expect(before.wal?.lastCheckpointTime).toBeDefined();
  expect(before.wal?.pendingFrames).toBeGreaterThan(0n);
  const files = () => [database, `${database}-wal`].map((path) => readFileSync(path));
  const bytes = files();
  for (let call = 0; call < 100; call++) {
    const { server } = before;
    // The server's own process is another one at every moment.
    expect({ ...(await statusOf(connection)), server }).toEqual(before);
  }
  for (const [index, found] of files().entries()) {
    expect(found.equals(bytes[index] ?? Buffer.of())).toBe(true);
  }
});

test("the status command prints it, and fails in one line if no server answers", async () => {
  const service = await startTestService();
  const shown = await runCli("status", "--address", service.address);
  expect(shown).toMatchObject({ code: 0, stderr: "" });
  expect(shown.stdout).toMatch(/^serving {2,}yes\nrevision {2,}0\nschema {2,}version \d+ of \d+\n/);
  expect(shown.stdout).toMatch(/^database {2,}SQLite [\d.]+, synchronous FULL$/m);
  expect(shown.stdout).toMatch(/^log {2,}.+ frames to copy, last copied /m);
  const { code, stdout, stderr } = await runCli("status", "--json", "--address", service.address);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(JSON.parse(stdout)).toMatchObject({
    connection: { open: true, readOnly: false, journalMode: "wal", synchronous: "FULL" },
    wal: { pendingFrames: expect.stringMatching(/^\d+$/) },
    schema: { version: String(LATEST), expectedVersion: String(LATEST), differences: [] },
    revision: "0",
    server: { queuedCommits: 0, residentMemoryBytes: expect.stringMatching(/^\d+$/) },
  });
  await service.stop();
  const down = await runCli("status", "--address", service.address);
  expect(down).toMatchObject({ code: 1, stdout: "" });
  expect(down.stderr).toMatch(/^protostore: 127\.0\.0\.1:\d+: .+\n$/);
});

test("each commit makes the revision grow by one, and each answer tells it", async () => {
  const { connection } = await startTestService();
  const artists = connection.service(ArtistService);
  const genres = connection.service(GenreService);
  const playlists = connection.service(PlaylistService);
  await createRows(connection);
  await playlists.createPlaylist({ playlist: { displayName: "x" } });
  let current = (await statusOf(connection)).revision;

  async function revisionOf(call: (options: CallOptions) => Promise<unknown>): Promise<bigint> {
    let told: string | undefined;
    await call({
      onMetadata: (metadata) => {
        told = metadata.get("protostore-revision");
      },
    });
    expect(told).toMatch(/^\d+$/);
    return BigInt(told ?? 0);
  }

  const name = "artists/2";
  const tracks = ["tracks/1", "tracks/2"];
  const playlist = "playlists/1";
  const writes: readonly ((options: CallOptions) => Promise<unknown>)[] = [
    (options) => artists.createArtist({ artist: { displayName: "x" } }, options),
    (options) => artists.updateArtist({ artist: { name, displayName: "y" } }, options),
    // One that changes nothing is a commit all the same.
    (options) => artists.updateArtist({ artist: { name, displayName: "y" } }, options),
    (options) => artists.deleteArtist({ name }, options),
    (options) => playlists.addPlaylistTracks({ playlist, tracks }, options),
    (options) => playlists.removePlaylistTracks({ playlist, tracks }, options),
    (options) => playlists.deletePlaylist({ name: playlist }, options),
  ];
  const reads: readonly ((options: CallOptions) => Promise<unknown>)[] = [
    (options) => artists.getArtist({ name: "artists/1" }, options),
    (options) => genres.listGenres({}, options),
    (options) => connection.service(TrackService).listTracks({ pageSize: 1 }, options),
    (options) => connection.service(DatabaseService).getDatabaseStatus({}, options),
  ];
  for (const write of writes) {
    current += 1n;
    expect(await revisionOf(write)).toBe(current);
    for (const read of reads) expect(await revisionOf(read)).toBe(current);
    await failureOf(artists.deleteArtist({ name: "artists/1" }));
    await failureOf(artists.createArtist({ artist: { displayName: "x".repeat(121) } }));
  }
  expect((await statusOf(connection)).revision).toBe(current);
});

test("the etag of what was written is the revision of its commit", async () => {
  const { connection } = await startTestService();
  const artists = connection.service(ArtistService);
  let told = "";
  const onMetadata = (metadata: ReadonlyMap<string, string>) => {
    told = metadata.get("protostore-revision") ?? "";
  };
  const created = await artists.createArtist({ artist: { displayName: "x" } }, { onMetadata });
  expect(created.etag).toBe(`"${told}"`);
});
