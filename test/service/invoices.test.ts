// Invoices and their lines: one resource, two tables, one commit; the total is exact.

import { create as createMessage, type MessageInitShape } from "@bufbuild/protobuf";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type InvoiceLineSchema,
  type InvoiceSchema,
  InvoiceService,
} from "../../gen/chinook/v1/invoice_pb.ts";
import { TrackService } from "../../gen/chinook/v1/track_pb.ts";
import { MoneySchema } from "../../gen/google/type/money_pb.ts";
import { openOther } from "../support/driver.ts";
import { startTestService } from "../support/service.ts";
import { findingsOf } from "../support/verified.ts";
import { cents, createRows, failureOf, usd } from "./support.ts";

type Line = MessageInitShape<typeof InvoiceLineSchema>;

/** A line whose price is in cents. */
function toLine({ price, quantity }: { price: bigint; quantity: number }): Line {
  const units = price / 100n;
  const nanos = Number(price % 100n) * 10_000_000;
  return { track: "tracks/1", unitPrice: { currencyCode: "USD", units, nanos }, quantity };
}

function line(track: number, price: string, quantity: number, more: object = {}): Line {
  return { track: `tracks/${track}`, unitPrice: usd(price), quantity, ...more };
}

/** invoices/1 with lines 1 to 3, which have the quantities 1 to 3. */
async function startInvoices() {
  const { connection, database } = await startTestService();
  await createRows(connection);
  const invoices = connection.service(InvoiceService);
  const create = (lines: readonly Line[], more: MessageInitShape<typeof InvoiceSchema> = {}) =>
    invoices.createInvoice({
      invoice: {
        customer: "customers/1",
        invoiceTime: { seconds: 1_700_000_000n },
        lines: [...lines],
        ...more,
      } as MessageInitShape<typeof InvoiceSchema>,
    });
  const update = (lines: readonly Line[]) =>
    invoices.updateInvoice({
      invoice: { name: "invoices/1", lines: [...lines] },
      updateMask: { paths: ["lines"] },
    });
  const first = await create([line(1, "1.00", 1), line(2, "0.10", 2), line(1, "0.01", 3)]);
  const sql = await openOther(database);
  /** `id invoice track quantity` of each row. */
  const rows = async () =>
    (
      await sql.rows(
        "SELECT InvoiceLineId, InvoiceId, TrackId, Quantity FROM invoice_items ORDER BY 1",
      )
    ).map((row) => row.join(" "));
  const revision = () => sql.value("SELECT revision FROM store_state");
  return { connection, database, invoices, create, update, first, sql, rows, revision };
}

const ids = ({ lines }: { lines: readonly { lineId: bigint }[] }) =>
  lines.map(({ lineId }) => lineId);

const quantities = ({ lines }: { lines: readonly { quantity: number }[] }) =>
  lines.map(({ quantity }) => quantity);

const INITIAL = ["1 1 1 1", "2 1 2 2", "3 1 1 3"];

