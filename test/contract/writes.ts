// A commit does all of its operations or none, is there for good once it is answered, and can be sent
// again by its request id.

import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { AlbumSchema } from "../../gen/chinook/v1/album_pb.ts";
import { ArtistSchema } from "../../gen/chinook/v1/artist_pb.ts";
import { PlaylistSchema } from "../../gen/chinook/v1/playlist_pb.ts";
import type { Commit, Database, ExecuteOperation } from "../../src/database/database.ts";
import { StoreError } from "../../src/errors.ts";
import {
  creating,
  deleting,
  getting,
  keyOf,
  listing,
  type MakeStore,
  planOf,
  sale,
  updating,
} from "./support.ts";

const named = (displayName: string) => creating(ArtistSchema, { displayName });
const artistIn = ({ messages }: Commit, at = 0) =>
  fromBinary(ArtistSchema, messages[at] ?? new Uint8Array());

export function describeWrites(makeStore: MakeStore): void {
  const opened = async () => (await makeStore()).open();
  const count = async (database: Database) => (await listing(database, ArtistSchema)).count;

  test("creates get new keys, times and etags, and each commit the next revision", async () => {
    const database = await opened();
    const first = await database.commit([named("A"), named("B")]);
    const second = await database.commit([named("C")]);
    expect(second.revision).toBe(first.revision + 1n);
    const made = [artistIn(first), artistIn(first, 1), artistIn(second)];
    expect(made.map(keyOf)).toEqual([1n, 2n, 3n]);
    expect(made.map(({ displayName }) => displayName)).toEqual(["A", "B", "C"]);
    expect(made[0]?.etag).toBe(made[1]?.etag);
    expect(made[0]?.etag).not.toBe(made[2]?.etag);
    for (const { createTime, updateTime } of made) {
      expect(Math.abs(Number(createTime?.seconds) - Date.now() / 1_000)).toBeLessThan(60);
      expect(updateTime).toEqual(createTime);
    }
  });

  test("the key of a row that is gone is not given again", async () => {
    const database = await opened();
    await database.commit([named("A"), named("B")]);
    await database.commit([deleting(ArtistSchema, 2n)]);
    expect(keyOf(artistIn(await database.commit([named("C")])))).toBe(3n);
  });

  test("a key that is taken is refused", async () => {
    const database = await opened();
    await database.commit([creating(ArtistSchema, { displayName: "A" }, 5n)]);
    const again = database.commit([creating(ArtistSchema, { displayName: "B" }, 5n)]);
    await expect(again).rejects.toMatchObject({ code: "RESOURCE_EXISTS" });
    expect((await getting(database, ArtistSchema, 5n))?.displayName).toBe("A");
  });

  test("an update changes what its mask names, and nothing else", async () => {
    const database = await opened();
    const old = { displayName: "A", biography: "old", regionCode: "BR", links: { a: "b" } };
    const created = artistIn(await database.commit([creating(ArtistSchema, old, 1n)]));
    const patch = { name: "artists/1", biography: "new", regionCode: "US" };
    const updated = artistIn(
      await database.commit([updating(ArtistSchema, patch, ["biography", "links"])]),
    );
    expect(updated).toMatchObject({ displayName: "A", biography: "new", regionCode: "BR" });
    expect(updated.links).toEqual({});
    expect(updated.createTime).toEqual(created.createTime);
    expect(updated.etag).not.toBe(created.etag);
    expect(await getting(database, ArtistSchema, 1n)).toEqual(updated);
  });

  test("an update of no row is refused, or creates it if that is allowed", async () => {
    const database = await opened();
    const update = (allowMissing: boolean) =>
      database.commit([
        updating(ArtistSchema, { name: "artists/7", displayName: "A" }, [], allowMissing),
      ]);
    await expect(update(false)).rejects.toMatchObject({ code: "RESOURCE_NOT_FOUND" });
    expect(artistIn(await update(true))).toMatchObject({ name: "artists/7", displayName: "A" });
    expect(keyOf(artistIn(await database.commit([named("B")])))).toBe(8n);
  });

  test("of updates and deletes with one etag the first is done", async () => {
    const database = await opened();
    const { etag } = artistIn(await database.commit([named("A")]));
    const update = (displayName: string) =>
      database.commit([
        updating(ArtistSchema, { name: "artists/1", displayName, etag }, ["display_name"]),
      ]);
    const outcomes = await Promise.allSettled(["B", "C", "D", "E"].map(update));
    const done = outcomes.filter(({ status }) => status === "fulfilled");
    expect(done).toHaveLength(1);
    const lost = outcomes.flatMap((each) => (each.status === "rejected" ? [each.reason.code] : []));
    expect(lost).toEqual(["ETAG_MISMATCH", "ETAG_MISMATCH", "ETAG_MISMATCH"]);
    const remove = (given: string) =>
      database.commit([deleting(ArtistSchema, 1n, { etag: given })]);
    await expect(remove(etag)).rejects.toMatchObject({ code: "ETAG_MISMATCH" });
    await remove((await getting(database, ArtistSchema, 1n))?.etag ?? "");
    expect(await getting(database, ArtistSchema, 1n)).toBeUndefined();
  });

  test("a delete of no row is refused, or does nothing if that is allowed", async () => {
    const database = await opened();
    const missing = database.commit([deleting(ArtistSchema, 1n)]);
    await expect(missing).rejects.toMatchObject({ code: "RESOURCE_NOT_FOUND" });
    const { messages } = await database.commit([
      deleting(ArtistSchema, 1n, { allowMissing: true }),
    ]);
    expect(messages).toEqual([undefined]);
  });

  test("what refers to a row keeps it, unless the delete is forced", async () => {
    const database = await opened();
    const album = creating(AlbumSchema, { title: "T", artist: "artists/1" }, 1n);
    await database.commit([named("A"), album]);
    const refused = database.commit([deleting(ArtistSchema, 1n)]);
    await expect(refused).rejects.toMatchObject({ code: "FOREIGN_KEY" });
    await database.commit([deleting(ArtistSchema, 1n, { force: true })]);
    expect(await getting(database, ArtistSchema, 1n)).toBeUndefined();
    expect(await getting(database, AlbumSchema, 1n)).toBeUndefined();
  });

  test("a reference must have its row, which may be of the same commit", async () => {
    const database = await opened();
    const album = creating(AlbumSchema, { title: "T", artist: "artists/1" }, 1n);
    await expect(database.commit([album])).rejects.toMatchObject({ code: "FOREIGN_KEY" });
    await database.commit([named("A"), album]);
    expect((await getting(database, AlbumSchema, 1n))?.artist).toBe("artists/1");
  });

  test("a check fails if there is no such row, and changes nothing", async () => {
    const database = await opened();
    const { revision } = await database.commit([named("A")]);
    const check = { kind: "check", plan: planOf(ArtistSchema), key: 1n } as const;
    expect((await database.commit([check])).messages).toEqual([undefined]);
    const missing = database.commit([{ ...check, key: 2n }]);
    await expect(missing).rejects.toMatchObject({ code: "RESOURCE_NOT_FOUND" });
    expect(
      artistIn({ messages: [(await database.get(planOf(ArtistSchema), 1n)).message], revision })
        .displayName,
    ).toBe("A");
  });

  test("a fill of rows that have their bytes changes nothing, and takes no revision", async () => {
    const database = await opened();
    const { revision } = await database.commit([named("A")]);
    const before = await getting(database, ArtistSchema, 1n);
    const fill = { kind: "fill", plan: planOf(ArtistSchema), key: 1n } as const;
    await database.commit([fill]);
    expect(await getting(database, ArtistSchema, 1n)).toEqual(before);
    expect((await database.status()).revision).toBe(revision);
    expect((await database.bareRows(planOf(ArtistSchema), undefined, 10)).rows).toEqual([]);
  });

  test("a statement that is written by hand is judged by the rows that it changed", async () => {
    const database = await opened();
    await database.commit([...sale(1), creating(PlaylistSchema, { displayName: "P" }, 1n)]);
    const [noRow, exists, foreignKey] = [
      "nothing was there",
      "it is on the list",
      "no such track",
    ].map((message) => new StoreError("RESOURCE_NOT_FOUND", message)) as [
      StoreError,
      StoreError,
      StoreError,
    ];
    const add = (track: bigint): ExecuteOperation => ({
      kind: "execute",
      statement: {
        sql: "INSERT INTO playlist_track (PlaylistId, TrackId) VALUES (?, ?)",
        parameters: [1n, track],
      },
      check: { rows: 1, exists, foreignKey },
    });
    const remove: ExecuteOperation = {
      kind: "execute",
      statement: {
        sql: "DELETE FROM playlist_track WHERE PlaylistId = ? AND TrackId = ?",
        parameters: [1n, 1n],
      },
      check: { rows: 1, noRow },
    };
    await expect(database.commit([remove])).rejects.toThrow("nothing was there");
    await expect(database.commit([add(9n)])).rejects.toThrow("no such track");
    await database.commit([add(1n)]);
    await expect(database.commit([add(1n)])).rejects.toThrow("it is on the list");
    await database.commit([remove]);
    await expect(database.commit([remove])).rejects.toThrow("nothing was there");
  });

  const REPEATABLE = { request: { id: "one", digest: new Uint8Array([1]) } };
  test.for([
    ["as it is", {}],
    ["that may be sent again", REPEATABLE],
  ] as const)("a commit %s is done as a whole or not at all", async ([, options]) => {
    const database = await opened();
    const { revision } = await database.commit([named("A")]);
    const missing = { ...deleting(ArtistSchema, 9n), item: "requests[2]" };
    const patch = updating(ArtistSchema, { name: "artists/1", displayName: "Z" }, ["display_name"]);
    const failed = database.commit([patch, named("B"), missing], options);
    await expect(failed).rejects.toMatchObject({ code: "RESOURCE_NOT_FOUND" });
    await expect(failed).rejects.toThrow(/^requests\[2\]: /);
    expect((await getting(database, ArtistSchema, 1n))?.displayName).toBe("A");
    expect(await count(database)).toBe(1);
    expect((await database.status()).revision).toBe(revision);
  });

  test("the first row that is refused is told, though no id is left for a later one", async () => {
    const database = await opened();
    const last = { ...named("A"), key: 2n ** 63n - 1n };
    await database.commit([last]);
    const items = [last, named("B")].map((each, index) => ({
      ...each,
      item: `requests[${index}]`,
    }));
    const failed = database.commit(items);
    await expect(failed).rejects.toMatchObject({ code: "RESOURCE_EXISTS" });
    await expect(failed).rejects.toThrow(/^requests\[0\]: /);
  });

  test("bytes that are no message, or one that cannot be stored, are refused", async () => {
    const database = await opened();
    const broken = { ...named("A"), message: new Uint8Array([0xff]) };
    await expect(database.commit([broken])).rejects.toMatchObject({ code: "INVALID_FIELD" });
    const fields = [{ field: "artist.display_name" }];
    const long = database.commit([named("x".repeat(121))]);
    await expect(long).rejects.toMatchObject({ code: "INVALID_FIELD", details: { fields } });
    expect(await count(database)).toBe(0);
  });

  test("what is only to be validated is answered and taken back", async () => {
    const database = await opened();
    const { revision } = await database.commit([named("A")]);
    const tried = await database.commit([named("B")], { validateOnly: true });
    expect(artistIn(tried)).toMatchObject({ displayName: "B" });
    expect(await count(database)).toBe(1);
    expect((await database.status()).revision).toBe(revision);
    // Others that come with it stay.
    await Promise.all([
      database.commit([named("C")]),
      database.commit([named("D")], { validateOnly: true }),
      database.commit([named("E")]),
    ]);
    const { messages } = await listing(database, ArtistSchema);
    expect(messages.map(({ displayName }) => displayName)).toEqual(["A", "C", "E"]);
    expect((await database.status()).revision).toBe(revision + 2n);
    const refused = database.commit([deleting(ArtistSchema, 9n)], { validateOnly: true });
    await expect(refused).rejects.toMatchObject({ code: "RESOURCE_NOT_FOUND" });
  });

  test("a request that is sent again is answered again, and done once", async () => {
    const store = await makeStore();
    const database = store.open();
    const request = { id: "8b4c4f0e-0000-4000-8000-000000000001", digest: new Uint8Array([1]) };
    const first = await database.commit([named("A")], { request });
    await database.commit([named("B")]);
    const again = await database.commit([named("A")], { request });
    expect(again.revision).toBe(first.revision);
    expect(again.messages.map(hex)).toEqual(first.messages.map(hex));
    const other = { ...request, digest: new Uint8Array([2]) };
    const refused = database.commit([named("C")], { request: other });
    const fields = [{ field: "request_id" }];
    await expect(refused).rejects.toMatchObject({ code: "INVALID_FIELD", details: { fields } });
    expect(await count(database)).toBe(2);
    await database.close();
    const later = await store.open().commit([named("A")], { request });
    expect(later.messages.map(hex)).toEqual(first.messages.map(hex));
  });

  test("of commits that come together each is done alone, and one that fails fails alone", async () => {
    const database = await opened();
    const commits = Array.from({ length: 40 }, (_, index) =>
      database.commit(
        index % 8 === 5 ? [named("x"), deleting(ArtistSchema, 999n)] : [named(`${index}`)],
      ),
    );
    const outcomes = await Promise.allSettled(commits);
    const done = outcomes.flatMap((each) => (each.status === "fulfilled" ? [each.value] : []));
    expect(done).toHaveLength(35);
    expect(new Set(done.map(({ revision }) => revision)).size).toBe(35);
    expect(new Set(done.map((commit) => artistIn(commit).etag)).size).toBe(35);
    const { messages } = await listing(database, ArtistSchema);
    expect(messages.map(({ displayName }) => displayName)).not.toContain("x");
    expect(messages).toHaveLength(35);
    expect((await database.status()).revision).toBe(35n);
  });

  test("an answer that is too large to be sent is refused, if one is wanted", async () => {
    const database = (await makeStore()).open({ limits: { sendMessageBytes: 2_000 } });
    const two = [1n, 2n].map((key) =>
      creating(ArtistSchema, { displayName: "A", biography: "x".repeat(900) }, key),
    );
    const three = [...two, named("x".repeat(100)), named("y".repeat(100))];
    await expect(database.commit(three)).rejects.toMatchObject({ code: "ANSWER_TOO_LARGE" });
    expect(await count(database)).toBe(0);
    await database.commit(three, { answered: false });
    expect(await count(database)).toBe(4);
  });

  test("what is answered is there when the store is opened again", async () => {
    const store = await makeStore();
    const database = store.open();
    const { messages, revision } = await database.commit([named("A")]);
    await database.close();
    const found = await store.open().get(planOf(ArtistSchema), 1n);
    expect(hex(found.message)).toBe(hex(messages[0]));
    expect(found.revision).toBe(revision);
  });

  test("without writes there is nothing to write", async () => {
    const store = await makeStore();
    await store.open().commit([named("A")]);
    const reading = store.open({ readOnly: true });
    expect((await getting(reading, ArtistSchema, 1n))?.displayName).toBe("A");
    await expect(reading.commit([named("B")])).rejects.toMatchObject({ code: "READ_ONLY_MODE" });
    expect(await count(reading)).toBe(1);
  });

  test("a message keeps what clients may not set", async () => {
    const database = await opened();
    const sent = create(ArtistSchema, { displayName: "A", etag: '"99"', name: "artists/99" });
    const message = toBinary(ArtistSchema, sent);
    const made = artistIn(await database.commit([{ ...named("A"), message }]));
    expect(made.name).toBe("artists/1");
    expect(made.etag).not.toBe('"99"');
  });
}

function hex(bytes: Uint8Array | undefined): string {
  return Buffer.from(bytes ?? []).toString("hex");
}
