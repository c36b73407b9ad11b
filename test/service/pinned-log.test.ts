// The log can be cut after every read of ours, ended in whatever way; a transaction of somebody else
// that keeps it from being cut is told, and whose it is.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { statSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import type { Client } from "@grpc/grpc-js";
import { describe, expect, onTestFinished, test } from "vitest";
import { AlbumService } from "../../gen/chinook/v1/album_pb.ts";
import { ArtistService } from "../../gen/chinook/v1/artist_pb.ts";
import { GenreService } from "../../gen/chinook/v1/genre_pb.ts";
import { PlaylistService } from "../../gen/chinook/v1/playlist_pb.ts";
import { SalesService } from "../../gen/chinook/v1/sales_service_pb.ts";
import { TrackService } from "../../gen/chinook/v1/track_pb.ts";
import {
  DatabaseService,
  DatabaseStatus_Holder,
} from "../../gen/protostore/v1/database_service_pb.ts";
import { StoreService } from "../../gen/protostore/v1/store_service_pb.ts";
import type { Connection } from "../../src/client/client.ts";
import { callStream, connect } from "../grpc/support.ts";
import { startTestService } from "../support/service.ts";
import { REPO_ROOT } from "../support/tools.ts";
import { chinookType } from "./store-streams.ts";
import { openSql } from "./support.ts";

type Read = (connection: Connection, client: Client) => Promise<unknown>;

const GENRE = chinookType("Genre");

/** So many that an Export has several messages. */
const GENRES = 20_000;

/** Every way to read. */
const READS: Readonly<Record<string, Read>> = {
  Get: (c) => c.service(ArtistService).getArtist({ name: "artists/1" }),
  "Get that finds nothing": (c) => c.service(ArtistService).getArtist({ name: "artists/99999" }),
  BatchGet: (c) => c.service(ArtistService).batchGetArtists({ names: ["artists/1", "artists/2"] }),
  "short List": (c) => c.service(TrackService).listTracks({ pageSize: 3 }),
  "long List": (c) => c.service(TrackService).listTracks({ pageSize: 1_000 }),
  "List of a filter": (c) => c.service(AlbumService).listAlbums({ filter: 'title = "*a*e*"' }),
  "List of a wrong filter": (c) => c.service(AlbumService).listAlbums({ filter: "title = " }),
  "List with a total": (c) => c.service(TrackService).listTracks({ includeTotalSize: true }),
  search: (c) => c.service(TrackService).searchTracks({ query: "a" }),
  sums: (c) => c.service(SalesService).summarizeSales({ groupBy: 1 }),
  "tracks of a playlist": (c) =>
    c.service(PlaylistService).listPlaylistTracks({ parent: "playlists/1" }),
  status: (c) => c.service(DatabaseService).getDatabaseStatus({}),
  "List that is late": (c) =>
    c.service(GenreService).listGenres({ orderBy: "update_time" }, { timeoutMs: 1 }),
  "Export that is not read on": async (_, client) => {
    const stream = callStream(client, StoreService.method.export, { resourceType: GENRE });
    // It is cancelled when the client is closed, at the end of the test or after it.
    stream.on("error", () => {});
    await once(stream, "data");
    stream.pause();
  },
  "Export that is cancelled": async (_, client) => {
    const stream = callStream(client, StoreService.method.export, { resourceType: GENRE });
    stream.on("error", () => {});
    await once(stream, "data");
    stream.cancel();
  },
};

test("after each read, the log can be cut", async () => {
  const { address, connection, database } = await startTestService({ fixtures: true });
  const client = connect(address);
  const sql = openSql(database);
  sql.exec(
    `WITH RECURSIVE n(i) AS (SELECT 100 UNION ALL SELECT i + 1 FROM n WHERE i < ${GENRES})
     INSERT INTO genres (GenreId, Name) SELECT i, 'genre ' || i FROM n`,
  );
  const failed: string[] = [];
  for (const [name, read] of Object.entries(READS)) {
    await read(connection, client).catch(() => {});
    sql.exec("UPDATE store_state SET revision = revision + 1");
    const deadline = Date.now() + 10_000;
    // A call that is over is answered before its reader has ended its transaction.
    while (!isCut(sql) && Date.now() < deadline) await delay(10);
    if (!isCut(sql)) failed.push(name);
  }
  expect(failed).toEqual([]);
});