describe("the lines of an invoice", () => {
  test("get ids as they are created, and keep what they hold", async () => {
    const { first, invoices, rows, revision } = await startInvoices();
    expect(ids(first)).toEqual([1n, 2n, 3n]);
    expect(quantities(first)).toEqual([1, 2, 3]);
    expect(await rows()).toEqual(INITIAL);
    expect(cents(first.total)).toBe(123n);
    expect(await invoices.getInvoice({ name: "invoices/1" })).toEqual(first);
    // Invoice and lines are one commit.
    expect(first.etag).toBe(`"${await revision()}"`);
  });

  test("keep their ids when others are added and removed", async () => {
    const { first, update, rows, invoices } = await startInvoices();
    const [one, , three] = first.lines;
    if (!one || !three) throw new Error("lines are missing");
    const changed = await update([{ ...three, quantity: 30 }, line(2, "5", 4), one]);
    expect(ids(changed)).toEqual([1n, 3n, 4n]);
    expect(quantities(changed)).toEqual([1, 30, 4]);
    expect(cents(changed.total)).toBe(100n + 30n + 2000n);
    expect(await rows()).toEqual(["1 1 1 1", "3 1 1 30", "4 1 2 4"]);
    expect(await invoices.getInvoice({ name: "invoices/1" })).toEqual(changed);
    // The id of the line that was removed is not given again.
    const again = await update([...changed.lines.slice(0, 2), line(1, "1", 5)]);
    expect(ids(again)).toEqual([1n, 3n, 5n]);
  });

  test("are in the order of their ids however they are sent", async () => {
    const { first, update, rows } = await startInvoices();
    const updated = await update(first.lines.toReversed());
    expect(updated.lines).toEqual(first.lines);
    expect(updated.total).toEqual(first.total);
    expect(await rows()).toEqual(INITIAL);
  });

  test("may all be removed", async () => {
    const { update, rows } = await startInvoices();
    const updated = await update([]);
    expect(updated.lines).toEqual([]);
    expect(cents(updated.total)).toBe(0n);
    expect(await rows()).toEqual([]);
  });

  test("stay as they are if the mask does not name them", async () => {
    const { first, invoices, rows } = await startInvoices();
    const updates: readonly Parameters<typeof invoices.updateInvoice>[0][] = [
      { invoice: { name: "invoices/1", notes: "x" } },
      { invoice: { name: "invoices/1", lines: [], billingCity: "Oslo" } },
      {
        invoice: { name: "invoices/1", lines: [line(1, "9", 9)], notes: "y" },
        updateMask: { paths: ["notes"] },
      },
    ];
    for (const update of updates) {
      const updated = await invoices.updateInvoice(update);
      expect(updated.lines).toEqual(first.lines);
      expect(updated.total).toEqual(first.total);
    }
    expect(await rows()).toEqual(INITIAL);
  });

  test("hold JSON of their own", async () => {
    const { create, invoices, sql } = await startInvoices();
    const created = await create([line(1, "1", 1, { discounts: ["a", "b"] }), line(1, "1", 1)]);
    expect(created.lines.map(({ discounts }) => discounts)).toEqual([["a", "b"], []]);
    expect(
      await sql.rows("SELECT data FROM invoice_items WHERE InvoiceId = 2 ORDER BY InvoiceLineId"),
    ).toEqual([['{"discounts":["a","b"]}'], ["{}"]]);
    await sql.exec("UPDATE invoices SET wire = NULL");
    expect((await invoices.getInvoice({ name: created.name })).lines).toEqual(created.lines);
  });

  test("of one page belong to their own invoices, with wire and without", async () => {
    const { create, invoices, sql } = await startInvoices();
    await create([]);
    await create([line(2, "7", 7), line(2, "8", 8)]);
    for (let round = 0; round < 2; round++) {
      for (const pageSize of [1, 2, 50]) {
        const found: number[][] = [];
        let pageToken = "";
        do {
          const page = await invoices.listInvoices({ pageSize, pageToken });
          found.push(...page.invoices.map(quantities));
          pageToken = page.nextPageToken;
        } while (pageToken);
        expect(found).toEqual([[1, 2, 3], [], [7, 8]]);
      }
      await sql.exec("UPDATE invoices SET BillingCity = 'Oslo' WHERE InvoiceId <> 2");
    }
  });
});

