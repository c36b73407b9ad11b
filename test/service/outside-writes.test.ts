// Plain SQL beside a running server: legal at any time, seen by the next call, kept by the next
// write.

import { describe, expect, test } from "vitest";
import { ArtistService } from "../../gen/chinook/v1/artist_pb.ts";
import { CustomerService } from "../../gen/chinook/v1/customer_pb.ts";
import { GenreService } from "../../gen/chinook/v1/genre_pb.ts";
import { InvoiceService } from "../../gen/chinook/v1/invoice_pb.ts";
import { TrackService } from "../../gen/chinook/v1/track_pb.ts";
import { DRIVER } from "../support/driver.ts";
import { outsideTool } from "../support/tools.ts";
import { runProgram } from "./cli.ts";
import { getCustomer, getInvoice, type Store, startStore } from "./store.ts";
import { cents, failureOf } from "./support.ts";

function toNanos(time: { seconds: bigint; nanos: number } | undefined): bigint {
  if (!time) throw new Error("there is no time");
  return time.seconds * 1_000_000_000n + BigInt(time.nanos);
}

const isFile = DRIVER === "sqlite";
const OSLO = "UPDATE customers SET City = 'Oslo' WHERE CustomerId = 1";

describe("a change of a row", () => {
  /** What SQL does, and what of the customer is then different. */
  const CHANGES: Readonly<Record<string, readonly [string, object]>> = {
    "of a column": [OSLO, { city: "Oslo" }],
    "of a REQUIRED column": ["UPDATE customers SET FirstName = 'Åse'", { givenName: "Åse" }],
    "of a column to NULL": ["UPDATE customers SET Company = NULL", { company: undefined }],
    "of a column to ''": ["UPDATE customers SET Company = ''", { company: "" }],
    "of an enum": ["UPDATE customers SET status = 3", { status: 3 }],
    "of an enum to a number without a name": ["UPDATE customers SET status = 99", { status: 99 }],
    "of JSON": [
      `UPDATE customers SET data = '{"attributes":{"a":"1","shoe size":"43"},"contactEmail":"x"}'`,
      { attributes: { a: "1", "shoe size": "43" } },
    ],
    "of nested JSON": [
      `UPDATE customers SET data = '{"loyalty":{"points":"9007199254740993"},"contactEmail":"x"}'`,
      {
        attributes: {},
        loyalty: { $typeName: "chinook.v1.Customer.Loyalty", points: 2n ** 53n + 1n },
      },
    ],
    "of the arm of a oneof": [
      `UPDATE customers SET data = '{"contactPhone":"1"}'`,
      { attributes: {}, preferredContact: { case: "contactPhone", value: "1" } },
    ],
    "that takes all JSON away": [
      "UPDATE customers SET data = '{}'",
      { attributes: {}, preferredContact: { case: undefined } },
    ],
  };

  for (const [what, [update, changed]] of Object.entries(CHANGES)) {
    test(`${what} shows, and changes etag, revision and update time`, async () => {
      const store = await startStore();
      const { connection, sql } = store;
      const customers = connection.service(CustomerService);
      const customer = {
        name: "customers/1",
        company: "X",
        attributes: { a: "1" },
        preferredContact: { case: "contactEmail", value: "x" },
      } as const;
      const before = await customers.updateCustomer({ customer });
      const revision = (await sql.value("SELECT revision FROM store_state")) as bigint;
      expect(await sql.value("SELECT wire IS NULL FROM customers")).toBe(0n);

      await sql.exec(update);
      expect(await sql.value("SELECT wire IS NULL FROM customers")).toBe(1n);
      expect(await sql.value("SELECT revision FROM store_state")).toBe(revision + 1n);

      const after = await getCustomer(store);
      const { updateTime } = after;
      expect(after).toEqual({ ...before, ...changed, updateTime, etag: `"${revision + 1n}"` });
      expect(after.etag).not.toBe(before.etag);
      expect(toNanos(updateTime)).toBeGreaterThanOrEqual(toNanos(before.updateTime));
      expect((await customers.listCustomers({})).customers).toEqual([after]);
    });
  }

  test("that leaves it as it is changes nothing", async () => {
    const store = await startStore();
    const before = await getCustomer(store);
    await store.sql.exec("UPDATE customers SET City = City, data = data, status = 1");
    await store.sql.exec("UPDATE invoice_items SET Quantity = Quantity");
    expect(await getCustomer(store)).toEqual(before);
    expect(await store.sql.value("SELECT wire IS NULL FROM customers")).toBe(0n);
    expect(await store.sql.value("SELECT wire IS NULL FROM invoices")).toBe(0n);
  });

  test("is guarded by the etag of before", async () => {
    const store = await startStore();
    const { etag } = await getCustomer(store);
    await store.sql.exec(OSLO);
    const customer = { name: "customers/1", company: "X", etag };
    const customers = store.connection.service(CustomerService);
    expect(await failureOf(customers.updateCustomer({ customer }))).toMatchObject({
      code: "ABORTED",
      metadata: { current: (await getCustomer(store)).etag },
    });
  });

  test("is kept by an update of other fields", async () => {
    const store = await startStore();
    const customers = store.connection.service(CustomerService);
    await store.sql.exec(OSLO);
    await store.sql.exec(`UPDATE customers SET data = '{"tags":["a"]}'`);
    const customer = { name: "customers/1", company: "X" };
    const updated = await customers.updateCustomer({ customer });
    expect(updated).toMatchObject({ city: "Oslo", company: "X", tags: ["a"] });
    expect(await getCustomer(store)).toEqual(updated);
    expect(await store.sql.rows("SELECT City, Company, data FROM customers")).toEqual([
      ["Oslo", "X", '{"tags":["a"]}'],
    ]);
  });

  if (isFile) {
    test("by the sqlite3 program shows in the next GetCustomer", async ({ skip }) => {
      const sqlite3 = outsideTool("sqlite3");
      if (!sqlite3) return skip();
      const store = await startStore();
      const ended = await runProgram(sqlite3, [store.database, OSLO]);
      expect(ended).toEqual({ code: 0, stdout: "", stderr: "" });
      expect((await getCustomer(store)).city).toBe("Oslo");
    });
  }

  test("in a transaction shows when that is committed, and not if it is rolled back", async () => {
    const store = await startStore();
    const before = await getCustomer(store);
    for (const end of ["ROLLBACK", "COMMIT"]) {
      await store.sql.exec(`BEGIN; ${OSLO}`);
      expect(await getCustomer(store)).toEqual(before);
      await store.sql.exec(end);
      if (end === "ROLLBACK") expect(await getCustomer(store)).toEqual(before);
    }
    expect((await getCustomer(store)).city).toBe("Oslo");
  });

  test("of many rows gives each a new etag", async () => {
    const { connection, sql } = await startStore();
    const tracks = connection.service(TrackService);
    const before = (await tracks.listTracks({})).tracks;
    await sql.exec("UPDATE tracks SET UnitPrice = 1.29");
    const after = (await tracks.listTracks({})).tracks;
    for (const [index, { etag, unitPrice }] of after.entries()) {
      expect(etag).not.toBe(before[index]?.etag);
      expect(cents(unitPrice)).toBe(129n);
    }
    expect(new Set(after.map(({ etag }) => etag)).size).toBe(after.length);
  });
});

