// A server with a few rows, and plain SQL on its file.

import { CustomerService } from "../../gen/chinook/v1/customer_pb.ts";
import { InvoiceService } from "../../gen/chinook/v1/invoice_pb.ts";
import type { Connection } from "../../src/client/client.ts";
import { startTestService } from "../support/service.ts";
import { createRows, openSql, usd } from "./support.ts";

type SqlConnection = ReturnType<typeof openSql>;

export interface Store {
  readonly connection: Connection;
  readonly database: string;
  readonly sql: SqlConnection;
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
  return { connection, database, sql: openSql(database) };
}

export const getCustomer = ({ connection }: Store, name = "customers/1") =>
  connection.service(CustomerService).getCustomer({ name });

export const getInvoice = ({ connection }: Store, name = "invoices/1") =>
  connection.service(InvoiceService).getInvoice({ name });

export function pluck(sql: SqlConnection, query: string): unknown {
  return sql.prepare(query).pluck().get();
}
