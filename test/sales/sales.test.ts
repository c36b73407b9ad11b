// SummarizeSales over real gRPC and SQLite: equal, to the cent, to what the invoices themselves say.

import { copyFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { timestampFromDate, timestampMs } from "@bufbuild/protobuf/wkt";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Invoice } from "../../gen/chinook/v1/invoice_pb.ts";
import {
  SummarizeSalesRequest_GroupBy as GroupBy,
  SalesService,
} from "../../gen/chinook/v1/sales_service_pb.ts";
import { adoptDatabase } from "../../src/chinook/adopt/adopt.ts";
import { runStore, startStore, type TestStore } from "../search/support.ts";
import { realChinook } from "../support/chinook.ts";
import { makeTempDir } from "../support/temp.ts";
import { type Books, expectedSummary, plainSummary, readBooks } from "./expected.ts";
import { storeOfInvoices } from "./lines.ts";

const GROUPINGS = Object.entries(GroupBy)
  .map(([name, groupBy]) => ({ name, groupBy }))
  .filter(({ groupBy }) => groupBy !== GroupBy.GROUP_BY_UNSPECIFIED);
const INVALID_ARGUMENT = 3;

const salesOf = ({ connection }: TestStore) => connection.service(SalesService);
const at = (text: string) => timestampFromDate(new Date(text));

function isBetween(invoice: Invoice, from: string, to: string): boolean {
  const time = invoice.invoiceTime;
  if (!time) throw new TypeError("an invoice has no time");
  const milliseconds = timestampMs(time);
  return milliseconds >= Date.parse(from) && milliseconds < Date.parse(to);
}

describe("on the project's own rows", () => {
  let store: TestStore;
  let books: Books;
  beforeAll(async () => {
    store = await runStore({ fixtures: true });
    books = await readBooks(store.connection);
  });
  afterAll(() => store.stop());

  test.for(GROUPINGS)("$name adds up to what the invoices say", async ({ groupBy }) => {
    const summary = plainSummary(await salesOf(store).summarizeSales({ groupBy }));
    expect(summary).toEqual(expectedSummary(books, groupBy));
    expect(summary.groups.length).toBeGreaterThan(1);
  });

  test.for(GROUPINGS)("$name keeps to a range of time", async ({ groupBy }) => {
    const times = books.invoices.flatMap(({ invoiceTime }) => invoiceTime ?? []).map(timestampMs);
    const sorted = times.toSorted((a, b) => a - b);
    const [from = "", to = ""] = [1 / 4, 3 / 4]
      .map((part) => sorted[Math.floor(sorted.length * part)] ?? 0)
      .map((milliseconds) => new Date(milliseconds).toISOString());
    const response = await salesOf(store).summarizeSales({
      groupBy,
      startTime: at(from),
      endTime: at(to),
    });
    const expected = expectedSummary(books, groupBy, (invoice) => isBetween(invoice, from, to));
    expect(plainSummary(response)).toEqual(expected);
    expect(expected.total.invoiceCount).toBeGreaterThan(sorted.length / 3);
    expect(expected.total.invoiceCount).toBeLessThan(sorted.length);
  });

  test("an empty range has no groups and a total of nothing", async () => {
    const time = at("2024-01-01T00:00:00Z");
    const response = await salesOf(store).summarizeSales({
      groupBy: GroupBy.ARTIST,
      startTime: time,
      endTime: time,
    });
    expect(plainSummary(response)).toEqual({
      groups: [],
      total: { key: "", displayName: "", revenue: 0n, quantity: 0n, invoiceCount: 0 },
    });
  });

  test.for([
    ["no grouping", {}, "group_by"],
    ["a grouping that says nothing", { groupBy: GroupBy.GROUP_BY_UNSPECIFIED }, "group_by"],
    ["a grouping that is not known", { groupBy: 99 as GroupBy }, "group_by"],
    ["a year 10000", { groupBy: 1, startTime: { seconds: 253_402_300_800n } }, "start_time"],
    ["negative nanos", { groupBy: 1, endTime: { nanos: -1 } }, "end_time"],
    [
      "a reversed range",
      { groupBy: 1, startTime: { nanos: 2 }, endTime: { nanos: 1 } },
      "end_time",
    ],
  ] as const)("%s is refused", async ([, request, field]) => {
    await expect(salesOf(store).summarizeSales(request)).rejects.toMatchObject({
      code: INVALID_ARGUMENT,
      message: expect.stringContaining(`${field}: `),
    });
  });

  test("has the revision of what it read", async () => {
    let revision: string | undefined;
    await salesOf(store).summarizeSales(
      { groupBy: GroupBy.MONTH },
      { onMetadata: (metadata) => (revision = metadata.get("protostore-revision")) },
    );
    const [state] = store.query("SELECT revision FROM store_state");
    expect(revision).toBe(String(state?.revision));
  });
});