describe("rows that come and go", () => {
  const INSERT = "INTO customers (CustomerId, FirstName, LastName, Email) VALUES";

  test("INSERT, an INSERT of what is there, DELETE show", async () => {
    const store = await startStore();
    const { connection, sql } = store;
    const customers = connection.service(CustomerService);
    const names = async () => (await customers.listCustomers({})).customers.map(({ name }) => name);

    await sql.exec(`INSERT ${INSERT} (7, 'Åse', 'B', 'b@example.com')`);
    const inserted = await getCustomer(store, "customers/7");
    expect(inserted).toMatchObject({
      givenName: "Åse",
      familyName: "B",
      email: "b@example.com",
      status: 1,
    });
    expect(inserted.company).toBeUndefined();
    expect(inserted.createTime).toBeDefined();
    expect(inserted.updateTime).toEqual(inserted.createTime);
    expect(await names()).toEqual(["customers/1", "customers/7"]);

    await sql.exec(
      `INSERT ${INSERT} (7, 'Cy', 'C', 'c@example.com')
       ON CONFLICT (CustomerId) DO UPDATE SET FirstName = excluded.FirstName`,
    );
    const upserted = await getCustomer(store, "customers/7");
    expect(upserted).toMatchObject({ givenName: "Cy", createTime: inserted.createTime });
    expect(upserted.etag).not.toBe(inserted.etag);

    await sql.exec("DELETE FROM customers WHERE CustomerId = 7");
    expect(await failureOf(getCustomer(store, "customers/7"))).toMatchObject({
      code: "NOT_FOUND",
    });
    expect(await names()).toEqual(["customers/1"]);
  });

  // PostgreSQL has no REPLACE.
  for (const recursive of isFile ? ["OFF", "ON"] : []) {
    test(`REPLACE shows, with recursive_triggers ${recursive}`, async () => {
      const store = await startStore();
      const { sql } = store;
      await sql.exec(`PRAGMA recursive_triggers = ${recursive}`);
      await sql.exec(`INSERT ${INSERT} (7, 'Åse', 'B', 'b@example.com')`);
      const inserted = await getCustomer(store, "customers/7");
      await sql.exec(`REPLACE ${INSERT} (7, 'Bo', 'C', 'c@example.com')`);
      const replaced = await getCustomer(store, "customers/7");
      expect(replaced).toMatchObject({ givenName: "Bo", email: "c@example.com" });
      expect(replaced.etag).not.toBe(inserted.etag);
    });
  }

  test("each of them makes the revision grow", async () => {
    const { sql, connection } = await startStore();
    const revisions: bigint[] = [];
    const statements = [
      `INSERT ${INSERT} (7, 'A', 'B', 'x')`,
      `INSERT ${INSERT} (7, 'B', 'B', 'x') ON CONFLICT (CustomerId) DO UPDATE SET FirstName = 'B'`,
      "UPDATE customers SET City = 'Oslo' WHERE CustomerId = 7",
      "DELETE FROM customers WHERE CustomerId = 7",
      "UPDATE invoice_items SET Quantity = 9",
      "DELETE FROM invoice_items WHERE InvoiceLineId = 2",
      "INSERT INTO invoice_items (InvoiceLineId, InvoiceId, TrackId, UnitPrice, Quantity) VALUES (3, 1, 1, 1, 1)",
    ];
    for (const statement of statements) {
      await sql.exec(statement);
      const onMetadata = (metadata: ReadonlyMap<string, string>) =>
        revisions.push(BigInt(metadata.get("protostore-revision") ?? -1));
      await connection.service(ArtistService).listArtists({}, { onMetadata });
    }
    expect(revisions).toHaveLength(statements.length);
    for (const [index, revision] of revisions.entries()) {
      expect(revision).toBeGreaterThan(revisions[index - 1] ?? 0n);
    }
  });

  test("a change of the primary key is another name for the same row", async () => {
    const store = await startStore();
    const { connection, sql } = store;
    const genres = connection.service(GenreService);
    const { etag } = await genres.createGenre({ genre: { displayName: "Jazz", description: "x" } });
    await sql.exec("UPDATE genres SET GenreId = 70 WHERE GenreId = 2");
    expect(await failureOf(genres.getGenre({ name: "genres/2" }))).toMatchObject({
      code: "NOT_FOUND",
    });
    const moved = await genres.getGenre({ name: "genres/70" });
    expect(moved).toMatchObject({ name: "genres/70", displayName: "Jazz", description: "x" });
    expect(moved.etag).not.toBe(etag);
    const { name } = await genres.createGenre({ genre: { displayName: "Rock" } });
    expect(name).toBe("genres/71");
  });
});

