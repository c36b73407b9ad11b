// Several servers over one database, whose connections are cut again and again: what was acknowledged is
// there once, each commit has a revision of its own, and no reader misses one.

import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { ArtistSchema } from "../../gen/chinook/v1/artist_pb.ts";
import type { Database } from "../../src/database/database.ts";
import { openSession } from "../../src/database/postgres/session.ts";
import { StoreError } from "../../src/errors.ts";
import { makePostgresDatabase } from "../contract/postgres-store.ts";
import { creating, getting, listingAll, updating } from "../contract/support.ts";

const SERVERS = 3;
const WRITERS = 16;
const WRITES = 25;
const CUTS = 20;

/** Retries what may not have happened: by its request id it happens once. */
async function untilKnown<T>(attempt: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      const isRetried =
        error instanceof StoreError &&
        (error.code === "DATABASE_UNAVAILABLE" || error.code === "DATABASE_BUSY");
      if (!isRetried) throw error;
      await sleep(20);
    }
  }
}

async function openServers(): Promise<{
  readonly servers: readonly Database[];
  readonly cut: () => Promise<number>;
}> {
  const { url, open } = await makePostgresDatabase(onTestFinished);
  const admin = await openSession({ url, connectTimeoutMs: 5_000 });
  onTestFinished(() => admin.close());
  const cut = async () => {
    const found = await admin.all({
      sql:
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() " +
        "AND pid <> pg_backend_pid() AND application_name = 'protostore' ORDER BY random() LIMIT 2",
      parameters: [],
    });
    return found.length;
  };
  return { servers: Array.from({ length: SERVERS }, () => open()), cut };
}

test("creates from all servers are there once, in the order of their revisions", async () => {
  const { servers, cut } = await openServers();
  const acknowledged = new Map<string, bigint>();
  const writers = Array.from({ length: WRITERS }, async (_, writer) => {
    for (let write = 0; write < WRITES; write++) {
      const displayName = `${writer}.${write}`;
      const request = { id: displayName, digest: Buffer.from(displayName) };
      const { revision } = await untilKnown(() => {
        const server = servers[(writer + write) % SERVERS] as Database;
        return server.commit([creating(ArtistSchema, { displayName })], { request });
      });
      acknowledged.set(displayName, revision);
    }
  });
  let cuts = 0;
  const done = Promise.all(writers);
  const isDone = done.then(() => true);
  while (!(await Promise.race([isDone, sleep(30)])) && cuts < CUTS)
    cuts += (await cut()) > 0 ? 1 : 0;
  await done;
  expect(cuts).toBeGreaterThan(3);
  const read = () => listingAll(servers[0] as Database, ArtistSchema, { pageSize: 100 });
  const { messages } = await untilKnown(read);
  expect(messages.map(({ displayName }) => displayName).sort()).toEqual(
    [...acknowledged.keys()].sort(),
  );
  expect(new Set(acknowledged.values()).size).toBe(WRITERS * WRITES);
});

test("of updates with the same etag from all servers one is done", async () => {
  const { servers } = await openServers();
  const [first] = servers as [Database];
  await first.commit([creating(ArtistSchema, { displayName: "0" }, 1n)]);
  const count = async (server: Database) => {
    for (let done = 0; done < 10; ) {
      const artist = await getting(server, ArtistSchema, 1n);
      const displayName = `${Number(artist?.displayName) + 1}`;
      const patch = { name: "artists/1", displayName, etag: artist?.etag ?? "" };
      const outcome = await server
        .commit([updating(ArtistSchema, patch, ["display_name"])])
        .catch(({ code }) => code);
      if (outcome !== "ETAG_MISMATCH") done += 1;
    }
  };
  await Promise.all([...servers, ...servers].map(count));
  expect((await getting(first, ArtistSchema, 1n))?.displayName).toBe(`${SERVERS * 2 * 10}`);
});

test("a reader that asks for what is after the last revision it saw misses none", async () => {
  const { servers } = await openServers();
  const [reader] = servers as [Database];
  const seen = new Set<bigint>();
  let last = 0n;
  let isOver = false;
  const poll = async () => {
    const statement = {
      sql: "SELECT revision FROM artists WHERE revision > ? ORDER BY revision",
      parameters: [last],
    };
    const { rows } = await reader.read([statement]);
    for (const [revision] of rows[0] ?? []) {
      last = revision as bigint;
      seen.add(last);
    }
  };
  const polling = (async () => {
    while (!isOver) await poll();
    await poll();
  })();
  const writers = servers.flatMap((server) =>
    Array.from({ length: 4 }, async () => {
      for (let i = 0; i < 25; i++) {
        await server.commit([creating(ArtistSchema, { displayName: "A" })]);
      }
    }),
  );
  await Promise.all(writers);
  isOver = true;
  await polling;
  expect(seen.size).toBe(SERVERS * 4 * 25);
});
