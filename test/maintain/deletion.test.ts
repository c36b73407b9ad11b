// What docs/deletion.md says of deleted content, place by place: the bytes of each file are searched.
// Where it says that something is left, that is looked for as well: otherwise nothing would be proved.

import { randomBytes } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { toBinary } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { ArtistService } from "../../gen/chinook/v1/artist_pb.ts";
import { TrackService } from "../../gen/chinook/v1/track_pb.ts";
import {
  DatabaseService,
  CheckpointDatabaseRequest_Mode as Mode,
} from "../../gen/protostore/v1/database_service_pb.ts";
import { ExportResponseSchema, StoreService } from "../../gen/protostore/v1/store_service_pb.ts";
import type { Connection } from "../../src/client/client.ts";
import { connect } from "../../src/client/client.ts";
import { runCli, startServerProcess } from "../service/cli.ts";
import { chinookType } from "../service/store-streams.ts";
import { failureOf, openSql } from "../service/support.ts";
import { startTestService } from "../support/service.ts";
import { tempDir } from "../support/temp.ts";

const LONG = { timeout: 120_000 };
/** Enough for pages to be split, and for some to become free. */
const ROWS = 150;

/** One word, which no other text begins like; a search index may keep it without its first letters. */
function newMarker() {
  const word = `zqjx${randomBytes(12).toString("hex")}`;
  const bytes = Buffer.from(word.slice(4));
  return {
    word,
    isIn: (path: string) => existsSync(path) && readFileSync(path).includes(bytes),
    isInBytes: (found: Uint8Array) => Buffer.from(found).includes(bytes),
  };
}

type Marker = ReturnType<typeof newMarker>;

/** Rows with the word in columns, JSON, indexes and search index. */
async function createMarked(
  connection: Connection,
  { word }: Marker,
  isIndexed = true,
): Promise<string[]> {
  const artists = connection.service(ArtistService);
  const tracks = connection.service(TrackService);
  const names: string[] = [];
  for (let row = 0; row < ROWS; row++) {
    const artist = await artists.createArtist({
      artist: {
        displayName: `${word} ${row}`,
        biography: `${word} `.repeat(1 + (row % 40) * (row % 5)),
        aliases: [word],
      },
    });
    const track = await tracks.createTrack({
      track: {
        title: `${word} ${row}`,
        composer: word,
        // Its index is filled here and there, so that pages are split.
        isrc: isIndexed ? `${word}${row}` : "",
        mediaType: "mediaTypes/1",
        duration: { seconds: 1n },
        unitPrice: { currencyCode: "USD" },
      },
    });
    names.push(artist.name, track.name);
  }
  return names;
}

async function deleteAll(connection: Connection, names: readonly string[]): Promise<void> {
  for (const name of names) {
    if (name.startsWith("artists/")) {
      await connection.service(ArtistService).deleteArtist({ name });
    } else await connection.service(TrackService).deleteTrack({ name });
  }
}

async function emptyLog(connection: Connection): Promise<void> {
  const service = connection.service(DatabaseService);
  const { blocked } = await service.checkpointDatabase({ mode: Mode.TRUNCATE });
  expect(blocked).toBe(false);
}

async function drain(answers: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of answers);
}

const purge = (connection: Connection, forgetRequests = false) =>
  drain(connection.service(DatabaseService).maintainDatabase({ purge: true, forgetRequests }));

const backUp = (connection: Connection, name: string) =>
  drain(connection.service(DatabaseService).backupDatabase({ name }));

async function exported(connection: Connection): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  for (const type of ["Artist", "Track"]) {
    const resourceType = chinookType(type);
    for await (const part of connection.service(StoreService).export({ resourceType })) {
      parts.push(toBinary(ExportResponseSchema, part));
    }
  }
  return Buffer.concat(parts);
}

test("without the setting, all of it is left until a purge", LONG, async () => {
  const folder = tempDir();
  const marker = newMarker();
  const service = await startTestService({ fixtures: true, backups: { folder } });
  const { connection, database } = service;
  const backup = (name: string) => join(folder, `${name}.db`);
  const names = await createMarked(connection, marker);
  await backUp(connection, "before");
  expect(marker.isInBytes(await exported(connection))).toBe(true);
  await deleteAll(connection, names);
  expect(marker.isInBytes(await exported(connection))).toBe(false);
  expect(marker.isIn(`${database}-wal`)).toBe(true);
  await emptyLog(connection);
  expect(marker.isIn(`${database}-wal`)).toBe(false);
  expect(marker.isIn(database)).toBe(true);
  await backUp(connection, "after");
  expect(marker.isIn(backup("after"))).toBe(true);

  await purge(connection);
  expect(marker.isIn(database)).toBe(false);
  expect(marker.isIn(`${database}-wal`)).toBe(false);
  await backUp(connection, "purged");
  expect(marker.isIn(backup("purged"))).toBe(false);
  // What was copied before is nobody's to purge.
  expect(marker.isIn(backup("before"))).toBe(true);
  expect(marker.isIn(backup("after"))).toBe(true);
  expect((await runCli("verify", "--database", database)).code).toBe(0);
});

