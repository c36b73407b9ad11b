// Plain SQL by other programs is legal: what it writes is read at once, has the next revision, and is
// written on like any other row.

import { expect, onTestFinished, test } from "vitest";
import { AlbumSchema } from "../../gen/chinook/v1/album_pb.ts";
import { ArtistSchema } from "../../gen/chinook/v1/artist_pb.ts";
import { InvoiceSchema } from "../../gen/chinook/v1/invoice_pb.ts";
import type { Database } from "../../src/database/database.ts";
import { openSession, type Session } from "../../src/database/postgres/session.ts";
import { makePostgresDatabase } from "../contract/postgres-store.ts";
import {
  creating,
  deleting,
  getting,
  keyOf,
  listing,
  PLANS,
  planOf,
  sale,
  updating,
} from "../contract/support.ts";

interface Opened {
  readonly database: Database;
  /** Another program's connection. */
  readonly other: Session;
  readonly url: string;
  sql(text: string): Promise<void>;
}

async function opened(): Promise<Opened> {
  const { url, open } = await makePostgresDatabase(onTestFinished);
  const other = await openSession({ url, connectTimeoutMs: 5_000 });
  onTestFinished(() => other.close());
  return { database: open(), other, url, sql: (text) => other.script(text) };
}

const revisionOf = async (database: Database) => (await database.status()).revision;

test("a row that is inserted has a revision, times and the message of its columns and JSON", async () => {
  const { database, sql } = await opened();
  await sql(`INSERT INTO artists (ArtistId, Name, data) VALUES (7, 'A', '{"biography": "b"}')`);
  const artist = await getting(database, ArtistSchema, 7n);
  expect(artist).toMatchObject({ name: "artists/7", displayName: "A", biography: "b" });
  expect(artist?.etag).toBe('"1"');
  expect(Math.abs(Number(artist?.createTime?.seconds) - Date.now() / 1_000)).toBeLessThan(60);
  expect(await revisionOf(database)).toBe(1n);
  const { commit } = database;
  const created = await commit([creating(ArtistSchema, { displayName: "B" })]);
  expect(created.revision).toBe(2n);
  const { messages } = await listing(database, ArtistSchema);
  expect(messages.map(keyOf)).toEqual([7n, 8n]);
});

test("a row that is updated has no bytes to be trusted, and another etag", async () => {
  const { database, sql } = await opened();
  await database.commit([creating(ArtistSchema, { displayName: "A", biography: "b" }, 1n)]);
  const before = await getting(database, ArtistSchema, 1n);
  await sql("UPDATE artists SET Name = 'Z' WHERE ArtistId = 1");
  const after = await getting(database, ArtistSchema, 1n);
  expect(after).toMatchObject({ displayName: "Z", biography: "b" });
  expect(after?.createTime).toEqual(before?.createTime);
  expect(after?.etag).not.toBe(before?.etag);
  const { rows } = await database.bareRows(planOf(ArtistSchema), undefined, 10);
  expect(rows.map(({ key }) => key)).toEqual([1n]);
  await database.commit([{ kind: "fill", plan: planOf(ArtistSchema), key: 1n }]);
  expect((await database.bareRows(planOf(ArtistSchema), undefined, 10)).rows).toEqual([]);
  expect(await getting(database, ArtistSchema, 1n)).toEqual(after);
});

test("an update that changes nothing is none", async () => {
  const { database, sql } = await opened();
  await database.commit([creating(ArtistSchema, { displayName: "A" }, 1n)]);
  const before = await getting(database, ArtistSchema, 1n);
  await sql("UPDATE artists SET Name = Name");
  expect(await getting(database, ArtistSchema, 1n)).toEqual(before);
  expect(await revisionOf(database)).toBe(1n);
});

test("a deleted row is gone with a revision, and its key is not given again", async () => {
  const { database, sql } = await opened();
  await database.commit([creating(ArtistSchema, { displayName: "A" }, 5n)]);
  await sql("DELETE FROM artists");
  expect(await getting(database, ArtistSchema, 5n)).toBeUndefined();
  expect(await revisionOf(database)).toBe(2n);
  await database.commit([creating(ArtistSchema, { displayName: "B" })]);
  expect((await listing(database, ArtistSchema)).messages.map(keyOf)).toEqual([6n]);
});

