// Stores that have nothing but invoices of one line each, written as another program would.

import { startStore, type TestStore } from "../search/support.ts";

/** A store with an invoice for each of `lines`, stopped when the running test is over. */
export async function storeOfInvoices(
  lines: readonly { readonly time?: string; readonly price?: string; readonly quantity?: string }[],
): Promise<TestStore> {
  const store = await startStore();
  const rows = lines.map(({ time = "2024-05-01 00:00:00", price = "1", quantity = "1" }, index) => [
    `(${index + 1}, 1, '${time}', 0)`,
    `(${index + 1}, 1, ${price}, ${quantity})`,
  ]);
  store.execute(`
    INSERT INTO media_types (Name) VALUES ('m');
    INSERT INTO tracks (Name, MediaTypeId, Milliseconds, UnitPrice) VALUES ('t', 1, 1, 1);
    INSERT INTO customers (FirstName, LastName, Email) VALUES ('a', 'b', 'c');
    INSERT INTO invoices (InvoiceId, CustomerId, InvoiceDate, Total)
    VALUES ${rows.map(([invoice]) => invoice).join(", ")};
    INSERT INTO invoice_items (InvoiceId, TrackId, UnitPrice, Quantity)
    VALUES ${rows.map(([, line]) => line).join(", ")};`);
  return store;
}
