// The reads that scan, as jobs of the reader threads.
// Must not know how the threads are kept.

import type { Row } from "../../../schema/sql-value.ts";
import type { BareRow, Database, Snapshot } from "../../database.ts";
import type { BatchBytes, PageBytes } from "../../page-request.ts";
import type { ReaderPool } from "./reader-pool.ts";
import { nameRequest } from "./reader-protocol.ts";
import { selectBareIn, selectStretch } from "./row-statements.ts";

/** The reads of a database that its reader threads carry out. */
export function scansIn(
  readers: ReaderPool,
): Pick<Database, "read" | "page" | "batch" | "bareRows"> {
  const read: Database["read"] = (statements, limits) =>
    readers.run({ kind: "read", statements }, limits) as Promise<Snapshot>;
  return {
    read,
    page: (request, limits) =>
      readers.run({ kind: "page", request: nameRequest(request) }, limits) as Promise<PageBytes>,
    batch: (request, limits) =>
      readers.run({ kind: "batch", request: nameRequest(request) }, limits) as Promise<BatchBytes>,
    async bareRows(plan, after, limit, limits) {
      const statements = [selectStretch(plan, after, limit), selectBareIn(plan, after, limit)];
      const { rows, revision } = await read(statements, limits);
      const [last, looked] = rows[0]?.[0] ?? [];
      return {
        looked: Number(looked),
        last: (last as bigint | null | undefined) ?? undefined,
        rows: (rows[1] ?? []).map(toBareRow),
        revision,
      };
    },
  };
}

function toBareRow([key, revision, bytes]: Row): BareRow & { readonly bytes: number } {
  return { key: key as bigint, revision, bytes: Number(bytes) };
}