describe("what is refused leaves nothing", () => {
  const BAD_LINES: Readonly<Record<string, readonly [Line, object]>> = {
    "an id that is no line's": [
      line(1, "1", 1, { lineId: 77n }),
      { code: "INVALID_ARGUMENT", fields: ["invoice.lines[1].line_id"] },
    ],
    "an id of another invoice's line": [
      line(1, "1", 1, { lineId: 4n }),
      { code: "INVALID_ARGUMENT", fields: ["invoice.lines[1].line_id"] },
    ],
    "an id that is given twice": [
      line(1, "1", 1, { lineId: 1n }),
      { code: "INVALID_ARGUMENT", fields: ["invoice.lines[1].line_id"] },
    ],
    "a negative id": [
      line(1, "1", 1, { lineId: -1n }),
      { code: "INVALID_ARGUMENT", fields: ["invoice.lines[1].line_id"] },
    ],
    "a missing track": [
      line(77, "1", 1),
      { code: "FAILED_PRECONDITION", preconditions: ["FOREIGN_KEY tracks/77"] },
    ],
    "a malformed track": [
      { ...line(1, "1", 1), track: "x" },
      { code: "INVALID_ARGUMENT", fields: ["invoice.lines[1].track"] },
    ],
    "half a cent": [
      line(1, "0.005", 1),
      { code: "INVALID_ARGUMENT", fields: ["invoice.lines[1].unit_price"] },
    ],
    "no quantity": [
      line(1, "1", 0),
      { code: "INVALID_ARGUMENT", fields: ["invoice.lines[1].quantity"] },
    ],
    "a total that is too large": [
      line(1, "99999999.99", 2),
      { code: "INVALID_ARGUMENT", fields: ["invoice.total"] },
    ],
  };

  for (const [what, [bad, failure]] of Object.entries(BAD_LINES)) {
    test(what, async () => {
      const { create, update, first, invoices, rows, revision, connection } = await startInvoices();
      await create([line(2, "4", 4)]);
      const before = [await rows(), await revision()];
      const [one] = first.lines;
      if (!one) throw new Error("lines are missing");
      expect(await failureOf(update([one, bad]))).toMatchObject(failure);
      const created = await failureOf(create([line(1, "1", 1), bad]));
      expect(created).toMatchObject({ code: (failure as { code: string }).code });
      expect([await rows(), await revision()]).toEqual(before);
      expect(await invoices.getInvoice({ name: "invoices/1" })).toEqual(first);
      expect((await connection.service(InvoiceService).listInvoices({})).invoices).toHaveLength(2);
      // No id was spent.
      expect(await create([line(1, "1", 1)])).toMatchObject({
        name: "invoices/3",
        lines: [{ lineId: 5n }],
      });
    });
  }
});

describe("the total", () => {
  test("is the exact sum of the lines, whatever prices and quantities", async () => {
    const { create, update, sql, database } = await startInvoices();
    // At most 10^4 × 10^3 × 20, so that the column holds every sum.
    const lines = fc.array(
      fc.record({
        price: fc.oneof(
          fc.constantFrom(-1n, 0n, 1n, 7n, 10n, 29n, 99n, 105n, 999_999n),
          fc.bigInt({ min: -1_000_000n, max: 1_000_000n }),
        ),
        quantity: fc.integer({ min: -400, max: 400 }).filter((quantity) => quantity !== 0),
      }),
      { maxLength: 20 },
    );
    await fc.assert(
      fc.asyncProperty(lines, lines, async (first, second) => {
        const sumOf = (list: typeof first) =>
          list.reduce((sum, { price, quantity }) => sum + price * BigInt(quantity), 0n);
        const created = await create(first.map(toLine));
        expect(cents(created.total)).toBe(sumOf(first));
        const updated = await update(second.map(toLine));
        expect(cents(updated.total)).toBe(sumOf(second));
        const stored = await sql.value("SELECT Total FROM invoices WHERE InvoiceId = 1");
        expect(BigInt(Number(stored).toFixed(2).replace(".", ""))).toBe(sumOf(second));
      }),
      { numRuns: 100 },
    );
    expect(await findingsOf(database)).toEqual([]);
  });

  test("is exact where a double is not", async () => {
    const { create } = await startInvoices();
    const sale = fc.record({
      price: fc.bigInt({ min: -2_499_999_999n, max: 2_499_999_999n }),
      quantity: fc.constantFrom(1, 2, 3, 4, -1, -4),
    });
    await fc.assert(
      fc.asyncProperty(sale, async ({ price, quantity }) => {
        const created = await create([toLine({ price, quantity })]);
        expect(cents(created.total)).toBe(price * BigInt(quantity));
      }),
      { numRuns: 100 },
    );
  });

  test("of ten times a dime is a dollar", async () => {
    const { create, sql } = await startInvoices();
    const created = await create(Array.from({ length: 10 }, () => line(1, "0.10", 1)));
    expect(created.total).toMatchObject(usd("1.00"));
    expect(await sql.value("SELECT Total = 1 FROM invoices WHERE InvoiceId = 2")).toBe(1n);
  });

  test("may be the largest that the column holds, and negative", async () => {
    const { create } = await startInvoices();
    const largest = await create([line(1, "99999999.99", 1)]);
    expect(cents(largest.total)).toBe(9_999_999_999n);
    const refund = await create([line(1, "0.99", -1)]);
    expect(refund.total).toMatchObject({ units: 0n, nanos: -990_000_000 });
    expect(cents(refund.total)).toBe(-99n);
  });

  test("is output only: what a client sends is ignored", async () => {
    const { create, invoices } = await startInvoices();
    const total = createMessage(MoneySchema, usd("77.77"));
    const created = await create([line(1, "1", 2)], { total });
    expect(cents(created.total)).toBe(200n);
    const { name } = created;
    const updates: readonly Parameters<typeof invoices.updateInvoice>[0][] = [
      { invoice: { name, total } },
      { invoice: { name, total }, updateMask: { paths: ["total"] } },
      { invoice: { ...created, total, etag: "" }, updateMask: { paths: ["*"] } },
    ];
    for (const update of updates) {
      expect(cents((await invoices.updateInvoice(update)).total)).toBe(200n);
    }
  });
});

