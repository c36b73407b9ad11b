// Holds the group commit: commits share a transaction and are all the same as if each had its own.

import { fromBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { expect, test } from "vitest";
import { type Album, AlbumSchema } from "../../gen/chinook/v1/album_pb.ts";
import { ArtistSchema } from "../../gen/chinook/v1/artist_pb.ts";
import type { Commit, Operation } from "../../src/database/database.ts";
import { StoreError } from "../../src/errors.ts";
import { DYING, LAST_ARTIST } from "./dying-resources.ts";
import { createOf, deleteOf, type Opened, openDatabase, pluck, updateOf } from "./writer.ts";

const SEED = Number(process.env.SEED ?? Date.now() % 2 ** 31);

type Settled = PromiseSettledResult<Commit>;

function codeOf(settled: Settled | undefined): string {
  if (settled?.status !== "rejected") return "OK";
  return settled.reason instanceof StoreError ? settled.reason.code : String(settled.reason);
}

/** Runs `work` while another program holds the write lock, so that all of its commits meet. */
async function gathered<T>({ outside }: Opened, work: () => Promise<T>): Promise<T> {
  outside.exec("BEGIN IMMEDIATE");
  const done = work();
  await new Promise((resolve) => setTimeout(resolve, 50));
  outside.exec("ROLLBACK");
  return done;
}

test("commits that arrive together share a transaction", async () => {
  const opened = await openDatabase();
  const { database, outside } = opened;
  outside.pragma("wal_checkpoint(TRUNCATE)");
  const names = Array.from({ length: 100 }, (_, i) => `artist ${i}`);
  const commits = await gathered(opened, () =>
    Promise.all(
      names.map((displayName) => database.commit([createOf(ArtistSchema, { displayName })])),
    ),
  );
  const [{ log }] = outside.pragma("wal_checkpoint(NOOP)") as [{ log: bigint }];
  // One by one, each would have written at least the page of its row and that of the revision.
  expect(Number(log)).toBeLessThan(100);
  const revisions = commits.map(({ revision }) => revision);
  expect(revisions).toEqual(names.map((_, i) => BigInt(i + 1)));
  expect(pluck(outside, "SELECT revision FROM store_state")).toBe(100n);
  const stored = commits.map(({ messages }) => fromBinary(ArtistSchema, messages[0] as Uint8Array));
  expect(stored.map(({ displayName }) => displayName)).toEqual(names);
  expect(stored.map(({ etag }) => etag)).toEqual(revisions.map((revision) => `"${revision}"`));
});

test("one that fails is rolled back alone, and takes neither revision nor row", async () => {
  const opened = await openDatabase();
  const { database, outside } = opened;
  await database.commit([createOf(ArtistSchema, { displayName: "one" })]);
  const album = (i: number) => (i % 3 === 0 ? "artists/404" : "artists/1");
  const settled = await gathered(opened, () =>
    Promise.allSettled(
      Array.from({ length: 60 }, (_, i) =>
        database.commit([
          createOf(AlbumSchema, { title: `a${i}`, artist: "artists/1" }),
          createOf(AlbumSchema, { title: `b${i}`, artist: album(i) }),
        ]),
      ),
    ),
  );
  expect(settled.map(codeOf)).toEqual(settled.map((_, i) => (i % 3 === 0 ? "FOREIGN_KEY" : "OK")));
  const titles = outside.prepare("SELECT Title FROM albums ORDER BY AlbumId").pluck().all();
  const kept = settled.flatMap((_, i) => (i % 3 === 0 ? [] : [`a${i}`, `b${i}`]));
  expect(titles).toEqual(kept);
  expect(pluck(outside, "SELECT revision FROM store_state")).toBe(41n);
});

const key = fc.integer({ min: 1, max: 40 }).map(BigInt);
const title = fc.stringMatching(/^[a-z]{1,8}$/);
const artist = fc.integer({ min: 1, max: 7 }).map((id) => `artists/${id}`);
const etag = fc.constantFrom("", '"3"');

/** Creates, updates and deletes, some of which cannot be: rows, references and etags are few. */
const arbitraryOperation: fc.Arbitrary<Operation> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({ title, artist }).map((album) => createOf(AlbumSchema, album)),
  },
  fc
    .record({ album: fc.record({ title, artist }), key })
    .map((each) => createOf(AlbumSchema, each.album, each.key)),
  artist.map((name) => createOf(AlbumSchema, { artist: name })),
  fc
    .record({ title, key })
    .map((each) =>
      updateOf(AlbumSchema, { name: `albums/${each.key}`, title: each.title }, ["title"]),
    ),
  fc
    .record({ name: artist, displayName: title, etag })
    .map((each) => updateOf(ArtistSchema, each, ["*"])),
  key.map((each) => deleteOf(AlbumSchema, each)),
);

