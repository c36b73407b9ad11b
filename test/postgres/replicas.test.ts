// Reads that go to a standby while it is new enough and has what the client has seen; and a primary whose
// commits are acknowledged only when the standby has them.

import { setTimeout as sleep } from "node:timers/promises";
import { status as Code } from "@grpc/grpc-js";
import { beforeAll, expect, onTestFinished, test } from "vitest";
import { ArtistSchema, ArtistService } from "../../gen/chinook/v1/artist_pb.ts";
import { DatabaseService } from "../../gen/protostore/v1/database_service_pb.ts";
import type { Limits } from "../../src/limits.ts";
import { migrate, openPostgresAt } from "../contract/postgres-store.ts";
import { creating, getting, listing, planOf } from "../contract/support.ts";
import { call, openChannel } from "../durability/rpc.ts";
import { type PostgresPair, startPostgresPair } from "../support/postgres-pair.ts";
import { startTestService } from "../support/service.ts";
import { startTcpProxy } from "../support/tcp-proxy.ts";

const DATABASE = "store";
const ARTIST = planOf(ArtistSchema);
const item = { field: 1 };
const create = (displayName: string) => creating(ArtistSchema, { displayName });

let pair: PostgresPair;

beforeAll(async () => {
  pair = await startPostgresPair();
  await pair.onPrimary(`CREATE DATABASE ${DATABASE} TEMPLATE template0`);
  await migrate(pair.primaryUrlOf(DATABASE));
  await pair.onPrimary(`CREATE DATABASE other TEMPLATE ${DATABASE}`);
});

function open(limits: Partial<Limits> = {}, replica = pair.standbyUrlOf(DATABASE)) {
  return openPostgresAt(pair.primaryUrlOf(DATABASE), { limits, replicas: [replica] });
}

async function replicaOf(database: ReturnType<typeof open>) {
  const [replica] = (await database.status()).postgres?.replicas ?? [];
  if (!replica) throw new Error("there is no replica");
  return replica;
}

async function becomesUsed(database: ReturnType<typeof open>, isUsed: boolean): Promise<void> {
  while ((await replicaOf(database)).used !== isUsed) await sleep(10);
}

/** Nothing that is written is seen on the standby until what is returned was called. */
async function pauseReplay(): Promise<() => Promise<void>> {
  await pair.onStandby("SELECT pg_wal_replay_pause()");
  const state = "SELECT pg_get_wal_replay_pause_state() AS state";
  while ((await pair.onStandby(state))[0]?.state !== "paused") await sleep(5);
  const resume = async () => {
    await pair.onStandby("SELECT pg_wal_replay_resume()");
  };
  onTestFinished(resume);
  return resume;
}

test("reads go to the replica, but for those that must be newer than it is", async () => {
  const database = open();
  const { revision: before } = await database.commit([create("A")]);
  await becomesUsed(database, true);
  while ((await replicaOf(database)).revision < before) await sleep(10);
  const resume = await pauseReplay();
  const { revision } = await database.commit([create("B")]);
  const counted = async (minRevision?: bigint) => {
    const page = await listing(database, ArtistSchema, {}, { minRevision });
    return [page.count, page.revision];
  };
  expect(await counted()).toEqual([1, before]);
  expect(await counted(before)).toEqual([1, before]);
  expect(await counted(revision)).toEqual([2, revision]);
  const found = async (minRevision?: bigint) => {
    const { message, revision: of } = await database.get(ARTIST, 2n, { minRevision });
    return [message !== undefined, of];
  };
  expect(await found()).toEqual([false, before]);
  expect(await found(revision)).toEqual([true, revision]);
  const batch = (minRevision?: bigint) =>
    database.batch({ plan: ARTIST, keys: [2n], item, answerBytesMax: 1_000 }, { minRevision });
  expect(await batch()).toEqual({ missing: 2n, revision: before });
  expect(await batch(revision)).toMatchObject({ revision });
  await resume();
  while ((await replicaOf(database)).revision < revision) await sleep(10);
  expect(await found()).toEqual([true, revision]);
});

test("a replica that is too far behind is not read from until it has caught up", async () => {
  const replicaStalenessMs = 400;
  const database = open({ replicaStalenessMs });
  await becomesUsed(database, true);
  const resume = await pauseReplay();
  const { revision } = await database.commit([create("C")]);
  const committedMs = performance.now();
  for (;;) {
    const askedMs = performance.now();
    if ((await listing(database, ArtistSchema)).revision >= revision) break;
    // Whatever was read before it was older.
    expect(askedMs - committedMs).toBeLessThanOrEqual(replicaStalenessMs);
  }
  await becomesUsed(database, false);
  expect(await replicaOf(database)).toMatchObject({ unusedReason: "it is too far behind" });
  expect((await listing(database, ArtistSchema)).revision).toBe(revision);
  await resume();
  await becomesUsed(database, true);
});

