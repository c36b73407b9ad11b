// The reads that scan, as jobs of the reader threads.
// Must not know how the threads are kept.

import type { Database, Snapshot } from "../../database.ts";
import type { BatchBytes, PageBytes } from "../../page-request.ts";
import type { ReaderPool } from "./reader-pool.ts";
import { nameRequest } from "./reader-protocol.ts";

/** The reads of a database that its reader threads carry out. */
export function scansIn(readers: ReaderPool): Pick<Database, "read" | "page" | "batch"> {
  return {
    read: (statements, limits) =>
      readers.run({ kind: "read", statements }, limits) as Promise<Snapshot>,
    page: (request, limits) =>
      readers.run({ kind: "page", request: nameRequest(request) }, limits) as Promise<PageBytes>,
    batch: (request, limits) =>
      readers.run({ kind: "batch", request: nameRequest(request) }, limits) as Promise<BatchBytes>,
  };
}
