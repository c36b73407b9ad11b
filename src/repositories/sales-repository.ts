// Adds up the lines of invoices by country, genre, artist, employee or month, exactly.
// SQL adds up whole numbers only, the quantities sold at each price; money is multiplied and added
// here, as bigint, so that no sum ever passes through a float.

import type { Timestamp } from "@bufbuild/protobuf/wkt";
import { InvoiceLineSchema } from "../../gen/chinook/v1/invoice_pb.ts";
import type { Money } from "../../gen/google/type/money_pb.ts";
import type { CallLimits, Database } from "../database/database.ts";
import { StoreError } from "../errors.ts";
import type { Statement } from "../query/statements.ts";
import { type ColumnCodec, Unrepresentable } from "../schema/codec.ts";
import { timestampCodec } from "../schema/column-messages.ts";
import type { ResourcePlan } from "../schema/plan.ts";
import type { Row, SqlValue } from "../schema/sql-value.ts";

/** What makes a group of sales. */
export type Grouping = "country" | "genre" | "artist" | "supportRep" | "month";

/** What was sold in one group. */
export interface Sales {
  /** The key of a row, or a text; null for sales that have none. */
  readonly key: bigint | string | null;
  readonly displayName: string;
  /** In billionths of the currency's unit. */
  readonly revenueNanos: bigint;
  readonly quantity: bigint;
  readonly invoiceCount: number;
}

/** The sales of a time range. */
export interface SalesSummary {
  /** In no order. */
  readonly groups: readonly Sales[];
  /** Over all groups; an invoice that is in several counts once. */
  readonly total: Sales;
  readonly currencyCode: string;
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
 * The invoice's time as text of one length, YYYY-MM-DD HH:MM:SS.nnnnnnnnn, so that texts compare as
 * times whatever form was stored. NULL for a date that cannot be read: it is in no month or range.
 */
const TIME = `CASE
    WHEN InvoiceDate GLOB '[0-9][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9]*' THEN
      substr(InvoiceDate, 1, 10) || ' '
      || coalesce(nullif(substr(InvoiceDate, 12, 8), ''), '00:00:00') || '.'
      || substr(rtrim(substr(InvoiceDate, 21), 'Z') || '000000000', 1, 9)
  END`;

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
  grouping: Grouping,
  from: string | undefined,
  to: string | undefined,
): Statement {
  const { key, name, joins } = GROUPINGS[grouping];
  const conditions = [
    ...(from === undefined ? [] : [`${TIME} >= ?`]),
    ...(to === undefined ? [] : [`${TIME} < ?`]),
  ];
  const sql = `
    WITH sold AS (
      SELECT ${key} AS key, ${name} AS name, invoice_items.InvoiceId AS invoice,
        invoice_items.UnitPrice AS price, invoice_items.Quantity AS quantity
      FROM invoice_items
      JOIN invoices ON invoices.InvoiceId = invoice_items.InvoiceId ${joins}
      ${conditions.length > 0 ? `WHERE ${conditions.join(" AND ")}` : ""}
    )`;
  return { sql, parameters: [from, to].filter((bound) => bound !== undefined) };
}

/** The repository over the plan of invoices, which says how a price is stored. */
export function createSalesRepository(database: Database, invoice: ResourcePlan): SalesRepository {
  const price = priceCodec(invoice);
  const { currencyCode } = price.decode(0n) as Money;

  return {
    async summarize(grouping, from, to, call) {
      const { sql, parameters } = selectSold(
        grouping,
        from && canonicalTime(from),
        to && canonicalTime(to),
      );
      const select = (text: string): Statement => ({ sql: `${sql} ${text}`, parameters });
      const { rows, revision } = await database.read(
        [
          select("SELECT key, max(name), count(DISTINCT invoice) FROM sold GROUP BY key"),
          select("SELECT key, price, sum(quantity) FROM sold GROUP BY key, price"),
          select("SELECT count(DISTINCT invoice) FROM sold"),
        ],
        call,
      );
      const [keys = [], prices = [], [[invoiceCount] = []] = []] = rows;
      const sums = addUp(prices, price);
      const groups = keys.map(([key = null, name, count]): Sales => {
        const { revenueNanos = 0n, quantity = 0n } = sums.get(key) ?? {};
        const displayName = name === null ? "" : String(name);
        const invoiceCount = Number(count);
        return { key: key as Sales["key"], displayName, revenueNanos, quantity, invoiceCount };
      });
      const total: Sales = {
        key: null,
        displayName: "",
        revenueNanos: groups.reduce((sum, group) => sum + group.revenueNanos, 0n),
        quantity: groups.reduce((sum, group) => sum + group.quantity, 0n),
        invoiceCount: Number(invoiceCount),
      };
      return { groups, total, currencyCode, revision };
    },
  };
}

/**
 * A moment in the form of `TIME`.
 * @throws Unrepresentable for one that no invoice can have.
 */
function canonicalTime(time: Timestamp): string {
  const text = timestampCodec.encode(time) as string;
  return (text.includes(".") ? text : `${text}.`).padEnd(
    "YYYY-MM-DD HH:MM:SS.nnnnnnnnn".length,
    "0",
  );
}

type Sums = Pick<Sales, "revenueNanos" | "quantity">;

/** The sums of each key from rows of key, price and quantity. */
function addUp(rows: readonly Row[], price: ColumnCodec): ReadonlyMap<SqlValue, Sums> {
  const sums = new Map<SqlValue, Sums>();
  for (const [key = null, cell, sold] of rows) {
    const { revenueNanos = 0n, quantity = 0n } = sums.get(key) ?? {};
    const more = readQuantity(sold ?? 0n);
    sums.set(key, {
      revenueNanos: revenueNanos + readPrice(cell ?? 0n, price) * more,
      quantity: quantity + more,
    });
  }
  return sums;
}

const NANOS_PER_UNIT = 1_000_000_000n;

/** A price in nanos: exactly what the line's `unit_price` says. */
function readPrice(cell: NonNullable<SqlValue>, codec: ColumnCodec): bigint {
  try {
    const { units, nanos } = codec.decode(cell) as Money;
    return units * NANOS_PER_UNIT + BigInt(nanos);
  } catch (error) {
    if (error instanceof Unrepresentable) throw unreadable("unit_price", error.message, error);
    throw error;
  }
}

/** SQLite adds integers as integers; a REAL among them shows in the sum. */
function readQuantity(sum: NonNullable<SqlValue>): bigint {
  if (typeof sum !== "bigint") throw unreadable("quantity", "must be an INTEGER");
  return sum;
}

function unreadable(field: string, reason: string, cause?: unknown): StoreError {
  const message = `a line of an invoice cannot be read: ${field}: ${reason}`;
  return new StoreError("ROW_UNREADABLE", message, { cause });
}

function priceCodec({ children }: ResourcePlan): ColumnCodec {
  const line = children.find(({ desc }) => desc === InvoiceLineSchema);
  const column = line?.columns.find(({ field }) => field === InvoiceLineSchema.field.unitPrice);
  if (!column) throw new StoreError("INVALID_PLAN", "the lines of invoices have no price");
  return column.codec;
}
