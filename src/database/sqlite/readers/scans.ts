// The reads that scan, as jobs of the reader threads.
// Must not know how the threads are kept.

import type { Database, Snapshot } from "../../database.ts";
import type { BatchBytes, PageBytes } from "../../page-request.ts";
import type { RowDialect } from "../../sql/dialect.ts";
import { bareRowsBy } from "../../sql/read/bare-rows.ts";
import type { ReaderPool } from "./reader-pool.ts";
import { nameRequest } from "./reader-protocol.ts";

/** The reads of a database that its reader threads carry out. */
export function scansIn(
  readers: ReaderPool,
  dialect: RowDialect,
): Pick<Database, "read" | "page" | "batch" | "bareRows"> {
  const read: Database["read"] = (statements, limits) =>
    readers.run({ kind: "read", statements }, limits) as Promise<Snapshot>;
  return {
    read,
    page: (request, limits) =>
      readers.run({ kind: "page", request: nameRequest(request) }, limits) as Promise<PageBytes>,
    batch: (request, limits) =>
      readers.run({ kind: "batch", request: nameRequest(request) }, limits) as Promise<BatchBytes>,
    bareRows: bareRowsBy(read, dialect),
  };
}
