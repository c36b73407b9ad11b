// How many new rows SQLite is given at once: a statement has a parameter for each value.
// Pure; runs no SQL.

import type { RowInserts } from "../../sql/write/transaction.ts";
import { insertResources } from "../../sql/write-statements.ts";

/** As many rows as a power of two, so that there are few statements to prepare; child rows one by one. */
export const SQLITE_INSERTS: RowInserts = {
  rowsMax: 32,
  fitting: (rows) => 2 ** Math.floor(Math.log2(rows)),
  resources: insertResources,
  children: () => undefined,
};
