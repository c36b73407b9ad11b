// The invoices that SQL cannot add up as they are: whose time, country, references, prices or
// quantities are not in the form that the server writes. They are read here as Get reads them, by the
// codecs of their columns: each counts, or is named as one that cannot be read.

import type { Timestamp } from "@bufbuild/protobuf/wkt";
import { InvoiceLineSchema, InvoiceSchema } from "../../../gen/chinook/v1/invoice_pb.ts";
import type { Money } from "../../../gen/google/type/money_pb.ts";
import { rowsOf } from "../../database/sql/rows-of.ts";
import type { Statement } from "../../database/sql/statements.ts";
import { StoreError } from "../../errors.ts";
import type { ResourcePlan, TablePlan } from "../../schema/plan.ts";
import { identify } from "../../schema/resource-name.ts";
import { type RowFault, unreadableField } from "../../schema/row-fault.ts";
import type { Row, SqlValue } from "../../schema/sql-value.ts";
import { type TextEncoding, textOf } from "../../schema/text-bytes.ts";
import { type ColumnCodec, Unrepresentable } from "../../schema/types/column-codec.ts";
import { joinNanos } from "../../schema/types/nanos.ts";
import { timestampCodec } from "../../schema/types/timestamp.ts";
import type { Grouping, Sales } from "./sales.ts";
import type { SalesSql } from "./sales-sql.ts";

/** Selects the keys of the invoices that are odd. */
export function oddInvoices(invoice: ResourcePlan, sql: SalesSql): string {
  return `
  SELECT InvoiceId FROM ${rowsOf(invoice)}
  WHERE ${sql.interruptible("InvoiceId")} AND NOT (${sql.isPlainInvoice})
  UNION SELECT InvoiceId FROM invoice_items
  WHERE ${sql.interruptible("InvoiceLineId")} AND NOT (${sql.isPlainLine})`;
}

/** All lines of the odd invoices, with what makes their group. */
export function selectOddLines(
  invoice: ResourcePlan,
  grouping: { key: string; name: string; joins: string },
  sql: SalesSql,
): Statement {
  // What is made of an odd time in SQL means nothing: it is read from the column itself.
  return {
    sql: `
      SELECT invoices.InvoiceId, InvoiceDate,
        ${sql.countryBytes},
        BillingCountry, invoices.CustomerId, invoice_items.TrackId, invoice_items.UnitPrice,
        invoice_items.Quantity, ${grouping.key}, ${grouping.name}
      FROM invoice_items
      JOIN ${rowsOf(invoice)} ON invoices.InvoiceId = invoice_items.InvoiceId ${grouping.joins}
      WHERE invoices.InvoiceId IN (${oddInvoices(invoice, sql)})
      ORDER BY invoices.InvoiceId`,
    parameters: [],
  };
}

/** The moments between which an invoice counts, in the form of `canonicalTime`. */
export interface TimeRange {
  readonly from: string | undefined;
  readonly to: string | undefined;
}

/** What odd invoices add. */
export interface OddSales {
  /** One for each line. */
  readonly sales: readonly Sales[];
  readonly invoiceCount: number;
  readonly unreachable: readonly RowFault[];
}

/** The most invoices that an answer names. */
const NAMED_MAX = 1_000;

/** Reads the rows of `selectOddLines`. */
export type ReadOdd = (
  rows: readonly Row[],
  grouping: Grouping,
  range: TimeRange,
  encoding: TextEncoding,
) => OddSales;

/** What cannot be read, at its path in the invoice. */
class UnreadableAt extends Error {}

