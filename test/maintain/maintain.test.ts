// Maintenance goes on beside writes, leaves every row as it was, and gives free pages back; a schedule
// has one process do it.

import { join } from "node:path";
import { expect, test } from "vitest";
import { ArtistService } from "../../gen/chinook/v1/artist_pb.ts";
import { GenreService } from "../../gen/chinook/v1/genre_pb.ts";
import { TrackService } from "../../gen/chinook/v1/track_pb.ts";
import {
  DatabaseService,
  type MaintainDatabaseResponse,
  MaintainDatabaseResponse_Stage as Stage,
} from "../../gen/protostore/v1/database_service_pb.ts";
import type { Connection } from "../../src/client/client.ts";
import { logged, runCli, startServerProcess } from "../service/cli.ts";
import { canMount, mountMemory } from "../service/mounts.ts";
import { failureOf, openSql } from "../service/support.ts";
import { startTestService } from "../support/service.ts";
import { tempDir } from "../support/temp.ts";

const PATIENT = { timeout: 10_000 };
const LONG = { timeout: 60_000 };
/** So many that their pages are a good part of the file. */
const GENRES = 5_000;

/** All that it answers. */
async function maintain(connection: Connection, vacuum = false) {
  const answers: MaintainDatabaseResponse[] = [];
  for await (const answer of connection.service(DatabaseService).maintainDatabase({ vacuum })) {
    answers.push(answer);
  }
  const last = answers.at(-1);
  const { previousFigures: before, currentFigures: after } = last ?? {};
  if (last?.stage !== Stage.FINISHED || !before || !after) throw new Error("it did not finish");
  return { before, after, stages: new Set(answers.map(({ stage }) => stage)) };
}

/** Makes pages free: what other programs may do, too. */
function freePages(database: string): void {
  const sql = openSql(database);
  sql.exec(`
    CREATE TABLE ballast (x);
    WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${GENRES})
    INSERT INTO ballast SELECT randomblob(1000) FROM n;
    DROP TABLE ballast;
  `);
}

test("while it goes on, writes do too, and no row is another", LONG, async () => {
  const { connection, database } = await startTestService({ fixtures: true });
  const artists = connection.service(ArtistService);
  const before = await connection.service(TrackService).listTracks({ pageSize: 1_000 });
  let isOver = false;
  const write = async () => {
    const written: string[] = [];
    while (!isOver) {
      const displayName = `artist ${written.length}`;
      written.push((await artists.createArtist({ artist: { displayName } })).name);
    }
    return written;
  };
  const writing = write();
  const { after, stages } = await maintain(connection);
  isOver = true;
  const written = await writing;
  expect(written.length).toBeGreaterThan(20);
  expect(new Set(written).size).toBe(written.length);
  expect(await connection.service(TrackService).listTracks({ pageSize: 1_000 })).toEqual(before);
  expect(stages).toEqual(
    new Set([
      Stage.MEASURING,
      Stage.OPTIMIZING,
      Stage.ANALYZING,
      Stage.MERGING,
      Stage.CHECKPOINTING,
      Stage.FINISHED,
    ]),
  );
  const sql = openSql(database);
  const one = (text: string) => sql.prepare(text).pluck().get();
  expect(one("SELECT count(*) FROM sqlite_stat1 WHERE tbl = 'tracks'")).toBeGreaterThan(0n);
  expect(after.use?.analyzedIndexCount).toBeGreaterThan(10n);
  expect(after.use?.indexCount).toBeGreaterThanOrEqual(after.use?.analyzedIndexCount ?? 0n);
  expect((await runCli("verify", "--database", database)).code).toBe(0);
});

test("the parts of the search index are brought together, and found as before", LONG, async () => {
  const { connection, database } = await startTestService({ fixtures: true });
  const tracks = connection.service(TrackService);
  for (let turn = 0; turn < 10; turn++) {
    await tracks.createTrack({
      track: {
        title: `together ${turn}`,
        album: "albums/1",
        mediaType: "mediaTypes/1",
        duration: { seconds: 1n },
        unitPrice: { currencyCode: "USD" },
      },
    });
  }
  const sql = openSql(database);
  const parts = () =>
    sql.prepare("SELECT count(DISTINCT segid) FROM track_search_idx").pluck().get() as bigint;
  expect(parts()).toBeGreaterThan(1n);
  const found = await tracks.searchTracks({ query: "together" });
  expect(found.results.length).toBe(10);
  await maintain(connection);
  expect(parts()).toBe(1n);
  expect(await tracks.searchTracks({ query: "together" })).toEqual(found);
});

