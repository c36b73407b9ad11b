// What is read by key is what was written, byte for byte, with the revision that it is of.

import { create, toBinary } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { ArtistSchema } from "../../gen/chinook/v1/artist_pb.ts";
import { InvoiceSchema } from "../../gen/chinook/v1/invoice_pb.ts";
import type { BatchRequest } from "../../src/database/page-request.ts";
import { fieldsOf } from "../support/items.ts";
import { creating, getting, type MakeStore, planOf, sale, updating } from "./support.ts";

const ARTISTS = planOf(ArtistSchema);
const SOME = [
  creating(ArtistSchema, { displayName: "A", links: { home: "https://a.example" } }, 1n),
  creating(ArtistSchema, { displayName: "B", aliases: ["b", "bb"] }, 2n),
  creating(ArtistSchema, { displayName: "C", biography: "x".repeat(500) }, 3n),
];

export function describeReads(makeStore: MakeStore): void {
  test("get answers the bytes that the commit answered, and its revision", async () => {
    const database = (await makeStore()).open();
    const { messages, revision } = await database.commit(SOME);
    for (const [index, message] of messages.entries()) {
      const stored = await database.get(ARTISTS, BigInt(index + 1));
      expect(Buffer.from(stored.message ?? [])).toEqual(Buffer.from(message ?? []));
      expect(stored.revision).toBe(revision);
    }
    const later = await database.commit([creating(ArtistSchema, { displayName: "D" })]);
    expect((await database.get(ARTISTS, 1n)).revision).toBe(later.revision);
  });

  test("get of no row has no message, and a revision", async () => {
    const database = (await makeStore()).open();
    const { revision } = await database.commit(SOME);
    expect(await database.get(ARTISTS, 4n)).toEqual({ message: undefined, revision });
    expect(await database.get(ARTISTS, -(2n ** 63n))).toEqual({ message: undefined, revision });
  });

  test("fields that nobody knows come back as they went in", async () => {
    const database = (await makeStore()).open();
    const unknown = Buffer.from([0xf8, 0x3f, 0x2a]);
    const known = creating(ArtistSchema, { displayName: "A" }, 1n);
    await database.commit([{ ...known, message: Buffer.concat([known.message, unknown]) }]);
    const { message } = await database.get(ARTISTS, 1n);
    expect(Buffer.from(message ?? []).includes(unknown)).toBe(true);
  });

  test("get with a mask has at least what the mask selects", async () => {
    const database = (await makeStore()).open();
    await database.commit(SOME);
    const read = await getting(database, ArtistSchema, 2n, ["display_name"]);
    expect(read?.displayName).toBe("B");
  });

  const batch = (asked: Partial<BatchRequest>): BatchRequest => ({
    plan: ARTISTS,
    keys: [],
    item: { field: 7 },
    answerBytesMax: 1_000_000,
    ...asked,
  });

  test("batch answers in the order of the keys, a key as often as it is asked for", async () => {
    const database = (await makeStore()).open();
    const { messages, revision } = await database.commit(SOME);
    const answer = await database.batch(batch({ keys: [3n, 1n, 3n] }));
    if (!("bytes" in answer)) throw new Error(`${answer.missing} is missing`);
    const found = fieldsOf(answer.bytes, 7).map((bytes) => Buffer.from(bytes));
    const wanted = [messages[2], messages[0], messages[2]].map((each) => Buffer.from(each ?? []));
    expect(found).toEqual(wanted);
    expect(answer.revision).toBe(revision);
  });

  test("batch names the first key that has no row", async () => {
    const database = (await makeStore()).open();
    const { revision } = await database.commit(SOME);
    expect(await database.batch(batch({ keys: [1n, 9n, 8n] }))).toEqual({ missing: 9n, revision });
  });

  test("batch cuts what a mask leaves out, and refuses what is too large to be sent", async () => {
    const database = (await makeStore()).open();
    await database.commit(SOME);
    const keys = [1n, 3n];
    const refused = (answerBytesMax: number) => database.batch(batch({ keys, answerBytesMax }));
    await expect(refused(300)).rejects.toMatchObject({ code: "ROW_TOO_LARGE" });
    await expect(refused(600)).rejects.toMatchObject({ code: "ANSWER_TOO_LARGE" });
    const answer = await database.batch(batch({ keys, answerBytesMax: 300, mask: ["name"] }));
    const [, last] = fieldsOf("bytes" in answer ? answer.bytes : new Uint8Array(), 7);
    const name = toBinary(ArtistSchema, create(ArtistSchema, { name: "artists/3" }));
    expect(Buffer.from(last ?? [])).toEqual(Buffer.from(name));
  });

  test("a message with lines in a table of their own is read whole", async () => {
    const database = (await makeStore()).open();
    await database.commit(sale(3));
    const before = await getting(database, InvoiceSchema, 1n);
    expect(before?.lines.map(({ quantity }) => quantity)).toEqual([1, 2, 3]);
    expect(before?.total).toMatchObject({ units: 5n, nanos: 940_000_000 });
    const [first] = before?.lines ?? [];
    if (!first) throw new Error("there are no lines");
    const lines = [{ ...first, quantity: 7 }];
    await database.commit([updating(InvoiceSchema, { name: "invoices/1", lines }, ["lines"])]);
    const after = await getting(database, InvoiceSchema, 1n);
    expect(after?.lines.map(({ lineId, quantity }) => [lineId, quantity])).toEqual([
      [first.lineId, 7],
    ]);
    expect(after?.total).toMatchObject({ units: 6n, nanos: 930_000_000 });
  });

  test("statements that are written by hand read one snapshot", async () => {
    const database = (await makeStore()).open();
    const { revision } = await database.commit(SOME);
    const count = { sql: "SELECT count(*) FROM artists", parameters: [] };
    const one = { sql: "SELECT Name FROM artists WHERE ArtistId = ?", parameters: [2n] };
    const snapshot = await database.read([count, one]);
    expect(snapshot).toEqual({ rows: [[[3n]], [["B"]]], revision });
  });
}
