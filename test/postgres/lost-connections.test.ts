// Commits and reads whose connection is lost, or that another transaction is in the way of: what is known
// not to be there is done again, what may be there only by its request id, and nothing twice.

import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { ArtistSchema } from "../../gen/chinook/v1/artist_pb.ts";
import type { Database } from "../../src/database/database.ts";
import { openSession, type Session } from "../../src/database/postgres/session.ts";
import type { Statement } from "../../src/database/sql/statements.ts";
import type { Limits } from "../../src/limits.ts";
import { makePostgresDatabase, openPostgresAt } from "../contract/postgres-store.ts";
import { creating, getting, listing, updating } from "../contract/support.ts";
import { startTcpProxy, type TcpProxy } from "../support/tcp-proxy.ts";

const text = (sql: string): Statement => ({ sql, parameters: [] });
const artist = creating(ArtistSchema, { displayName: "A" });
const request = { id: "one", digest: Buffer.from("one") };

interface Stage {
  readonly database: Database;
  /** What the connections of the database go through. */
  readonly proxy: TcpProxy;
  /** A connection beside them. */
  readonly other: Session;
  count(): Promise<number>;
}

async function stage(limits: Partial<Limits> = {}): Promise<Stage> {
  const { url } = await makePostgresDatabase(onTestFinished);
  const proxy = await startTcpProxy(() => Number(new URL(url).port));
  const other = await openSession({ url, connectTimeoutMs: 5_000 });
  onTestFinished(() => other.close());
  const through = new URL(url);
  through.port = String(proxy.port);
  const database = openPostgresAt(String(through), { limits });
  const count = async () => {
    const [[rows] = []] = await other.all(text("SELECT count(*) FROM artists"));
    return Number(rows);
  };
  return { database, proxy, other, count };
}

/** The servers' processes that wait for a lock. */
async function waiting(other: Session): Promise<readonly bigint[]> {
  for (;;) {
    const rows = await other.all(text("SELECT pid FROM pg_locks WHERE NOT granted"));
    if (rows.length > 0) return rows.map(([pid]) => pid as bigint);
    await sleep(5);
  }
}

const COMMIT = Buffer.from("COMMIT\0");

test("a commit that is cut before it was ended is carried out once", async () => {
  const { database, other, count } = await stage();
  await other.script("BEGIN; SELECT * FROM store_state FOR UPDATE");
  const committing = database.commit([artist]);
  for (const pid of await waiting(other)) {
    await other.all({ sql: "SELECT pg_terminate_backend(?::int)", parameters: [pid] });
  }
  await other.script("COMMIT");
  expect((await committing).revision).toBe(1n);
  expect(await count()).toBe(1);
});

test.each(["pass and cut", "cut"] as const)(
  "a commit whose end is lost (%s) is open",
  async (end) => {
    const { database, proxy, count } = await stage();
    const endings: Buffer[] = [];
    proxy.watch = (bytes) => {
      if (!bytes.includes(COMMIT) || endings.push(bytes) > 1) return "pass";
      return end;
    };
    const isThere = end === "pass and cut" ? 1 : 0;
    await expect(database.commit([artist])).rejects.toMatchObject({ code: "DATABASE_UNAVAILABLE" });
    expect(await count()).toBe(isThere);
    endings.length = 0;
    const { revision, messages } = await database.commit([artist], { request });
    expect(revision).toBe(BigInt(isThere + 1));
    expect(await count()).toBe(isThere + 1);
    const again = await database.commit([artist], { request });
    expect(again).toEqual({ revision, messages: messages.map((each) => Buffer.from(each ?? [])) });
  },
);

test("of commits that share an end that is lost, those with a request id are settled", async () => {
  const { database, proxy, count } = await stage();
  let ends = 0;
  proxy.watch = (bytes) => (bytes.includes(COMMIT) && ends++ === 0 ? "pass and cut" : "pass");
  const outcomes = await Promise.allSettled([
    database.commit([artist], { request }),
    database.commit([artist]),
    database.commit([artist], { request: { id: "two", digest: Buffer.from("two") } }),
  ]);
  expect(outcomes.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
  expect(await count()).toBe(3);
});

test("a group that meets another transaction in a circle is carried out after it", async () => {
  const { database, other } = await stage();
  await database.commit([
    creating(ArtistSchema, { displayName: "A" }, 1n),
    creating(ArtistSchema, { displayName: "B" }, 2n),
  ]);
  // This side looks for circles first, so that it is the one that is given up.
  await other.script("SET deadlock_timeout = '1h'; BEGIN");
  await other.all(text("SELECT * FROM artists WHERE ArtistId = 1 FOR UPDATE"));
  const changed = updating(ArtistSchema, { name: "artists/1", displayName: "C" }, ["display_name"]);
  const committing = Promise.all([database.commit([changed]), database.commit([artist])]);
  await waiting(other);
  await other.script("UPDATE artists SET Name = 'D' WHERE ArtistId = 2; COMMIT");
  await committing;
  expect(await getting(database, ArtistSchema, 1n)).toMatchObject({ displayName: "C" });
  expect(await getting(database, ArtistSchema, 2n)).toMatchObject({ displayName: "D" });
});

test("a read whose connection is cut is read on another", async () => {
  const { database, proxy } = await stage();
  await database.commit([creating(ArtistSchema, { displayName: "A" }, 1n)]);
  await listing(database, ArtistSchema);
  await getting(database, ArtistSchema, 1n);
  let cuts = 0;
  for (const read of [
    () => listing(database, ArtistSchema),
    () => getting(database, ArtistSchema, 1n),
  ]) {
    let isCut = false;
    proxy.watch = (bytes) => {
      if (isCut || !bytes.includes("artists")) return "pass";
      isCut = true;
      cuts += 1;
      return "cut";
    };
    await read();
  }
  expect(cuts).toBe(2);
});

test("a server that says nothing any more is left for one that does", async () => {
  const { database, proxy, count } = await stage({ writeTimeoutMs: 300, readGraceMs: 100 });
  await database.commit([artist]);
  proxy.isSilent = true;
  const lost = database.commit([artist], { request }).catch(({ code }) => code);
  expect(await lost).toBe("DATABASE_UNAVAILABLE");
  proxy.isSilent = false;
  await database.commit([artist], { request });
  expect(await count()).toBe(2);
});

test("commits wait for room on a server that has no more connections", async () => {
  const { url } = await makePostgresDatabase(onTestFinished);
  const other = await openSession({ url, connectTimeoutMs: 5_000 });
  await other.script(
    "CREATE ROLE lonely LOGIN CONNECTION LIMIT 1 IN ROLE pg_read_all_data, pg_write_all_data",
  );
  const lonely = url.replace("//postgres@", "//lonely@");
  const only = await openSession({ url: lonely, connectTimeoutMs: 5_000 });
  const refused = openPostgresAt(lonely, { limits: { writeTimeoutMs: 100 } });
  await expect(refused.commit([artist])).rejects.toMatchObject({ code: "DATABASE_BUSY" });
  const committing = openPostgresAt(lonely).commit([artist]);
  await expect(openSession({ url: lonely, connectTimeoutMs: 5_000 })).rejects.toMatchObject({
    code: "53300",
  });
  await only.close();
  expect((await committing).revision).toBe(1n);
  onTestFinished(async () => {
    await other.script(
      "REASSIGN OWNED BY lonely TO postgres; DROP OWNED BY lonely; DROP ROLE lonely",
    );
    await other.close();
  });
});