test("a line that is written changes the message that it is part of", async () => {
  const { database, sql } = await opened();
  await database.commit(sale(2));
  const etag = async () => (await getting(database, InvoiceSchema, 1n))?.etag;
  const etags = [await etag()];
  for (const text of [
    "UPDATE invoice_items SET Quantity = 9 WHERE InvoiceLineId = 1",
    "INSERT INTO invoice_items VALUES (10, 1, 1, 0.99, 3)",
    "DELETE FROM invoice_items WHERE InvoiceLineId = 2",
  ]) {
    await sql(text);
    etags.push(await etag());
  }
  expect(new Set(etags).size).toBe(4);
  const lines = (await getting(database, InvoiceSchema, 1n))?.lines;
  expect(lines?.map(({ lineId, quantity }) => [lineId, quantity])).toEqual([
    [1n, 9],
    [10n, 3],
  ]);
});

test("a transaction of another program that is taken back leaves nothing, not even a revision", async () => {
  const { database, sql } = await opened();
  await sql("BEGIN; INSERT INTO artists (ArtistId, Name) VALUES (1, 'A'); ROLLBACK");
  expect(await revisionOf(database)).toBe(0n);
  expect((await listing(database, ArtistSchema)).count).toBe(0);
});

test("a commit that another program's transaction is in the way of is tried again", async () => {
  const { database, other, url } = await opened();
  await database.commit([creating(ArtistSchema, { displayName: "A" }, 1n)]);
  // It has the row, and wants the order of commits; a commit has the order, and wants the row.
  await other.script("BEGIN; SET LOCAL deadlock_timeout = '10s'");
  await other.script("SELECT 1 FROM artists WHERE ArtistId = 1 FOR UPDATE");
  const patch = { name: "artists/1", biography: "b" };
  const commit = database.commit([updating(ArtistSchema, patch, ["biography"])]);
  const third = await openSession({ url, connectTimeoutMs: 5_000 });
  const waiting = "SELECT 1 FROM pg_locks WHERE NOT granted";
  while ((await third.all({ sql: waiting, parameters: [] })).length === 0);
  await third.close();
  await other.script("UPDATE artists SET Name = 'B' WHERE ArtistId = 1; COMMIT");
  expect((await commit).revision).toBe(3n);
  const stored = { displayName: "B", biography: "b" };
  expect(await getting(database, ArtistSchema, 1n)).toMatchObject(stored);
});

test("what another program holds, a commit waits for; what it has broken, verify finds", async () => {
  const { database, other, sql } = await opened();
  await database.commit([
    creating(ArtistSchema, { displayName: "A" }, 1n),
    creating(AlbumSchema, { title: "T", artist: "artists/1" }, 1n),
  ]);
  await other.script("BEGIN; UPDATE artists SET Name = 'B'");
  const waiting = database.commit([
    updating(ArtistSchema, { name: "artists/1", displayName: "C" }, ["display_name"]),
  ]);
  await other.script("COMMIT");
  expect((await waiting).revision).toBe(3n);
  expect((await getting(database, ArtistSchema, 1n))?.displayName).toBe("C");
  await sql(
    `SET protostore.writing = '1'; UPDATE artists SET Name = 'D'; RESET protostore.writing`,
  );
  const kinds: string[] = [];
  for await (const { findings } of database.verify(PLANS))
    kinds.push(...findings.map((f) => f.kind));
  expect(kinds).toEqual(["differs"]);
  await database.commit([deleting(ArtistSchema, 1n, { force: true })]);
  expect((await listing(database, AlbumSchema)).count).toBe(0);
});

test("an index over times can be made and analyzed where there are rows, whatever is in them", async () => {
  const { database, sql } = await opened();
  await database.commit(sale(1));
  await sql(`INSERT INTO invoices (InvoiceId, CustomerId, InvoiceDate, Total) VALUES
    (2, 1, '2023-02-30', 1), (3, 1, '2023-02-28 23:59', 1), (4, 1, '0000-01-01', 1), (5, 1, 'soon', 1)`);
  await sql("REINDEX TABLE invoices");
  await sql("ANALYZE invoices");
  const filter = 'invoice_time < "2023-03-01T00:00:00Z"';
  const { messages } = await listing(database, InvoiceSchema, { filter });
  expect(messages.map(keyOf)).toEqual([3n]);
});