describe("a line of an invoice is part of it", () => {
  const quantities = async (store: Store, name?: string) =>
    (await getInvoice(store, name)).lines.map(({ quantity }) => quantity);

  const CHANGES: Readonly<Record<string, readonly [string, readonly number[]]>> = {
    UPDATE: ["UPDATE invoice_items SET Quantity = 5 WHERE InvoiceLineId = 2", [2, 5]],
    INSERT: [
      "INSERT INTO invoice_items (InvoiceLineId, InvoiceId, TrackId, UnitPrice, Quantity) VALUES (3, 1, 1, 0.99, 7)",
      [2, 1, 7],
    ],
    DELETE: ["DELETE FROM invoice_items WHERE InvoiceLineId = 1", [1]],
    "a change of its key": [
      "UPDATE invoice_items SET InvoiceLineId = 9 WHERE Quantity = 2",
      [1, 2],
    ],
    "a change of its JSON": [
      `UPDATE invoice_items SET data = '{"discounts":["x"]}' WHERE Quantity = 2`,
      [2, 1],
    ],
  };

  for (const [what, [statement, expected]] of Object.entries(CHANGES)) {
    test(`${what} shows in the invoice and changes its etag`, async () => {
      const store = await startStore();
      const { etag, total } = await getInvoice(store);
      await store.sql.exec(statement);
      const changed = await getInvoice(store);
      expect(changed.lines.map(({ quantity }) => quantity)).toEqual(expected);
      expect(changed.etag).not.toBe(etag);
      expect(changed.total).toEqual(total);
      expect(await store.sql.value("SELECT wire IS NULL FROM invoices")).toBe(1n);
      const invoices = store.connection.service(InvoiceService);
      expect((await invoices.listInvoices({})).invoices).toEqual([changed]);
    });
  }

  test("a line that moves changes both invoices", async () => {
    const store = await startStore();
    const invoices = store.connection.service(InvoiceService);
    const invoice = { customer: "customers/1", invoiceTime: { seconds: 1n } };
    const second = await invoices.createInvoice({ invoice });
    const first = await getInvoice(store);
    await store.sql.exec("UPDATE invoice_items SET InvoiceId = 2 WHERE InvoiceLineId = 1");
    expect(await quantities(store, "invoices/1")).toEqual([1]);
    expect(await quantities(store, "invoices/2")).toEqual([2]);
    expect((await getInvoice(store)).etag).not.toBe(first.etag);
    expect((await getInvoice(store, "invoices/2")).etag).not.toBe(second.etag);
  });

  test("an update of other fields keeps lines and total; one of lines computes it", async () => {
    const store = await startStore();
    const { sql, connection } = store;
    const invoices = connection.service(InvoiceService);
    await sql.exec("UPDATE invoice_items SET Quantity = 5 WHERE InvoiceLineId = 2");
    await sql.exec("UPDATE invoices SET Total = 50");
    const noted = await invoices.updateInvoice({ invoice: { name: "invoices/1", notes: "x" } });
    expect(noted.lines.map(({ quantity }) => quantity)).toEqual([2, 5]);
    expect(cents(noted.total)).toBe(5000n);
    const lines = noted.lines.toReversed();
    lines.pop();
    const written = await invoices.updateInvoice({ invoice: { name: "invoices/1", lines } });
    expect(cents(written.total)).toBe(5n * 199n);
    expect(await sql.value("SELECT count(*) FROM invoice_items")).toBe(1n);
  });
});

