// Reads whose calls end are cancelled at the server, and no other read is in their place.

import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { ArtistSchema } from "../../gen/chinook/v1/artist_pb.ts";
import { openSession } from "../../src/database/postgres/session.ts";
import type { Statement } from "../../src/database/sql/statements.ts";
import { makePostgresDatabase } from "../contract/postgres-store.ts";
import { creating, listing } from "../contract/support.ts";

const SLOW: Statement = { sql: "SELECT pg_sleep(60)::text", parameters: [] };

test("a statement whose call is over is ended, and its connection reads on", async () => {
  const { url, open } = await makePostgresDatabase(onTestFinished);
  const database = open();
  await database.commit([creating(ArtistSchema, { displayName: "A" })]);
  const admin = await openSession({ url, connectTimeoutMs: 5_000 });
  onTestFinished(() => admin.close());
  const sleeping = async () => {
    const sql =
      "SELECT 1 FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%pg_sleep(60)%' AND pid <> pg_backend_pid()";
    return (await admin.all({ sql, parameters: [] })).length;
  };
  const ended = new AbortController();
  const reading = [database.read([SLOW], ended), database.read([SLOW], ended)];
  while ((await sleeping()) < 2) await sleep(10);
  ended.abort();
  for (const read of reading) await expect(read).rejects.toMatchObject({ code: "CANCELLED" });
  // Each of them needs one of the connections that were taken.
  const lists = await Promise.all([1, 2, 3].map(() => listing(database, ArtistSchema)));
  expect(lists.map(({ count }) => count)).toEqual([1, 1, 1]);
  expect(await sleeping()).toBe(0);
});

test("reads that are cancelled at any moment leave the others alone", async () => {
  const database = (await makePostgresDatabase(onTestFinished)).open();
  const names = Array.from({ length: 200 }, () => creating(ArtistSchema, { displayName: "A" }));
  await database.commit(names);
  const filter = 'biography = "x" OR display_name = "A"';
  const cancelled = async (afterMs: number) => {
    const ended = new AbortController();
    const reading = listing(database, ArtistSchema, { filter }, ended).catch(({ code }) => code);
    await sleep(afterMs);
    ended.abort();
    const outcome = await reading;
    if (typeof outcome === "string") expect(outcome).toBe("CANCELLED");
  };
  const whole = async () =>
    expect((await listing(database, ArtistSchema, { filter })).count).toBe(100);
  const all = Array.from({ length: 60 }, (_, i) => [cancelled((i % 7) * 2), whole()]);
  await Promise.all(all.flat());
});

test("a close gives up what goes on", async () => {
  const database = (await makePostgresDatabase(onTestFinished)).open();
  const reading = database.read([SLOW]).catch(({ code }) => code);
  await sleep(200);
  await database.close();
  expect(await reading).toBe("DATABASE_UNAVAILABLE");
});
