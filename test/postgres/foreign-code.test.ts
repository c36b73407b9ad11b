// Triggers, foreign key actions, rules and defaults that others have put on the tables: whatever they do to a
// write, its answer is what is stored, and what is answered as failed has not happened.

import { fromBinary } from "@bufbuild/protobuf";
import { expect, onTestFinished, test } from "vitest";
import { AlbumSchema } from "../../gen/chinook/v1/album_pb.ts";
import { ArtistSchema } from "../../gen/chinook/v1/artist_pb.ts";
import { InvoiceSchema } from "../../gen/chinook/v1/invoice_pb.ts";
import type { Operation } from "../../src/database/database.ts";
import { readMigrationFiles } from "../../src/database/migrations/files.ts";
import { createSchemaProbe } from "../../src/database/postgres/schema-probe.ts";
import { openSession } from "../../src/database/postgres/session.ts";
import { makePostgresDatabase } from "../contract/postgres-store.ts";
import { creating, deleting, getting, PLANS, sale, updating } from "../contract/support.ts";
import { REPO_ROOT } from "../support/tools.ts";

/** A database with two artists, an album of the first, and a sale. */
async function opened() {
  const { url, open } = await makePostgresDatabase(onTestFinished);
  const session = await openSession({ url, connectTimeoutMs: 5_000 });
  onTestFinished(() => session.close());
  const database = open();
  await database.commit([
    creating(ArtistSchema, { displayName: "one" }, 1n),
    creating(ArtistSchema, { displayName: "two" }, 2n),
    creating(AlbumSchema, { title: "t", artist: "artists/1" }, 1n),
    ...sale(2),
  ]);
  const findings = async () => {
    const all: unknown[] = [];
    for await (const step of database.verify(PLANS)) all.push(...step.findings);
    return all;
  };
  /** Makes a trigger, `BEFORE INSERT ON artists` and so on, whose body is this. */
  const trigger = (when: string, body: string) =>
    session.script(`
      CREATE FUNCTION theirs() RETURNS trigger LANGUAGE plpgsql AS
        $theirs$ BEGIN ${body}; RETURN NEW; END $theirs$;
      CREATE TRIGGER zz_theirs ${when} FOR EACH ROW EXECUTE FUNCTION theirs();
    `);
  return { database, session, findings, trigger };
}

const NAME = "NEW.Name := upper(NEW.Name)";
const SAME_ROW =
  "UPDATE artists SET Name = Name || '+' WHERE ArtistId = NEW.ArtistId AND Name !~ '[+]'";
const OTHERS = "UPDATE albums SET Title = Title || '+'; UPDATE customers SET City = 'Oslo'";

const TRIGGERS: readonly (readonly [when: string, body: string])[] = [
  ["BEFORE INSERT ON artists", NAME],
  ["BEFORE UPDATE ON artists", NAME],
  ["BEFORE INSERT OR UPDATE ON artists", `NEW.data := '{"biography":"x"}'`],
  ["AFTER INSERT OR UPDATE ON artists", SAME_ROW],
  ["AFTER INSERT OR UPDATE ON artists", OTHERS],
  ["AFTER INSERT ON artists", "UPDATE artists SET Name = Name || '+'"],
  ["AFTER INSERT ON artists", "INSERT INTO genres (GenreId, Name) VALUES (NEW.ArtistId, 'x')"],
  ["BEFORE INSERT OR UPDATE ON invoice_items", "NEW.Quantity := 5"],
  ["AFTER INSERT ON invoice_items", "UPDATE invoice_items SET Quantity = 7 WHERE Quantity <> 7"],
  ["AFTER INSERT ON invoices", "DELETE FROM invoice_items WHERE InvoiceId < NEW.InvoiceId"],
  ["BEFORE UPDATE ON albums", "NEW.Title := NEW.Title || '!'"],
];

const lines = [{ track: "tracks/1", quantity: 1, unitPrice: { currencyCode: "USD", units: 1n } }];
const invoice = { customer: "customers/1", invoiceTime: { seconds: 1n }, lines };

