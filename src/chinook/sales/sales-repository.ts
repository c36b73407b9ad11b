// Adds up the lines of invoices by country, genre, artist, employee or month, exactly.
// SQL adds up whole numbers only, the quantities sold at each price; money is multiplied and added
// here, as bigint, so that no sum ever passes through a float.

import type { Timestamp } from "@bufbuild/protobuf/wkt";
import { InvoiceLineSchema } from "../../../gen/chinook/v1/invoice_pb.ts";
import type { Money } from "../../../gen/google/type/money_pb.ts";
import type { CallLimits, Database } from "../../database/database.ts";
import { rowsOf } from "../../database/sql/rows-of.ts";
import type { Statement } from "../../database/sql/statements.ts";
import { StoreError } from "../../errors.ts";
import type { ResourcePlan } from "../../schema/plan.ts";
import type { RowFault } from "../../schema/row-fault.ts";
import { INT64_MAX, type Row, type SqlValue } from "../../schema/sql-value.ts";
import type { TextEncoding } from "../../schema/text-bytes.ts";
import type { ColumnCodec } from "../../schema/types/column-codec.ts";
import {
  addSales,
  canonicalTime,
  createOddReader,
  oddInvoices,
  priceNanos,
  selectOddLines,
} from "./odd-sales.ts";
import type { Grouping, Sales } from "./sales.ts";
import { SALES_SQL, type SalesSql } from "./sales-sql.ts";

/** The sales of a time range. */
export interface SalesSummary {
  /** In no order. */
  readonly groups: readonly Sales[];
  /** Over all groups; an invoice that is in several counts once. */
  readonly total: Sales;
  readonly currencyCode: string;
  /** Invoices that are in no sum, as a field that the sums need cannot be read. */
  readonly unreachable: readonly RowFault[];
  readonly revision: bigint;
}

/** Summarizes sales. Every method fails with StoreError only. */
export interface SalesRepository {
  /** The sales on invoices with `from` <= invoice_time < `to`; absent bounds are none. */
  summarize(
    grouping: Grouping,
    from: Timestamp | undefined,
    to: Timestamp | undefined,
    call?: CallLimits,
  ): Promise<SalesSummary>;
}

/**
 * The time of an invoice that is not odd as text of one length, YYYY-MM-DD HH:MM:SS.nnnnnnnnn, so that
 * texts compare as times.
 */
const TIME =
  "substr(InvoiceDate || CASE length(InvoiceDate) WHEN 19 THEN '.' ELSE '' END || '000000000', 1, 29)";

/** For each grouping: its key, what to show for it, and where to find both. */
const GROUPINGS: Readonly<Record<Grouping, { key: string; name: string; joins: string }>> = {
  country: {
    key: "nullif(CAST(invoices.BillingCountry AS TEXT), '')",
    name: "CAST(invoices.BillingCountry AS TEXT)",
    joins: "",
  },
  genre: {
    key: "genres.GenreId",
    name: "genres.Name",
    joins: `
      LEFT JOIN tracks ON tracks.TrackId = invoice_items.TrackId
      LEFT JOIN genres ON genres.GenreId = tracks.GenreId`,
  },
  artist: {
    key: "artists.ArtistId",
    name: "artists.Name",
    joins: `
      LEFT JOIN tracks ON tracks.TrackId = invoice_items.TrackId
      LEFT JOIN albums ON albums.AlbumId = tracks.AlbumId
      LEFT JOIN artists ON artists.ArtistId = albums.ArtistId`,
  },
  supportRep: {
    key: "employees.EmployeeId",
    name: "employees.FirstName || ' ' || employees.LastName",
    joins: `
      LEFT JOIN customers ON customers.CustomerId = invoices.CustomerId
      LEFT JOIN employees ON employees.EmployeeId = customers.SupportRepId`,
  },
  month: { key: `substr(${TIME}, 1, 7)`, name: `substr(${TIME}, 1, 7)`, joins: "" },
};

/** The lines that count, as the table `sold`. */
function selectSold(
  invoice: ResourcePlan,
  grouping: Grouping,
  from: string | undefined,
  to: string | undefined,
  own: SalesSql,
): Statement {
  const { key, name, joins } = GROUPINGS[grouping];
  const conditions = [
    own.interruptible("invoice_items.InvoiceLineId"),
    `invoices.InvoiceId NOT IN (${oddInvoices(invoice, own)})`,
    ...(from === undefined ? [] : [`${TIME} >= ?`]),
    ...(to === undefined ? [] : [`${TIME} < ?`]),
  ];
  const sql = `
    WITH sold AS (
      SELECT ${key} AS key, ${name} AS name, invoice_items.InvoiceId AS invoice,
        invoice_items.UnitPrice AS price, invoice_items.Quantity AS quantity
      FROM invoice_items
      JOIN ${rowsOf(invoice)} ON invoices.InvoiceId = invoice_items.InvoiceId ${joins}
      WHERE ${conditions.join(" AND ")}
    )`;
  return { sql, parameters: [from, to].filter((bound) => bound !== undefined) };
}