/** The artists that there are before. */
const ARTISTS = 5n;

const arbitraryCommit = fc.record({
  operations: fc.array(arbitraryOperation, { minLength: 1, maxLength: 3 }),
  options: fc.record({ validateOnly: fc.integer({ max: 7, min: 0 }).map((n) => n === 0) }),
});

test(`a group ends as its commits would one by one (SEED=${SEED})`, async () => {
  const opened = await openDatabase();
  const alone = await openDatabase();
  for (const { database } of [opened, alone]) {
    for (let i = 0; i < ARTISTS; i++) {
      await database.commit([createOf(ArtistSchema, { displayName: `artist ${i}` })]);
    }
  }
  const commits = fc.sample(arbitraryCommit, { numRuns: 300, seed: SEED });
  const together = await gathered(opened, () =>
    Promise.allSettled(
      commits.map(({ operations, options }) => opened.database.commit(operations, options)),
    ),
  );
  const oneByOne: Settled[] = [];
  for (const { operations, options } of commits) {
    oneByOne.push(...(await Promise.allSettled([alone.database.commit(operations, options)])));
  }
  expect(together.map(codeOf)).toEqual(oneByOne.map(codeOf));
  expect(new Set(together.map(codeOf)).size).toBeGreaterThan(3);
  const rows = ({ outside }: Opened) =>
    outside.prepare("SELECT AlbumId, Title, ArtistId, revision FROM albums").raw().all();
  expect(rows(opened)).toEqual(rows(alone));
  const etags = (settled: Settled[]) =>
    settled.map((each) => (each.status === "fulfilled" ? each.value.revision : null));
  expect(etags(together)).toEqual(etags(oneByOne));
  const done = together.filter(
    ({ status }, i) => status === "fulfilled" && !commits[i]?.options.validateOnly,
  );
  const revision = pluck(opened.outside, "SELECT revision FROM store_state");
  expect(revision).toBe(ARTISTS + BigInt(done.length));
});

test("a request that comes twice in a group is carried out once", async () => {
  const opened = await openDatabase();
  const { database, outside } = opened;
  const request = { id: "7f3e0a52-6d1c-4b8e-9a57-0c2d4e6f8a1b", digest: new Uint8Array(32) };
  const [first, second] = await gathered(opened, () =>
    Promise.all([
      database.commit([createOf(ArtistSchema, { displayName: "once" })], { request }),
      database.commit([createOf(ArtistSchema, { displayName: "once" })], { request }),
    ]),
  );
  expect(second).toEqual(first);
  expect(pluck(outside, "SELECT count(*) FROM artists")).toBe(1n);
  expect(pluck(outside, "SELECT revision FROM store_state")).toBe(1n);
});

test("a call whose deadline passes while it waits runs no SQL", async () => {
  const { database, outside } = await openDatabase();
  outside.exec("BEGIN IMMEDIATE");
  const create = createOf(ArtistSchema, { displayName: "late" });
  const late = await Promise.allSettled(
    [20, 30, 40].map((ms) => database.commit([create], { deadlineMs: Date.now() + ms })),
  );
  outside.exec("COMMIT");
  expect(late.map(codeOf)).toEqual(["DEADLINE_EXCEEDED", "DEADLINE_EXCEEDED", "DEADLINE_EXCEEDED"]);
  const { revision } = await database.commit([createOf(ArtistSchema, { displayName: "next" })]);
  expect(revision).toBe(1n);
  expect(pluck(outside, "SELECT count(*) FROM artists")).toBe(1n);
});