/** Each is a commit. */
const WRITES: readonly (readonly Operation[])[] = [
  [creating(ArtistSchema, { displayName: "a" })],
  ["b", "c", "d"].map((displayName) => creating(ArtistSchema, { displayName })),
  [updating(ArtistSchema, { name: "artists/1", displayName: "e" }, ["display_name"])],
  [creating(InvoiceSchema, invoice)],
  [updating(InvoiceSchema, { name: "invoices/1", notes: "n" }, ["notes"])],
  [deleting(ArtistSchema, 1n, { force: true })],
];

test.each(TRIGGERS)(
  "a trigger %s: %s shows in the answer, and in all that it changed",
  async (when, body) => {
    const { database, trigger, findings } = await opened();
    await trigger(when, body);
    for (const operations of WRITES) {
      const { messages, revision } = await database.commit(operations);
      for (const [index, message] of messages.entries()) {
        const operation = operations[index];
        if (!message || !operation || !("plan" in operation)) continue;
        const { desc } = operation.plan;
        const answered = fromBinary(desc, message) as unknown as { name: string; etag: string };
        const key = BigInt(answered.name.split("/")[1] ?? "");
        expect(await getting(database, desc, key)).toEqual(answered);
        expect(answered.etag).toBe(`"${revision}"`);
      }
      expect(await findings()).toEqual([]);
    }
    // Those that come together share a transaction.
    const many = await Promise.all(WRITES.slice(0, 2).map((each) => database.commit(each)));
    expect(many).toHaveLength(2);
    expect(await findings()).toEqual([]);
  },
);

test.each([
  ["BEFORE INSERT OR UPDATE ON artists", "RETURN NULL"],
  ["BEFORE INSERT OR UPDATE ON artists", "RAISE 'no'"],
  [
    "AFTER INSERT OR UPDATE ON artists",
    "DELETE FROM artists WHERE ArtistId = NEW.ArtistId AND ArtistId > 1",
  ],
])("a trigger %s: %s lets nothing of the commit happen", async (when, body) => {
  const { database, trigger, findings } = await opened();
  await trigger(when, body);
  const refused = database.commit([
    creating(AlbumSchema, { title: "new", artist: "artists/1" }, 9n),
    creating(ArtistSchema, { displayName: "a" }),
  ]);
  await expect(refused).rejects.toMatchObject({ code: "WRITE_REFUSED" });
  expect(await getting(database, AlbumSchema, 9n)).toBeUndefined();
  expect(await findings()).toEqual([]);
});

test("foreign keys that change rows change their messages, and a default changes none", async () => {
  const { database, session, findings } = await opened();
  await session.script(`
    ALTER TABLE invoices ALTER COLUMN BillingCity SET DEFAULT 'Oslo';
    ALTER TABLE invoices DROP CONSTRAINT invoices_customerid_fkey,
      ADD FOREIGN KEY (CustomerId) REFERENCES customers ON UPDATE CASCADE;
  `);
  const { messages } = await database.commit([creating(InvoiceSchema, invoice)]);
  const answered = fromBinary(InvoiceSchema, messages[0] as Uint8Array);
  expect(await getting(database, InvoiceSchema, 2n)).toEqual(answered);
  await session.script("UPDATE customers SET CustomerId = 5");
  expect((await getting(database, InvoiceSchema, 1n))?.customer).toBe("customers/5");
  expect(await findings()).toEqual([]);
});

test("tables with rules are not served, since nothing tells what those write", async () => {
  const { session } = await opened();
  const files = readMigrationFiles(`${REPO_ROOT}/migrations/postgres`);
  const probe = createSchemaProbe(async () => session, PLANS, files);
  expect(await probe.look()).toEqual({ serving: true });
  await session.script(`CREATE RULE theirs AS ON INSERT TO artists
    DO ALSO UPDATE albums SET Title = 'x'`);
  const { error } = await probe.look();
  expect(error).toMatchObject({
    code: "SCHEMA_MISMATCH",
    message: "artists has the rule theirs: what it writes cannot be told",
  });
});