function isCut(sql: ReturnType<typeof openSql>): boolean {
  const [answer] = sql.pragma("wal_checkpoint(TRUNCATE)") as { busy: bigint }[];
  return answer?.busy === 0n;
}

/** What a log has before it begins again, on a machine that is not busy. */
const LOG_BYTES = 16 * 2 ** 20;

test("short reads that follow each other without a gap do not let the log grow", async () => {
  const { connection, database } = await startTestService();
  await keepReading(database);
  const artists = connection.service(ArtistService);
  const biography = "x".repeat(40_000);
  const requests = Array.from({ length: 10 }, () => ({
    artist: { displayName: "one", biography },
  }));
  let largest = 0;
  for (let written = 0; written < 8 * LOG_BYTES; written += 10 * biography.length) {
    await artists.batchCreateArtists({ requests });
    largest = Math.max(largest, statSync(`${database}-wal`).size);
  }
  expect(largest).toBeGreaterThan(LOG_BYTES / 2);
  // Without another beginning it would have all of what was written.
  expect(largest).toBeLessThan(2 * LOG_BYTES);
}, 60_000);

/** A process in which a read transaction is open at any time, each for a few milliseconds. */
async function keepReading(database: string): Promise<void> {
  const program = `
    const open = () => new (require("better-sqlite3"))(process.argv[1], { timeout: 5000 });
    const connections = [open(), open()];
    const begin = (one) => {
      one.exec("BEGIN");
      one.prepare("SELECT count(*) FROM genres").get();
    };
    const { setTimeout: delay } = require("node:timers/promises");
    (async () => {
      begin(connections[0]);
      console.log("open");
      for (let turn = 1; ; turn++) {
        await delay(2);
        begin(connections[turn % 2]);
        connections[(turn + 1) % 2].exec("COMMIT");
      }
    })();`;
  const child = spawn(process.execPath, ["--eval", program, database], {
    cwd: REPO_ROOT,
    stdio: ["ignore", "pipe", "inherit"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  await once(child.stdout, "data");
}

describe("a transaction of another program", () => {
  test("that keeps the log from being cut is told with its process, until it ends", async () => {
    const { connection, database } = await startTestService({ limits: { probeIntervalMs: 20 } });
    const holdNow = async () =>
      (await connection.service(DatabaseService).getDatabaseStatus({})).wal?.hold;
    const other = await holdSnapshot(database);
    const sql = openSql(database);
    sql.pragma("wal_autocheckpoint = 0");
    sql.exec("CREATE TABLE ballast AS SELECT zeroblob(24 * 1024 * 1024) AS bytes");
    await connection.service(GenreService).createGenre({ genre: { displayName: "one" } });
    await expect.poll(holdNow, { timeout: 60_000 }).toMatchObject({
      holder: DatabaseStatus_Holder.OTHER_PROCESS,
      processIds: process.platform === "linux" ? [BigInt(other.pid)] : [],
    });
    other.end();
    const holdAfterCommit = async () => {
      await connection.service(GenreService).createGenre({ genre: { displayName: "two" } });
      return holdNow();
    };
    await expect.poll(holdAfterCommit, { timeout: 60_000, interval: 100 }).toBeUndefined();
    const { wal } = await connection.service(DatabaseService).getDatabaseStatus({});
    expect(wal?.pendingFrames).toBeLessThan(100n);
  });
});

/** A process that has a read transaction open until it is ended. */
async function holdSnapshot(database: string): Promise<{ pid: number; end(): void }> {
  const program = `
    const db = new (require("better-sqlite3"))(process.argv[1]);
    db.exec("BEGIN");
    db.prepare("SELECT count(*) FROM genres").get();
    console.log("open");
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ["--eval", program, database], {
    cwd: REPO_ROOT,
    stdio: ["ignore", "pipe", "inherit"],
  });
  const end = () => void child.kill("SIGKILL");
  onTestFinished(end);
  await once(child.stdout, "data");
  return { pid: child.pid as number, end };
}
