// A server with a few rows, and plain SQL on its database.

import { CustomerService } from "../../gen/chinook/v1/customer_pb.ts";
import { InvoiceService } from "../../gen/chinook/v1/invoice_pb.ts";
import type { Connection } from "../../src/client/client.ts";
import { type OtherProgram, openOther } from "../support/driver.ts";
import { startTestService } from "../support/service.ts";
import { createRows, usd } from "./support.ts";

export interface Store {
  readonly connection: Connection;
  readonly database: string;
  readonly sql: OtherProgram;
}

/** A server with the rows of `createRows` and invoices/1, which has two lines. */
export async function startStore(): Promise<Store> {
  const { connection, database } = await startTestService();
  await createRows(connection);
  const lines = [
    { track: "tracks/1", unitPrice: usd("0.99"), quantity: 2 },
    { track: "tracks/2", unitPrice: usd("1.99"), quantity: 1 },
  ];
  const invoice = { customer: "customers/1", invoiceTime: { seconds: 1_700_000_000n }, lines };
  await connection.service(InvoiceService).createInvoice({ invoice });
  return { connection, database, sql: await openOther(database) };
}

export const getCustomer = ({ connection }: Pick<Store, "connection">, name = "customers/1") =>
  connection.service(CustomerService).getCustomer({ name });

export const getInvoice = ({ connection }: Pick<Store, "connection">, name = "invoices/1") =>
  connection.service(InvoiceService).getInvoice({ name });