describe("deleting", () => {
  test("an invoice deletes its lines, and no other's", async () => {
    const { create, invoices, rows, connection, revision } = await startInvoices();
    await create([line(2, "4", 4)]);
    const before = (await revision()) as bigint;
    await invoices.deleteInvoice({ name: "invoices/1" });
    expect(await revision()).toBe(before + 1n);
    expect(await rows()).toEqual(["4 2 2 4"]);
    expect(await failureOf(invoices.getInvoice({ name: "invoices/1" }))).toMatchObject({
      code: "NOT_FOUND",
    });
    // tracks/1 is on no invoice any more.
    await connection.service(TrackService).deleteTrack({ name: "tracks/1" });
    expect(await create([line(2, "1", 1)])).toMatchObject({
      name: "invoices/3",
      lines: [{ lineId: 5n }],
    });
  });

  test("a track that was sold, or a customer who bought, is refused", async () => {
    const { connection } = await startInvoices();
    const { CustomerService } = await import("../../gen/chinook/v1/customer_pb.ts");
    const calls = [
      connection.service(TrackService).deleteTrack({ name: "tracks/1" }),
      connection.service(CustomerService).deleteCustomer({ name: "customers/1" }),
    ];
    for (const call of calls) {
      expect(await failureOf(call)).toMatchObject({
        code: "FAILED_PRECONDITION",
        reason: "FOREIGN_KEY",
        preconditions: [expect.stringMatching(/^FOREIGN_KEY (tracks|customers)\/1$/)],
      });
    }
  });
});

test("updates at once of one invoice are all kept, one after the other", async () => {
  const { invoices, rows, first } = await startInvoices();
  const paths = ["notes", "billing_city", "billing_country", "lines"];
  const invoice = {
    name: "invoices/1",
    notes: "n",
    billingCity: "c",
    billingCountry: "d",
    lines: first.lines.map((old) => ({ ...old, quantity: 9 })),
  };
  const updated = await Promise.all(
    paths.map((path) => invoices.updateInvoice({ invoice, updateMask: { paths: [path] } })),
  );
  expect(new Set(updated.map(({ etag }) => etag)).size).toBe(paths.length);
  const found = await invoices.getInvoice({ name: "invoices/1" });
  expect(found).toMatchObject({ notes: "n", billingCity: "c", billingCountry: "d" });
  expect(quantities(found)).toEqual([9, 9, 9]);
  expect(await rows()).toEqual(["1 1 1 9", "2 1 2 9", "3 1 1 9"]);
});