test("VACUUM, when it is asked for, gives free pages back", LONG, async () => {
  const { connection, database } = await startTestService({ fixtures: true });
  freePages(database);
  const kept = await maintain(connection);
  expect(kept.after.freelistCount).toBeGreaterThan(1_000n);
  const { before, after, stages } = await maintain(connection, true);
  expect(stages).toContain(Stage.VACUUMING);
  expect(before.freelistCount).toBe(kept.after.freelistCount);
  expect(after.freelistCount).toBe(0n);
  expect(after.databaseSizeBytes).toBeLessThan(before.databaseSizeBytes / 2n);
  expect(after.databaseSizeBytes).toBe(after.pageCount * after.pageSizeBytes);
  expect(after.logSizeBytes).toBe(0n);
  // A file that somebody else had cut would be refused.
  await connection.service(GenreService).createGenre({ genre: { displayName: "after it" } });
  const { server } = await connection.service(DatabaseService).getDatabaseStatus({});
  expect(server?.notServingReason).toBe("");
});

test.skipIf(!canMount())("VACUUM is refused where there is no room for it", LONG, async () => {
  const disk = mountMemory();
  disk.remount("size=12M");
  const database = join(disk.folder, "x.db");
  const { connection } = await startTestService({ database, fixtures: true });
  freePages(database);
  const failure = await failureOf(maintain(connection, true));
  expect([failure.code, failure.reason]).toEqual(["RESOURCE_EXHAUSTED", "DISK_FULL"]);
  expect(failure.message).toContain("twice the database");
  await connection.service(GenreService).createGenre({ genre: { displayName: "after it" } });
  await maintain(connection);
});

test("a file in incremental mode gives free pages back by itself", LONG, async () => {
  const database = join(tempDir(), "x.db");
  const first = await startTestService({ database, fixtures: true });
  await first.stop();
  openSql(database).exec("PRAGMA auto_vacuum = INCREMENTAL; VACUUM");
  const { connection } = await startTestService({ database });
  freePages(database);
  const { before, after, stages } = await maintain(connection);
  expect(stages).toContain(Stage.FREEING);
  expect(stages).not.toContain(Stage.VACUUMING);
  expect(before.freelistCount).toBeGreaterThan(1_000n);
  expect(after.freelistCount).toBe(0n);
  expect(after.databaseSizeBytes).toBeLessThan(before.databaseSizeBytes / 2n);
});

test("one at a time; a call that is left makes room for the next", LONG, async () => {
  const { connection } = await startTestService({ fixtures: true });
  const service = connection.service(DatabaseService);
  for await (const _ of service.maintainDatabase({})) {
    const failure = await failureOf(maintain(connection));
    expect(failure.reason).toBe("DATABASE_BUSY");
    break;
  }
  await expect.poll(() => maintain(connection).then(() => "done", String), PATIENT).toBe("done");
});

test("a server that only reads refuses it", async () => {
  const database = join(tempDir(), "x.db");
  await (await startTestService({ database })).stop();
  const { connection } = await startTestService({ database, readOnly: true });
  expect((await failureOf(maintain(connection))).reason).toBe("READ_ONLY_MODE");
});

test("of several processes one has the schedule, and the command asks any", LONG, async () => {
  const args = ["--database", join(tempDir(), "x.db"), "--processes", "2"];
  const server = await startServerProcess(...args, "--maintenance", "* * * * * *");
  const pids = () => logged(server, "put the file in order");
  await expect.poll(() => pids().length, PATIENT).toBeGreaterThan(2);
  expect(new Set(pids()).size).toBe(1);
  await server.end("SIGTERM");
  const other = await startServerProcess(...args);
  const { code, stdout } = await runCli("maintain", "--address", other.address, "--vacuum");
  expect([code, stdout]).toEqual([0, expect.stringMatching(/^file written anew: 1 of 1$/m)]);
  expect(stdout).toMatch(/^after: file \d+ bytes, log 0 bytes; \d+ pages, 0 of them free$/m);
});

test("no schedule that never comes up", async () => {
  const database = join(tempDir(), "x.db");
  const { code, stderr } = await runCli(
    ...["serve", "--database", database, "--address", "127.0.0.1:0", "--maintenance", "at night"],
  );
  expect([code, stderr]).toEqual([1, expect.stringContaining("--maintenance")]);
});