/** The reader over the plan of invoices, whose codecs say what can be read. */
export function createOddReader(invoice: ResourcePlan): ReadOdd {
  const [line] = invoice.children.filter(({ desc }) => desc === InvoiceLineSchema);
  const columns = {
    time: columnOf(invoice, InvoiceSchema.field.invoiceTime.name),
    country: columnOf(invoice, InvoiceSchema.field.billingCountry.name),
    customer: columnOf(invoice, InvoiceSchema.field.customer.name),
    track: columnOf(line, InvoiceLineSchema.field.track.name),
    price: columnOf(line, InvoiceLineSchema.field.unitPrice.name),
    quantity: columnOf(line, InvoiceLineSchema.field.quantity.name),
  };
  const read = (path: string, codec: ColumnCodec, value: SqlValue) =>
    value === null ? undefined : attempt(path, () => codec.decode(value));

  /** A line's sale; undefined if its invoice is out of range. */
  function readLine(
    row: Row,
    grouping: Grouping,
    range: TimeRange,
    encoding: TextEncoding,
  ): Sales | undefined {
    const [, date = null, bytes, stored = null, customer = null, track = null, ...rest] = row;
    const [unitPrice = null, sold = null, foundKey = null, foundName = null] = rest;
    let [key, name] = [foundKey, foundName];
    if (grouping === "month" || range.from !== undefined || range.to !== undefined) {
      const time = read("invoice_time", columns.time, date) as Timestamp | undefined;
      const text = time && canonicalTime(time);
      if (!isWithin(text, range)) return undefined;
      if (grouping === "month") key = name = text?.slice(0, 7) ?? null;
    }
    if (grouping === "country") {
      const country = bytes instanceof Uint8Array ? textOf(bytes, encoding) : stored;
      name = (read("billing_country", columns.country, country) as string) ?? null;
      key = name === "" ? null : name;
    }
    if (grouping === "supportRep") read("customer", columns.customer, customer);
    if (grouping === "genre" || grouping === "artist") read("lines.track", columns.track, track);
    const price = attempt("lines.unit_price", () => priceNanos(unitPrice ?? 0n, columns.price));
    const quantity = BigInt((read("lines.quantity", columns.quantity, sold) as number) ?? 0);
    return {
      key: key as Sales["key"],
      displayName: name === null ? "" : String(name),
      revenueNanos: price * quantity,
      quantity,
      invoiceCount: 0,
    };
  }

  return (rows, grouping, range, encoding) => {
    const all: Sales[] = [];
    const unreachable: RowFault[] = [];
    let invoiceCount = 0;
    for (const [key, lines] of Map.groupBy(rows, ([invoiceKey]) => invoiceKey as bigint)) {
      try {
        const sales = lines.flatMap((row) => readLine(row, grouping, range, encoding) ?? []);
        if (sales.length > 0) invoiceCount++;
        const groups = new Set<unknown>();
        for (const sale of sales) {
          all.push({ ...sale, invoiceCount: groups.has(sale.key) ? 0 : 1 });
          groups.add(sale.key);
        }
      } catch (error) {
        if (!(error instanceof UnreadableAt)) throw error;
        if (unreachable.length < NAMED_MAX)
          unreachable.push(unreadableField(identify(invoice, key), error.message));
      }
    }
    return { sales: all, invoiceCount, unreachable };
  };
}

/** The groups with the sales in them, and new ones for those that have none. */
export function addSales(groups: readonly Sales[], sales: readonly Sales[]): readonly Sales[] {
  const byKey = new Map(groups.map((group) => [group.key, group]));
  for (const sale of sales) {
    const group = byKey.get(sale.key);
    byKey.set(sale.key, {
      key: sale.key,
      displayName: group?.displayName ?? sale.displayName,
      revenueNanos: (group?.revenueNanos ?? 0n) + sale.revenueNanos,
      quantity: (group?.quantity ?? 0n) + sale.quantity,
      invoiceCount: (group?.invoiceCount ?? 0) + sale.invoiceCount,
    });
  }
  return [...byKey.values()];
}

const CANONICAL_LENGTH = "YYYY-MM-DD HH:MM:SS.nnnnnnnnn".length;

/**
 * A moment as text of one length, so that texts compare as times.
 * @throws Unrepresentable for one that no invoice can have.
 */
export function canonicalTime(time: Timestamp): string {
  const text = timestampCodec.encode(time) as string;
  return (text.includes(".") ? text : `${text}.`).padEnd(CANONICAL_LENGTH, "0");
}

function isWithin(time: string | undefined, { from, to }: TimeRange): boolean {
  if (time === undefined) return from === undefined && to === undefined;
  return (from === undefined || time >= from) && (to === undefined || time < to);
}

/** A price in nanos: exactly what the line's `unit_price` says. @throws Unrepresentable */
export function priceNanos(cell: NonNullable<SqlValue>, codec: ColumnCodec): bigint {
  const { units, nanos } = codec.decode(cell) as Money;
  return joinNanos(units, nanos);
}

function attempt<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof Unrepresentable) throw new UnreadableAt(`${path}: ${error.message}`);
    throw error;
  }
}

function columnOf(plan: TablePlan | undefined, name: string): ColumnCodec {
  const column = plan?.columns.find(({ field }) => field.name === name);
  if (!column) throw new StoreError("INVALID_PLAN", `there is no column of ${name} to add up`);
  return column.codec;
}