describe("sales without", () => {
  test("genre, album, employee or country are in the group with an empty key", async () => {
    const store = await startStore({ fixtures: true });
    store.execute(`
      UPDATE tracks SET GenreId = NULL WHERE TrackId % 3 = 0;
      UPDATE tracks SET AlbumId = NULL WHERE TrackId % 4 = 0;
      UPDATE customers SET SupportRepId = NULL WHERE CustomerId % 3 = 0;
      UPDATE invoices SET BillingCountry = CASE InvoiceId % 2 WHEN 0 THEN NULL ELSE '' END
      WHERE InvoiceId % 5 < 2;`);
    const books = await readBooks(store.connection);
    for (const { groupBy } of GROUPINGS) {
      const summary = plainSummary(await salesOf(store).summarizeSales({ groupBy }));
      expect(summary).toEqual(expectedSummary(books, groupBy));
      const nameless = summary.groups.filter(({ key }) => key === "");
      expect(nameless).toHaveLength(groupBy === GroupBy.MONTH ? 0 : 1);
      expect(nameless[0]?.displayName ?? "").toBe("");
    }
  });

  test("a date that can be read are in no month and in no range, but in sums without", async () => {
    const store = await startStore({ fixtures: true });
    const everything = plainSummary(
      await salesOf(store).summarizeSales({ groupBy: GroupBy.MONTH }),
    ).total;
    store.execute("UPDATE invoices SET InvoiceDate = 'yesterday' WHERE InvoiceId = 1");
    const answer = await salesOf(store).summarizeSales({ groupBy: GroupBy.MONTH });
    expect(answer.unreachable).toEqual(["invoices/1"]);
    expect(answer.total?.invoiceCount).toBe(everything.invoiceCount - 1);
    const byGenre = await salesOf(store).summarizeSales({ groupBy: GroupBy.GENRE });
    expect(byGenre.unreachable).toEqual([]);
    expect(plainSummary(byGenre).total).toEqual(everything);
    const ranged = plainSummary(
      await salesOf(store).summarizeSales({
        groupBy: GroupBy.MONTH,
        startTime: at("0001-01-01T00:00:00Z"),
      }),
    );
    expect(ranged.total.invoiceCount).toBe(everything.invoiceCount - 1);
  });
});

test("the largest revenue comes first, equals by key", async () => {
  const store = await storeOfInvoices([
    { price: "1" },
    { price: "5" },
    { price: "2" },
    { price: "2" },
  ]);
  const countries = ["'Norway'", "'Chad'", "'Peru'", "'Mali'"];
  countries.forEach((country, index) => {
    store.execute(`UPDATE invoices SET BillingCountry = ${country} WHERE InvoiceId = ${index + 1}`);
  });
  const { groups } = await salesOf(store).summarizeSales({ groupBy: GroupBy.COUNTRY });
  expect(groups.map(({ key }) => key)).toEqual(["Chad", "Mali", "Peru", "Norway"]);
});

const chinook = realChinook();

describe.skipIf(!chinook)("on the real Chinook, adopted", () => {
  let store: TestStore;
  let books: Books;
  let directory: string;
  beforeAll(async () => {
    directory = makeTempDir();
    const database = join(directory, "chinook.db");
    copyFileSync(chinook ?? "", database);
    await adoptDatabase(database, { lockTimeoutMs: 15_000 });
    store = await runStore({ database });
    books = await readBooks(store.connection);
  });
  afterAll(async () => {
    await store.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  test.for(GROUPINGS)("$name adds up to what the invoices say", async ({ groupBy }) => {
    const summary = plainSummary(await salesOf(store).summarizeSales({ groupBy }));
    expect(summary).toEqual(expectedSummary(books, groupBy));
    // The sum of Chinook's own totals.
    expect(summary.total).toMatchObject({
      revenue: 2_328_600_000_000n,
      quantity: 2_240n,
      invoiceCount: 412,
    });
    const [from, to] = ["2022-02-28T00:00:00Z", "2023-07-01T00:00:00Z"];
    const response = await salesOf(store).summarizeSales({
      groupBy,
      startTime: at(from),
      endTime: at(to),
    });
    expect(plainSummary(response)).toEqual(
      expectedSummary(books, groupBy, (invoice) => isBetween(invoice, from, to)),
    );
  });
});
