// Rows that PostgreSQL is given together: whatever texts they have, one that is refused takes no other
// with it, and statements that are kept prepared outlive a change of the tables.

import { expect, onTestFinished, test } from "vitest";
import { ArtistSchema } from "../../gen/chinook/v1/artist_pb.ts";
import { InvoiceSchema } from "../../gen/chinook/v1/invoice_pb.ts";
import { openSession } from "../../src/database/postgres/session.ts";
import { StoreError } from "../../src/errors.ts";
import { makePostgresDatabase } from "../contract/postgres-store.ts";
import { creating, getting, listingAll, sale } from "../contract/support.ts";

/** Texts that mean something in an array, in a row, or in SQL. */
const ODD = [
  "",
  "NULL",
  "null",
  '"',
  "\\",
  "\\x41",
  "{a,b}",
  "},{",
  "a,b",
  "'; --",
  "\n\t",
  "é💿",
  " ",
];

async function open() {
  const { url, open: openDatabase } = await makePostgresDatabase(onTestFinished);
  const session = await openSession({ url, connectTimeoutMs: 5_000 });
  onTestFinished(() => session.close());
  return { database: openDatabase(), script: session.script, all: session.all };
}

const outcomeOf = (done: Promise<unknown>) =>
  done.then(
    () => "OK",
    (error) => (error instanceof StoreError ? error.code : String(error)),
  );

test("texts are stored as they are, in columns and in JSON", async () => {
  const { database, all } = await open();
  const artists = ODD.map((text) => ({
    displayName: `-${text}`,
    biography: text,
    aliases: [text],
  }));
  // Two at a time: one that cannot be inserted would have all go one by one.
  for (const artist of artists) {
    await database.commit([creating(ArtistSchema, artist), creating(ArtistSchema, artist)]);
  }
  const { messages } = await listingAll(database, ArtistSchema, { pageSize: 5 });
  const stored = messages.map(({ displayName, biography, aliases }) => {
    return { displayName, biography, aliases };
  });
  expect(stored).toEqual(artists.flatMap((artist) => [artist, artist]));
  // Their bytes say so; the columns are what filters look at.
  const rows = await all({
    sql: "SELECT Name, data ->> 'biography' FROM artists ORDER BY ArtistId",
    parameters: [],
  });
  expect(rows).toEqual(
    artists.flatMap(({ displayName, biography }) => {
      const row = [displayName, biography === "" ? null : biography];
      return [row, row];
    }),
  );
});

test("what is wrong with one commit of a group is that commit's alone", async () => {
  const { database, script } = await open();
  await script(`
    CREATE FUNCTION test_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF NEW.Name = 'raised' THEN RAISE EXCEPTION 'no'; END IF;
      IF NEW.Name = 'kept away' THEN RETURN NULL; END IF;
      RETURN NEW;
    END; $$;
    CREATE TRIGGER test_refuse BEFORE INSERT ON artists FOR EACH ROW EXECUTE FUNCTION test_refuse();
  `);
  const names = ["first", "with \0", "second", "raised", "kept away", "third"];
  const done = names.map((displayName) =>
    database.commit([creating(ArtistSchema, { displayName })]),
  );
  expect(await Promise.all(done.map(outcomeOf))).toEqual([
    "OK",
    "CONSTRAINT_VIOLATION",
    "OK",
    "WRITE_REFUSED",
    "WRITE_REFUSED",
    "OK",
  ]);
  const { messages } = await listingAll(database, ArtistSchema, { pageSize: 10 });
  expect(messages.map(({ name, displayName }) => [name, displayName])).toEqual([
    ["artists/1", "first"],
    ["artists/2", "second"],
    ["artists/3", "third"],
  ]);
});

test("a batch with child rows is there as a whole or not at all, and names the item", async () => {
  const { database, all } = await open();
  await database.commit(sale(3));
  const counts = () =>
    all({
      sql: "SELECT (SELECT count(*) FROM invoices), (SELECT count(*) FROM invoice_items)",
      parameters: [],
    });
  const unitPrice = { currencyCode: "USD", units: 0n, nanos: 990_000_000 };
  const batch = (...tracks: string[]) =>
    tracks.map((track, index) => {
      const lines = [1, 2].map((quantity) => ({ track, unitPrice, quantity }));
      const invoice = { customer: "customers/1", invoiceTime: { seconds: 1n, nanos: 0 }, lines };
      return { ...creating(InvoiceSchema, invoice), item: `requests[${index}]` };
    });
  await expect(database.commit(batch("tracks/1", "tracks/9", "tracks/1"))).rejects.toMatchObject({
    code: "FOREIGN_KEY",
    message: expect.stringMatching(/^requests\[1\]/),
  });
  expect(await counts()).toEqual([[1n, 3n]]);
  await database.commit(batch("tracks/1", "tracks/1", "tracks/1"));
  expect(await counts()).toEqual([[4n, 9n]]);
  const { lines = [], total } = (await getting(database, InvoiceSchema, 4n)) ?? {};
  expect(lines.map(({ quantity }) => quantity)).toEqual([1, 2]);
  expect(total).toMatchObject({ units: 2n, nanos: 970_000_000 });
});

test("a statement that is kept prepared goes on after its table was changed", async () => {
  const { database, script } = await open();
  await database.commit([creating(ArtistSchema, { displayName: "one" })]);
  const read = () => getting(database, ArtistSchema, 1n).then((artist) => artist?.displayName);
  for (let i = 0; i < 3; i++) expect(await read()).toBe("one");
  await script("ALTER TABLE artists ALTER COLUMN checksum TYPE numeric");
  // It may fail once, and not for ever.
  await outcomeOf(read());
  expect(await read()).toBe("one");
});
