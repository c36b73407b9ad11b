// SummarizeSales compares times and adds up money exactly, in whatever form they were stored.

import { describe, expect, test } from "vitest";
import type { Invoice } from "../../gen/chinook/v1/invoice_pb.ts";
import {
  SummarizeSalesRequest_GroupBy as GroupBy,
  SalesService,
} from "../../gen/chinook/v1/sales_service_pb.ts";
import type { TestStore } from "../search/support.ts";
import { failureOf } from "../service/support.ts";
import { plainSummary, readBooks } from "./expected.ts";
import { storeOfInvoices } from "./lines.ts";

const salesOf = ({ connection }: TestStore) => connection.service(SalesService);

describe("time", () => {
  // Each is one moment, whatever its form; in order, with equal moments side by side.
  const TIMES = [
    ["2024-04-30", "2024-04-30 00:00:00", "2024-04-30T00:00:00Z", "2024-04-30 00:00:00.000"],
    ["2024-04-30 23:59:59.999999999"],
    ["2024-05-01", "2024-05-01T00:00:00", "2024-05-01 00:00:00Z", "2024-05-01 00:00:00.0"],
    ["2024-05-01 00:00:00.000000001"],
    ["2024-05-01 00:00:00.5", "2024-05-01T00:00:00.500Z", "2024-05-01 00:00:00.500000000"],
    ["2024-05-01 00:00:01"],
    ["2024-05-10 09:00:00", "2024-05-10T09:00:00.000000Z"],
    ["2024-05-10 09:00:00.000000500"],
    ["2024-05-31 23:59:59", "2024-05-31 23:59:59.0"],
    ["2024-06-01"],
  ];

  test("is compared as a value, whatever form another program stored", async () => {
    const store = await storeOfInvoices(TIMES.flat().map((time) => ({ time })));
    const { invoices } = await readBooks(store.connection);
    const moments = [...new Set(invoices.map(({ invoiceTime }) => nanosOf(invoiceTime)))];
    expect(moments).toHaveLength(TIMES.length);
    const counts = TIMES.map((forms) => forms.length);
    const sum = (from: number, to: number) => counts.slice(from, to).reduce((a, b) => a + b, 0);
    const toTime = (nanos: bigint | undefined) =>
      nanos === undefined
        ? undefined
        : { seconds: nanos / 1_000_000_000n, nanos: Number(nanos % 1_000_000_000n) };
    for (let from = 0; from < moments.length; from++) {
      for (let to = from; to <= moments.length; to++) {
        const [startTime, endTime] = [toTime(moments[from]), toTime(moments[to])];
        const { total } = await salesOf(store).summarizeSales({
          groupBy: GroupBy.MONTH,
          ...(startTime && { startTime }),
          ...(endTime && { endTime }),
        });
        expect([from, to, total?.invoiceCount]).toEqual([from, to, sum(from, to)]);
      }
    }
  });

  test("makes months in UTC, in their order", async () => {
    const store = await storeOfInvoices(TIMES.flat().map((time) => ({ time })));
    const { groups } = await salesOf(store).summarizeSales({ groupBy: GroupBy.MONTH });
    expect(groups.map(({ key, displayName, quantity }) => [key, displayName, quantity])).toEqual([
      ["2024-04", "2024-04", 5n],
      ["2024-05", "2024-05", 14n],
      ["2024-06", "2024-06", 1n],
    ]);
  });
});

function nanosOf(time: Invoice["invoiceTime"]): bigint {
  return (time?.seconds ?? 0n) * 1_000_000_000n + BigInt(time?.nanos ?? 0);
}

describe("money", () => {
  /** The revenue in nanos of an invoice line each with these prices and quantities. */
  async function revenueOf(lines: readonly (readonly [price: string, quantity: string])[]) {
    const store = await storeOfInvoices(lines.map(([price, quantity]) => ({ price, quantity })));
    const response = await salesOf(store).summarizeSales({ groupBy: GroupBy.COUNTRY });
    return plainSummary(response).total;
  }

  test("is exact where a sum of floats is not", async () => {
    const lines = Array.from({ length: 1_000 }, () => ["0.1", "1"] as const);
    expect(lines.reduce((sum, [price]) => sum + Number(price), 0)).not.toBe(100);
    expect(await revenueOf(lines)).toMatchObject({
      revenue: 100_000_000_000n,
      invoiceCount: 1_000,
    });
  });

  test("is exact at the limits of NUMERIC(10,2) and of a quantity", async () => {
    const lines = [
      ["99999999.99", "2147483647"],
      ["99999999.99", "2147483647"],
      ["-99999999.99", "3"],
      ["0.01", "-2147483648"],
      ["33333333.33", "7"],
    ] as const;
    const cents = lines.reduce(
      (sum, [price, quantity]) => sum + BigInt(price.replace(".", "")) * BigInt(quantity),
      0n,
    );
    expect(await revenueOf(lines)).toMatchObject({ revenue: cents * 10_000_000n });
  });

  test("is exact for every number of cents that a column can hold", async () => {
    // 4,000 prices over the whole range; each is stored as SQLite stores the text.
    const prices = Array.from({ length: 4_000 }, (_, index) => {
      const cents = (BigInt(index) * 7_919_000_003n + BigInt(index * index)) % 10_000_000_000n;
      return `${cents / 100n}.${String(cents % 100n).padStart(2, "0")}`;
    });
    const expected = prices.reduce((sum, price) => sum + BigInt(price.replace(".", "")), 0n);
    const { revenue } = await revenueOf(prices.map((price) => [price, "1"]));
    expect(revenue).toBe(expected * 10_000_000n);
  });

  test("is what the lines say even for parts of a cent, and for sums of floats", async () => {
    expect(await revenueOf([["0.005", "3"]])).toMatchObject({ revenue: 15_000_000n });
    expect(await revenueOf([["0.1 + 0.2", "1"]])).toMatchObject({ revenue: 300_000_000n });
    expect(await revenueOf([["-0.99", "2"]])).toMatchObject({ revenue: -1_980_000_000n });
  });

  test("that is no money, and quantities that are no integers, are not guessed", async () => {
    expect(await revenueOf([["'much'", "1"]])).toMatchObject({ revenue: 0n, invoiceCount: 0 });
    expect(await revenueOf([["1", "1.5"]])).toMatchObject({ revenue: 0n, invoiceCount: 0 });
  });
});

test("a sum beyond 64 bits is refused, and one up to them is exact", async () => {
  const [price, quantity] = ["99999999.99", String(2 ** 31 - 1)];
  const cents = 9_999_999_999n * BigInt(quantity);
  const fitting = (2n ** 63n * 100n) / cents;
  const lines = Array.from({ length: Number(fitting) }, () => ({ price, quantity }));
  const store = await storeOfInvoices(lines);
  const summarize = () => salesOf(store).summarizeSales({ groupBy: GroupBy.MONTH });
  expect((await summarize()).total?.revenue?.units).toBe((cents * fitting) / 100n);
  store.execute(`INSERT INTO invoice_items (InvoiceId, TrackId, UnitPrice, Quantity)
    VALUES (1, 1, ${price}, ${quantity})`);
  expect(await failureOf(summarize())).toMatchObject({
    code: "OUT_OF_RANGE",
    reason: "SUM_TOO_LARGE",
  });
});