test("a search index keeps deleted words by itself, and loses them by a merge", LONG, async () => {
  const marker = newMarker();
  const { connection, database } = await startTestService({ fixtures: true });
  const names = await createMarked(connection, marker);
  const sql = openSql(database);
  const isIndexed = () =>
    (sql.prepare("SELECT block FROM track_search_data").pluck().all() as Buffer[]).some(
      marker.isInBytes,
    );
  await deleteAll(connection, names);
  expect(isIndexed()).toBe(true);
  await drain(connection.service(DatabaseService).maintainDatabase({}));
  expect(isIndexed()).toBe(false);
});

test.for([
  ["one process", []],
  ["two processes", ["--processes", "2"]],
] as const)(
  "with --secure-delete and %s, the log has it until it is emptied, and pages that were split",
  LONG,
  async ([, more]) => {
    const folder = tempDir();
    const database = join(folder, "x.db");
    const marker = newMarker();
    const args = ["--database", database, "--fixtures", "--secure-delete", "--backup-dir", folder];
    const server = await startServerProcess(...args, ...more);
    // Each is led to a process of its own.
    const connections = [connect(server.address), connect(server.address)] as const;
    const [connection, other] = connections;
    try {
      const names = await createMarked(connection, marker, false);
      await emptyLog(connection);
      expect(marker.isIn(database)).toBe(true);
      const { artists } = await connection.service(ArtistService).listArtists({ pageSize: 1_000 });
      const changed = artists.find(({ name }) => names.includes(name));
      if (!changed) throw new Error("there is no artist to change");
      const artist = { name: changed.name, biography: "another", displayName: "y", aliases: [] };
      await other.service(ArtistService).updateArtist({ artist });
      await deleteAll(other, names);
      expect(marker.isIn(`${database}-wal`)).toBe(true);
      await emptyLog(connection);
      expect(marker.isIn(database)).toBe(false);
      expect(marker.isIn(`${database}-wal`)).toBe(false);
      await backUp(connection, "after");
      expect(marker.isIn(join(folder, "after.db"))).toBe(false);

      const split = newMarker();
      await deleteAll(other, await createMarked(other, split));
      await emptyLog(connection);
      // SQLite leaves, in the part of a page that is not used, what it has moved to another page.
      expect(split.isIn(database)).toBe(true);
      await purge(other);
      expect(split.isIn(database)).toBe(false);
    } finally {
      for (const each of connections) each.close();
    }
  },
);

test("the answer to a request id has it until it expires, or is forgotten", LONG, async () => {
  const marker = newMarker();
  const { connection, database } = await startTestService({ fixtures: true });
  const artists = connection.service(ArtistService);
  const request = {
    requestId: "6f1c3b1e-7a4e-4f0e-9d0c-0f6b7c1d2e3f",
    artist: { displayName: marker.word },
  };
  const first = await artists.createArtist(request);
  await artists.deleteArtist({ name: first.name });
  await purge(connection);
  expect(marker.isIn(database)).toBe(true);
  expect((await artists.createArtist(request)).name).toBe(first.name);
  await purge(connection, true);
  expect(marker.isIn(database)).toBe(false);
  expect((await artists.createArtist(request)).name).not.toBe(first.name);
});

test("an expired answer goes with a purge", LONG, async () => {
  const marker = newMarker();
  const limits = { requestRetentionMs: 1 };
  const { connection, database } = await startTestService({ fixtures: true, limits });
  const artists = connection.service(ArtistService);
  const { name } = await artists.createArtist({
    requestId: "6f1c3b1e-7a4e-4f0e-9d0c-0f6b7c1d2e3f",
    artist: { displayName: marker.word },
  });
  await artists.deleteArtist({ name });
  await purge(connection);
  expect(marker.isIn(database)).toBe(false);
});

test("statistics keep no values", LONG, async () => {
  const marker = newMarker();
  const { connection, database } = await startTestService({ fixtures: true });
  await createMarked(connection, marker);
  // What another program has made of it has samples.
  const sql = openSql(database);
  sql.exec("PRAGMA analysis_limit = 0; ANALYZE");
  const samples = () => sql.prepare("SELECT count(*) FROM sqlite_stat4").pluck().get();
  expect(samples()).toBeGreaterThan(0n);
  await purge(connection);
  expect(samples()).toBe(0n);
});

test("a purge that cannot empty the log says so", LONG, async () => {
  const { connection, database } = await startTestService({ fixtures: true });
  const sql = openSql(database);
  sql.exec("BEGIN");
  sql.prepare("SELECT count(*) FROM artists").get();
  const failure = await failureOf(purge(connection));
  expect([failure.reason, failure.message]).toEqual([
    "DATABASE_BUSY",
    expect.stringContaining("purge again"),
  ]);
  sql.exec("COMMIT");
  await purge(connection);
});

test("the command purges, whichever process it reaches", LONG, async () => {
  const database = join(tempDir(), "x.db");
  const marker = newMarker();
  const server = await startServerProcess("--database", database, "--fixtures", "--processes", "2");
  const connection = connect(server.address);
  await deleteAll(connection, await createMarked(connection, marker));
  connection.close();
  const { code, stdout } = await runCli("purge", "--address", server.address, "--forget-requests");
  expect([code, stdout]).toEqual([
    0,
    expect.stringMatching(/^full-text indexes made anew: 1 of 1$/m),
  ]);
  expect(marker.isIn(database)).toBe(false);
  expect(marker.isIn(`${database}-wal`)).toBe(false);
});