test("a replica that is lost is replaced by the primary, and used when it is back", async () => {
  const url = new URL(pair.standbyUrlOf(DATABASE));
  const { port } = url;
  const proxy = await startTcpProxy(() => Number(port));
  url.port = String(proxy.port);
  const database = open({ replicaStalenessMs: 400 }, String(url));
  await becomesUsed(database, true);
  const read = async () => {
    await listing(database, ArtistSchema);
    await getting(database, ArtistSchema, 1n);
  };
  await read();
  proxy.watch = () => "cut";
  proxy.cut();
  await Promise.all([read(), read(), read()]);
  await becomesUsed(database, false);
  await read();
  proxy.watch = undefined;
  await becomesUsed(database, true);
  const before = proxy.connections;
  await Promise.all([read(), read()]);
  expect(proxy.connections).toBeGreaterThan(before);
});

test.each([
  ["the primary itself", "it is no standby", () => pair.primaryUrlOf(DATABASE)],
  [
    "a database without tables",
    "the database does not have the schema that is needed",
    () => pair.standbyUrlOf("postgres"),
  ],
  ["another store", "it is of another database", () => pair.standbyUrlOf("other")],
  ["nobody", "the database cannot be reached", () => "postgres://postgres@127.0.0.1:1/store"],
])("%s is no replica", async (_, reason, url) => {
  const database = open({ replicaStalenessMs: 400 }, url());
  while ((await replicaOf(database)).unusedReason.endsWith("not reached yet")) await sleep(10);
  expect(await replicaOf(database)).toMatchObject({ used: false, unusedReason: reason });
  expect((await listing(database, ArtistSchema)).count).toBeGreaterThan(0);
});

test("a client says in its metadata what it has seen", async () => {
  const service = await startTestService({
    database: pair.primaryUrlOf(DATABASE),
    databaseReplicas: [pair.standbyUrlOf(DATABASE)],
  });
  const status = () => service.connection.service(DatabaseService).getDatabaseStatus({});
  while ((await status()).postgres?.replicas[0]?.used !== true) await sleep(10);
  const resume = await pauseReplay();
  const created = await service.connection
    .service(ArtistService)
    .createArtist({ artist: { displayName: "S" } });
  const channel = openChannel(service.address);
  onTestFinished(() => channel.close());
  const { getArtist } = ArtistService.method;
  const get = (seen: string) =>
    call(channel, getArtist, { name: created.name }, { metadata: { "protostore-revision": seen } });
  const revision = created.etag.replaceAll('"', "");
  await expect(get("1")).rejects.toMatchObject({ code: Code.NOT_FOUND });
  expect((await get(revision)).message).toEqual(created);
  await expect(get("newest")).rejects.toMatchObject({ code: Code.INVALID_ARGUMENT });
  await resume();
});

/** The process of the primary whose commit waits for the standby. */
async function waitingForStandby(): Promise<number> {
  const sql = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
  for (;;) {
    const [found] = await pair.onPrimary(sql);
    if (found) return found.pid as number;
    await sleep(5);
  }
}

test("nothing is acknowledged that its standby has not, not by a request id either", async () => {
  const request = { id: "held", digest: Buffer.from("held") };
  const letGo = await pair.holdStandby();
  onTestFinished(letGo);
  const database = open();
  const cancel = async () => {
    const pid = await waitingForStandby();
    await pair.onPrimary(`SELECT pg_cancel_backend(${pid})`);
    return pid;
  };
  const committing = database.commit([create("D")]);
  await cancel();
  await expect(committing).rejects.toMatchObject({ code: "DATABASE_UNAVAILABLE" });
  let isAnswered = false;
  const repeating = database.commit([create("E")], { request }).finally(() => {
    isAnswered = true;
  });
  const first = await cancel();
  // It is there, and another process waits all the same.
  while ((await waitingForStandby()) === first && !isAnswered) await sleep(5);
  expect(isAnswered).toBe(false);
  letGo();
  const { revision } = await repeating;
  expect((await database.commit([create("F")])).revision).toBe(revision + 1n);
});
