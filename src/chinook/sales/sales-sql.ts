// What the sums of sales ask of each database in its own words: which invoices and lines are in the form that
// the server writes. All else is said once, beside.

import type { Database } from "../../database/database.ts";
import { interruptible } from "../../database/sql/interrupt.ts";
import type { Statement } from "../../database/sql/statements.ts";

/** SQL over `invoices` and `invoice_items`. */
export interface SalesSql {
  /** True of invoices that SQL can add up as they are. */
  readonly isPlainInvoice: string;
  /** A price in cents and an ordinary quantity: nothing that an integer or a double would change. */
  readonly isPlainLine: string;
  /** The bytes of a country, where the driver may have changed the text on the way. */
  readonly countryBytes: string;
  /** Selects how the database keeps its texts. */
  readonly encoding: Statement;
  /** True of every row, and ends the statement when nobody waits for it any more. */
  interruptible(key: string): string;
}

const FRACTIONS = [3, 6, 9].map((digits) => `'.${"[0-9]".repeat(digits)}'`);

/** A time as the server writes it, of a day that there is. A NUMERIC column would compare '0001' as 1. */
const PLAIN_TIME = `typeof(InvoiceDate) = 'text' AND InvoiceDate >= '0001-'
  AND datetime(substr(InvoiceDate, 1, 19)) IS substr(InvoiceDate, 1, 19)
  AND (length(InvoiceDate) = 19
    OR ${FRACTIONS.map((form) => `substr(InvoiceDate, 20) GLOB ${form}`).join(" OR ")})`;

/** Text of ASCII needs no second look at its bytes. */
const PLAIN_COUNTRY = `(BillingCountry IS NULL
  OR typeof(BillingCountry) = 'text' AND BillingCountry NOT GLOB '*[^ -~]*')`;

const IN_RANGE =
  "UnitPrice BETWEEN -99999999 AND 99999999 AND Quantity BETWEEN -2147483648 AND 2147483647";

const select = (sql: string): Statement => ({ sql, parameters: [] });

/** By the driver. */
export const SALES_SQL: Readonly<Record<Database["driver"], SalesSql>> = {
  sqlite: {
    isPlainInvoice: `${PLAIN_TIME} AND ${PLAIN_COUNTRY} AND typeof(CustomerId) = 'integer'`,
    isPlainLine: `typeof(UnitPrice) IN ('integer', 'real') AND UnitPrice = round(UnitPrice, 2)
      AND ${IN_RANGE} AND typeof(Quantity) = 'integer' AND typeof(TrackId) = 'integer'`,
    countryBytes: "iif(typeof(BillingCountry) = 'text', CAST(BillingCountry AS BLOB), NULL)",
    encoding: select("SELECT encoding FROM pragma_encoding"),
    interruptible,
  },
  postgres: {
    isPlainInvoice: `text_day(InvoiceDate) IS NOT NULL AND InvoiceDate ~
      '^.{10} ([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]([.]([0-9]{3}|[0-9]{6}|[0-9]{9}))?$'`,
    isPlainLine: `UnitPrice = round(UnitPrice::numeric, 2)::double precision AND ${IN_RANGE}`,
    countryBytes: "NULL",
    encoding: select("SELECT 'UTF-8'"),
    interruptible: () => "TRUE",
  },
};