test("a lock that is never let go is DATABASE_BUSY, and writes go on after it", async () => {
  const { database, outside } = await openDatabase({ writeTimeoutMs: 50 });
  outside.exec("BEGIN IMMEDIATE");
  const create = createOf(ArtistSchema, { displayName: "x" });
  const settled = await Promise.allSettled([database.commit([create]), database.commit([create])]);
  outside.exec("COMMIT");
  expect(settled.map(codeOf)).toEqual(["DATABASE_BUSY", "DATABASE_BUSY"]);
  expect((await database.commit([create])).revision).toBe(1n);
});

test.for([
  ["commits", { commitQueueMax: 10 }, 10],
  ["bytes", { commitQueueBytes: 10 * 1_002 }, 10],
] as const)(
  "a queue that is full of %s refuses the next with a time to come again",
  async ([, limits, accepted]) => {
    const opened = await openDatabase(limits);
    const { database, outside } = opened;
    const create = createOf(ArtistSchema, {
      displayName: "x".repeat(100),
      biography: "y".repeat(895),
    });
    const settled = await gathered(opened, () =>
      Promise.allSettled(Array.from({ length: 15 }, () => database.commit([create]))),
    );
    expect(settled.map(codeOf)).toEqual(
      settled.map((_, i) => (i < accepted ? "OK" : "OVERLOADED")),
    );
    const refused = settled.at(-1) as PromiseRejectedResult;
    expect((refused.reason as StoreError).details.retryDelayMs).toBeGreaterThan(0);
    expect(pluck(outside, "SELECT count(*) FROM artists")).toBe(BigInt(accepted));
    expect((await database.commit([create])).revision).toBe(BigInt(accepted + 1));
  },
);

test("rows of one call that cannot be inserted together are still refused by their own name", async () => {
  const { database, outside } = await openDatabase();
  await database.commit([createOf(ArtistSchema, { displayName: "one" })]);
  const albums = Array.from({ length: 50 }, (_, i) => ({
    ...createOf(AlbumSchema, { title: `t${i}`, artist: i === 37 ? "artists/2" : "artists/1" }),
    path: `requests[${i}].album`,
    item: `requests[${i}]`,
  }));
  const [failed] = await Promise.allSettled([database.commit(albums)]);
  expect(codeOf(failed)).toBe("FOREIGN_KEY");
  const { details } = (failed as PromiseRejectedResult).reason as StoreError;
  expect(details.metadata?.item).toBe("requests[37]");
  expect(pluck(outside, "SELECT count(*) FROM albums")).toBe(0n);
  const good = albums.filter((_, i) => i !== 37);
  const { messages } = await database.commit(good);
  const stored = messages.map((bytes): Album => fromBinary(AlbumSchema, bytes as Uint8Array));
  expect(stored.map(({ name }) => name)).toEqual(good.map((_, i) => `albums/${i + 1}`));
});

test("a writer that dies leaves no commit without an answer, and is replaced", async () => {
  const opened = await openDatabase({}, DYING.definitions);
  const { database, outside } = opened;
  const names = ["one", LAST_ARTIST, "three"];
  const settled = await gathered(opened, () =>
    Promise.allSettled(
      names.map((displayName) => database.commit([createOf(ArtistSchema, { displayName })])),
    ),
  );
  expect(settled.map(codeOf)).toEqual(names.map(() => "DATABASE_UNAVAILABLE"));
  expect(pluck(outside, "SELECT count(*) FROM artists")).toBe(0n);
  expect((await database.commit([createOf(ArtistSchema, { displayName: "four" })])).revision).toBe(
    1n,
  );
});