/** The repository over the plan of invoices, which says how a price is stored. */
export function createSalesRepository(database: Database, invoice: ResourcePlan): SalesRepository {
  const price = priceCodec(invoice);
  const readOdd = createOddReader(invoice);
  const own = SALES_SQL[database.driver];
  const { currencyCode } = price.decode(0n) as Money;

  return {
    async summarize(grouping, from, to, call) {
      const range = { from: from && canonicalTime(from), to: to && canonicalTime(to) };
      const { sql, parameters } = selectSold(invoice, grouping, range.from, range.to, own);
      const select = (text: string): Statement => ({ sql: `${sql} ${text}`, parameters });
      const { rows, revision } = await database.read(
        [
          select("SELECT key, max(name), count(DISTINCT invoice) FROM sold GROUP BY key"),
          select("SELECT key, price, sum(quantity) FROM sold GROUP BY key, price"),
          select("SELECT count(DISTINCT invoice) FROM sold"),
          selectOddLines(invoice, GROUPINGS[grouping], own),
          own.encoding,
        ],
        call,
      );
      const [keys = [], prices = [], [[invoiceCount] = []] = [], oddLines = [], encoding] = rows;
      const sums = addUp(prices, price);
      const plain = keys.map(([key = null, name, count]): Sales => {
        const { revenueNanos = 0n, quantity = 0n } = sums.get(key) ?? {};
        const displayName = name === null ? "" : String(name);
        const invoiceCount = Number(count);
        return { key: key as Sales["key"], displayName, revenueNanos, quantity, invoiceCount };
      });
      const odd = readOdd(oddLines, grouping, range, encoding?.[0]?.[0] as TextEncoding);
      const groups = addSales(plain, odd.sales);
      groups.forEach(refuseTooLarge);
      const total: Sales = {
        key: null,
        displayName: "",
        revenueNanos: groups.reduce((sum, group) => sum + group.revenueNanos, 0n),
        quantity: groups.reduce((sum, group) => sum + group.quantity, 0n),
        invoiceCount: Number(invoiceCount) + odd.invoiceCount,
      };
      refuseTooLarge(total);
      return { groups, total, currencyCode, unreachable: odd.unreachable, revision };
    },
  };
}

/** Money has 64 bits of whole units. */
const REVENUE_NANOS_MAX = (INT64_MAX + 1n) * 1_000_000_000n - 1n;

/** @throws StoreError SUM_TOO_LARGE if the response cannot have such a sum. */
function refuseTooLarge({ revenueNanos, quantity }: Sums): void {
  const isTooLarge = (sum: bigint, max: bigint) => sum > max || sum < -max;
  if (!isTooLarge(revenueNanos, REVENUE_NANOS_MAX) && !isTooLarge(quantity, INT64_MAX)) return;
  throw new StoreError("SUM_TOO_LARGE", "a sum has more than 64 bits: ask for a shorter time");
}

type Sums = Pick<Sales, "revenueNanos" | "quantity">;

/** The sums of each key from rows of key, price and quantity. */
function addUp(rows: readonly Row[], price: ColumnCodec): ReadonlyMap<SqlValue, Sums> {
  const sums = new Map<SqlValue, Sums>();
  for (const [key = null, cell, sold] of rows) {
    const { revenueNanos = 0n, quantity = 0n } = sums.get(key) ?? {};
    const more = readQuantity(sold ?? 0n);
    sums.set(key, {
      revenueNanos: revenueNanos + priceNanos(cell ?? 0n, price) * more,
      quantity: quantity + more,
    });
  }
  return sums;
}

/** SQLite adds integers as integers, and none that is something else is among them. */
function readQuantity(sum: NonNullable<SqlValue>): bigint {
  if (typeof sum !== "bigint") throw new TypeError("a sum of quantities is no integer");
  return sum;
}

function priceCodec({ children }: ResourcePlan): ColumnCodec {
  const line = children.find(({ desc }) => desc === InvoiceLineSchema);
  const column = line?.columns.find(({ field }) => field === InvoiceLineSchema.field.unitPrice);
  if (!column) throw new StoreError("INVALID_PLAN", "the lines of invoices have no price");
  return column.codec;
}
