// The conditions of a server that answers calls, and what an operator should look at all the same.

import { utimesSync } from "node:fs";
import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { expect, test } from "vitest";
import { ArtistService } from "../../gen/chinook/v1/artist_pb.ts";
import {
  DatabaseService,
  DatabaseStatusSchema,
  DatabaseStatus_Condition_Kind as Kind,
  CheckpointDatabaseRequest_Mode as Mode,
} from "../../gen/protostore/v1/database_service_pb.ts";
import { CHINOOK } from "../../src/chinook/program.ts";
import { connect as connectInsecurely } from "../../src/client/client.ts";
import { findConditions, freeBytesAt, type ServerSetup } from "../../src/health/conditions.ts";
import { DEFAULT_LIMITS } from "../../src/limits.ts";
import { runCli, startServerProcess } from "../service/cli.ts";
import { failureOf, openSql } from "../service/support.ts";
import { startTestService, type TestService } from "../support/service.ts";
import { STILL, STILL_RESOURCES } from "../support/still-clock.ts";
import { tempDir } from "../support/temp.ts";

const WELL = { wal: {}, connection: {}, server: {}, scrub: {} } as const;
const SETUP: ServerSetup = { isPublic: false, readOnly: false, limits: DEFAULT_LIMITS };
const PLENTY = 1e12;

/** Each with what brings it about, and nothing else. */
const CAUSES: Readonly<
  Record<Exclude<keyof typeof Kind, "KIND_UNSPECIFIED">, () => readonly Kind[]>
> = {
  INSECURE_TRANSPORT: () => kindsOf({}, { isPublic: true, access: { tokens: "t" } }),
  OPEN_ACCESS: () => kindsOf({}, { isPublic: true, tls: { certificate: "c", key: "k" } }),
  LOG_LARGE: () => kindsOf({ wal: { sizeBytes: BigInt(DEFAULT_LIMITS.walSizeBytes + 1) } }),
  CHECKPOINT_STARVED: () => kindsOf({ wal: { hold: {} } }),
  READ_ONLY_MEDIA: () => kindsOf({ connection: { readOnly: true } }),
  DISK_NEARLY_FULL: () => kindsOf({}, {}, DEFAULT_LIMITS.diskFreeBytes - 1),
  ROWS_DAMAGED: () => kindsOf({ scrub: { findingCount: 1n } }),
  BACKUP_OLD: () =>
    kindsOf({ backup: { createTime: ago(DEFAULT_LIMITS.backupAgeMs + 1_000) } }, KEPT),
  CLOCK_BEHIND: () => kindsOf({}, {}, PLENTY, Date.now() + 3_000),
  WRITES_WAITING: () => kindsOf({ server: { queuedCommits: DEFAULT_LIMITS.commitQueueMax } }),
};

/** Backups are kept. */
const KEPT = { backups: { folder: "backups" } } as const;

function ago(ms: number) {
  return timestampFromMs(Date.now() - ms);
}

function kindsOf(
  status: object,
  setup: Partial<ServerSetup> = {},
  freeBytes = PLENTY,
  newestWriteMs?: number,
) {
  const whole = create(DatabaseStatusSchema, { ...WELL, ...status });
  const surroundings = { freeBytes, nowMs: Date.now(), newestWriteMs };
  return findConditions(whole, { ...SETUP, ...setup }, surroundings).map(({ kind }) => kind);
}

test("there are none while all is well", () => {
  expect(kindsOf({})).toEqual([]);
  expect(kindsOf({ connection: { readOnly: true } }, { readOnly: true })).toEqual([]);
  expect(kindsOf({ backup: { createTime: ago(0) } }, KEPT)).toEqual([]);
});

test("that there is no backup is told where there should be one, unless any age will do", () => {
  const limits = { ...DEFAULT_LIMITS, backupAgeMs: 0 };
  expect(kindsOf({}, KEPT)).toEqual([Kind.BACKUP_OLD]);
  expect(kindsOf({}, { ...KEPT, limits })).toEqual([]);
});

test.each(Object.entries(CAUSES))("%s is told, and alone", (kind, cause) => {
  expect(cause()).toEqual([Kind[kind as keyof typeof Kind]]);
});

test("the room on a disk is that of the system, and unlimited where nobody can say", async () => {
  expect(await freeBytesAt(tempDir())).toBeGreaterThan(0);
  expect(await freeBytesAt("/no/such/folder")).toBe(Number.POSITIVE_INFINITY);
});

