// The total of an invoice: the exact sum of its lines, in whole nanos of the currency.
// Pure: it is called with messages and runs no SQL.

import { create, equals, type Message } from "@bufbuild/protobuf";
import { type Invoice, type InvoiceLine, InvoiceSchema } from "../../gen/chinook/v1/invoice_pb.ts";
import { MoneySchema } from "../../gen/google/type/money_pb.ts";
import { joinNanos, splitNanos } from "../schema/types/nanos.ts";

const CURRENCY_CODE = "USD";

/**
 * Sets the total of an invoice whose lines are written. As long as they stay as they are the stored
 * total stays too, even if another program has put a different one there.
 */
export function deriveInvoiceTotal(message: Message, previous: Message | undefined): void {
  const invoice = message as Invoice;
  if (previous && sameLines(invoice, previous as Invoice)) return;
  const nanos = invoice.lines.reduce((sum, line) => sum + lineNanos(line), 0n);
  invoice.total = create(MoneySchema, {
    currencyCode: CURRENCY_CODE,
    ...splitNanos(nanos),
  });
}

function lineNanos({ unitPrice, quantity }: InvoiceLine): bigint {
  return joinNanos(unitPrice?.units ?? 0n, unitPrice?.nanos ?? 0) * BigInt(quantity);
}

function sameLines(a: Invoice, b: Invoice): boolean {
  const only = ({ lines }: Invoice) => create(InvoiceSchema, { lines });
  return equals(InvoiceSchema, only(a), only(b));
}