describe("a form of a value that the service would not write is read, and kept", () => {
  test("a date with T and Z, a total that is a float sum", async () => {
    const store = await startStore();
    const { sql, connection } = store;
    await sql.exec(
      "UPDATE invoices SET InvoiceDate = '2024-02-29T23:59:58Z', Total = 13.859999999999998",
    );
    const check = () =>
      sql
        .rows("SELECT InvoiceDate, Total FROM invoices")
        .then((rows) => expect(rows).toEqual([["2024-02-29T23:59:58Z", 13.859999999999998]]));
    const read = await getInvoice(store);
    expect(read.invoiceTime?.seconds).toBe(BigInt(Date.UTC(2024, 1, 29, 23, 59, 58) / 1000));
    expect(cents(read.total)).toBe(1386n);
    const invoices = connection.service(InvoiceService);
    const updates = [
      invoices.updateInvoice({ invoice: { name: "invoices/1", notes: "x" } }),
      invoices.updateInvoice({ invoice: { ...read, notes: "y", etag: "" } }),
    ];
    for (const update of updates) {
      expect(await update).toMatchObject({ invoiceTime: read.invoiceTime, total: read.total });
      await check();
    }
    expect(await getInvoice(store)).toMatchObject({ total: read.total, notes: "y" });
  });

  test("a price of a line that is a float sum", async () => {
    const store = await startStore();
    await store.sql.exec(
      `UPDATE invoice_items SET UnitPrice = ${0.1 + 0.2} WHERE InvoiceLineId = 1`,
    );
    const [line] = (await getInvoice(store)).lines;
    expect(cents(line?.unitPrice)).toBe(30n);
    const invoice = { name: "invoices/1", lines: line ? [{ ...line, quantity: 3 }] : [] };
    const updated = await store.connection.service(InvoiceService).updateInvoice({ invoice });
    expect(cents(updated.total)).toBe(90n);
    expect(await store.sql.value("SELECT UnitPrice FROM invoice_items")).toBe(0.1 + 0.2);
  });

  test("a value longer than its column says", async () => {
    const store = await startStore();
    const { sql, connection } = store;
    const city = "Ø".repeat(100);
    await sql.exec(`UPDATE customers SET City = '${city}'`);
    expect((await getCustomer(store)).city).toBe(city);
    const customers = connection.service(CustomerService);
    const customer = { name: "customers/1", company: "X" };
    expect(await customers.updateCustomer({ customer })).toMatchObject({ city, company: "X" });
    expect(await sql.value("SELECT City FROM customers")).toBe(city);
    const longer = { name: "customers/1", city: `${city}Ø` };
    expect(await failureOf(customers.updateCustomer({ customer: longer }))).toMatchObject({
      code: "INVALID_ARGUMENT",
      fields: ["customer.city"],
    });
    const shorter = await customers.updateCustomer({
      customer: { name: "customers/1", city: "Ø".repeat(40) },
    });
    expect(shorter.city).toBe("Ø".repeat(40));
  });
});