test("a server that other machines can reach says so in its status and its log", async () => {
  const server = await startServerProcess(
    "--database",
    join(tempDir(), "x.db"),
    "--address",
    "0.0.0.0:0",
    "--insecure",
  );
  const connection = connectInsecurely(server.address.replace("0.0.0.0", "127.0.0.1"));
  const { conditions } = await connection.service(DatabaseService).getDatabaseStatus({});
  connection.close();
  expect(conditions.map(({ kind }) => kind)).toEqual([Kind.INSECURE_TRANSPORT, Kind.OPEN_ACCESS]);
  expect(server.output().stderr).toContain("other machines can connect and read along");
});

test("a checkpoint says what it did, and what a reader kept it from", async () => {
  const { connection, database, address } = await startTestService();
  const { checkpointDatabase, getDatabaseStatus } = connection.service(DatabaseService);
  const artists = connection.service(ArtistService);
  for (let i = 0; i < 20; i++) await artists.createArtist({ artist: { displayName: `a${i}` } });
  const reader = openSql(database);
  reader.exec("BEGIN");
  reader.prepare("SELECT count(*) FROM artists").get();
  await artists.createArtist({ artist: { displayName: "one more" } });

  const { wal } = await getDatabaseStatus({});
  const passive = await checkpointDatabase({});
  expect(passive.frames).toBe(wal?.frames);
  expect(passive.checkpointedFrames).toBeGreaterThan(0n);
  expect(passive.checkpointedFrames).toBeLessThan(passive.frames);
  expect(passive.blocked).toBe(false);
  expect((await checkpointDatabase({ mode: Mode.TRUNCATE })).blocked).toBe(true);
  const held = await runCli("checkpoint", "--address", address, "--mode", "truncate");
  expect(held).toMatchObject({ code: 1, stderr: expect.stringContaining("needs the log") });

  reader.exec("COMMIT");
  const full = await checkpointDatabase({ mode: Mode.FULL });
  expect(full).toMatchObject({ blocked: false, checkpointedFrames: full.frames });
  expect((await checkpointDatabase({ mode: Mode.TRUNCATE })).blocked).toBe(false);
  const after = await getDatabaseStatus({});
  expect(after.wal).toMatchObject({ sizeBytes: 0n, frames: 0n, pendingFrames: 0n });
  expect(after.wal?.lastCheckpointTime).toBeDefined();
  const done = await runCli("checkpoint", "--address", address);
  expect(done).toEqual({ code: 0, stdout: "0 of 0 frames of the log are copied\n", stderr: "" });
  expect(await failureOf(checkpointDatabase({ mode: 99 as Mode }))).toMatchObject({
    code: "INVALID_ARGUMENT",
  });
});

test("a log that nobody writes to is copied after a while", async () => {
  const limits = { checkpointIntervalMs: 50 };
  const { connection } = await startTestService({ limits });
  await connection.service(ArtistService).createArtist({ artist: { displayName: "a" } });
  const { getDatabaseStatus } = connection.service(DatabaseService);
  const pending = async () => (await getDatabaseStatus({})).wal?.pendingFrames;
  await expect.poll(pending, { timeout: 20_000 }).toBe(0n);
});

test("a clock that was set back is noticed, after a start too, by files and by rows", async () => {
  const definition = { ...CHINOOK, ...STILL_RESOURCES };
  const kinds = async ({ connection }: TestService) => {
    const { conditions } = await connection.service(DatabaseService).getDatabaseStatus({});
    return conditions.map(({ kind }) => kind);
  };
  // The files are of today, and its clock says 2001.
  const database = join(tempDir(), "set-back.db");
  const service = await startTestService({ database, definition });
  expect(await kinds(service)).toEqual([Kind.CLOCK_BEHIND]);
  await service.connection.service(ArtistService).createArtist({ artist: { displayName: "one" } });
  await service.stop();
  const old = new Date(STILL);
  utimesSync(database, old, old);
  const again = await startTestService({ database, definition, readOnly: true });
  expect(await kinds(again)).toEqual([]);
  await again.stop();

  openSql(database).exec("UPDATE artists SET updated_at = '2001-02-03T04:05:16Z'");
  for (const end of ["", "-wal"]) utimesSync(`${database}${end}`, old, old);
  const third = await startTestService({ database, definition, readOnly: true });
  expect(await kinds(third)).toEqual([Kind.CLOCK_BEHIND]);
});

test("a read-only server refuses to", async () => {
  const { database } = await startTestService();
  const { connection } = await startTestService({ database, readOnly: true });
  const refusal = failureOf(connection.service(DatabaseService).checkpointDatabase({}));
  expect(await refusal).toMatchObject({ reason: "READ_ONLY_MODE" });
});
