// Sums and reads have one meaning: each value that another program may have written is counted as Get
// shows it, or its invoice is named and counted nowhere.

import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { InvoiceService } from "../../gen/chinook/v1/invoice_pb.ts";
import {
  SummarizeSalesRequest_GroupBy as GroupBy,
  SalesService,
} from "../../gen/chinook/v1/sales_service_pb.ts";
import { RpcError } from "../../src/client/client.ts";
import {
  openConnection,
  type Connection as SqlConnection,
} from "../../src/database/sqlite/connection/connection.ts";
import { usd } from "../service/support.ts";
import { runService, type TestService } from "../support/service.ts";

const SEED = Number(process.env.SEED ?? Date.now() % 2 ** 31);

const TIMES = [
  "'2024-02-29 10:00:00'",
  "'2024-02-30'",
  "'2024-02-30 00:00:00'",
  "'2023-02-29T00:00:00Z'",
  "'2024-13-01'",
  "'0000-00'",
  "'0000-01-01 00:00:00'",
  "'2024-02-01 24:00:00'",
  "'2024-02-01 10:61:00'",
  "'2024-02-01T10:00:00.5Z'",
  "'2024-02-01 10:00:00.123'",
  "'2024-02-01 10:00:00.123456789'",
  "'2024-02-01'",
  "'2024-02-01x'",
  "' 2024-02-01'",
  "'-024-02-01 00:00:00'",
  "x'323032342d30322d3031'",
  "20240201",
  "1e999",
];
const PRICES = [
  "0.99",
  "1",
  "'free'",
  "0.1234567891",
  "13.859999999999999",
  "0.125",
  "1e999",
  "x'31'",
];
const QUANTITIES = ["1", "2", "1.5", "'many'", "4294967296", "-1", "x'31'"];
const COUNTRIES = [
  "'Norway'",
  "NULL",
  "''",
  "'Österreich'",
  "CAST(x'4eff' AS TEXT)",
  "x'4e'",
  "'\ufffd'",
];
const REFERENCES = ["1", "2", "'one'", "1.5", "x'31'"];

let service: TestService;
let sql: SqlConnection;

beforeAll(async () => {
  service = await runService({ fixtures: true });
  sql = openConnection(service.database, { busyTimeoutMs: 10_000 });
  sql.pragma("foreign_keys = OFF");
  sql.exec("DELETE FROM invoice_items; DELETE FROM invoices");
});

afterAll(async () => {
  sql.close();
  await service.stop();
});

const line = fc.record({
  price: fc.constantFrom(...PRICES),
  quantity: fc.constantFrom(...QUANTITIES),
  track: fc.constantFrom(...REFERENCES),
});
const rare = <T>(usual: T, others: readonly T[]) =>
  fc.oneof({ weight: 5, arbitrary: fc.constant(usual) }, fc.constantFrom(...others));
const invoice = fc.record({
  time: rare("'2024-02-01 00:00:00'", TIMES),
  country: rare("'Norway'", COUNTRIES),
  customer: rare("1", REFERENCES),
  lines: fc.array(
    fc.oneof(
      { weight: 5, arbitrary: fc.constant({ price: "0.99", quantity: "1", track: "1" }) },
      line,
    ),
    { minLength: 1, maxLength: 3 },
  ),
});

/** Which fields each kind of sum needs of an invoice. */
const NEEDED: readonly (readonly [GroupBy, readonly string[]])[] = [
  [GroupBy.COUNTRY, ["billing_country"]],
  [GroupBy.GENRE, ["lines.track"]],
  [GroupBy.ARTIST, ["lines.track"]],
  [GroupBy.SUPPORT_REP, ["customer"]],
  [GroupBy.MONTH, ["invoice_time"]],
];

/** What a Get with only these fields shows; undefined if it cannot. */
async function readInvoice(key: number, fields: readonly string[]) {
  const paths = ["lines.*.unit_price", "lines.*.quantity"].concat(
    fields.map((field) => field.replace("lines.", "lines.*.")),
  );
  const request = { name: `invoices/${key}`, readMask: { paths } };
  try {
    return await service.connection.service(InvoiceService).getInvoice(request);
  } catch (error) {
    if (error instanceof RpcError) return undefined;
    throw error;
  }
}

describe("sums", () => {
  test(`count what Get reads, and name the rest (SEED=${SEED})`, { timeout: 120_000 }, async () => {
    const sales = service.connection.service(SalesService);
    let leftOut = 0;
    const property = fc.asyncProperty(
      fc.array(invoice, { minLength: 1, maxLength: 5 }),
      async (invoices) => {
        sql.exec("BEGIN; DELETE FROM invoice_items; DELETE FROM invoices");
        for (const [index, { time, country, customer, lines }] of invoices.entries()) {
          sql.exec(`INSERT INTO invoices (InvoiceId, CustomerId, InvoiceDate, BillingCountry, Total)
            VALUES (${index + 1}, ${customer}, ${time}, ${country}, 1)`);
          for (const { price, quantity, track } of lines) {
            sql.exec(`INSERT INTO invoice_items (InvoiceId, TrackId, UnitPrice, Quantity)
              VALUES (${index + 1}, ${track}, ${price}, ${quantity})`);
          }
        }
        sql.exec("COMMIT");
        for (const [groupBy, fields] of NEEDED) {
          const unreachable: string[] = [];
          const expected = new Map<string, bigint>();
          for (const index of invoices.keys()) {
            const read = await readInvoice(index + 1, fields);
            if (!read) unreachable.push(`invoices/${index + 1}`);
            for (const { unitPrice, quantity } of read?.lines ?? []) {
              const { units, nanos } = unitPrice ?? usd("0");
              const nanosOfAll = (units * 1_000_000_000n + BigInt(nanos)) * BigInt(quantity);
              const time = Number(read?.invoiceTime?.seconds ?? 0n) * 1000;
              const month = new Date(time).toISOString().slice(0, 7);
              const key =
                groupBy === GroupBy.MONTH
                  ? month
                  : groupBy === GroupBy.COUNTRY
                    ? (read?.billingCountry ?? "")
                    : "all";
              expected.set(key, (expected.get(key) ?? 0n) + nanosOfAll);
            }
          }
          const summary = await sales.summarizeSales({ groupBy });
          const found = new Map<string, bigint>();
          for (const { key, revenue } of summary.groups) {
            const isNamed = groupBy === GroupBy.MONTH || groupBy === GroupBy.COUNTRY;
            const name = isNamed ? key : "all";
            const nanos = (revenue?.units ?? 0n) * 1_000_000_000n + BigInt(revenue?.nanos ?? 0);
            found.set(name, (found.get(name) ?? 0n) + nanos);
          }
          expect(summary.unreachable.toSorted()).toEqual(unreachable);
          expect(found).toEqual(expected);
          leftOut += unreachable.length;
        }
      },
    );
    await fc.assert(property, { numRuns: 60, seed: SEED });
    expect(leftOut).toBeGreaterThan(10);
  });
});
