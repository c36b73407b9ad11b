// Tells what a PostgreSQL database is: empty, managed by protostore, or made by somebody else.
// Must not write: what follows from the answer is decided by who asked.

import { StoreError } from "../../../errors.ts";
import type { Session } from "../session.ts";
import { hasVersionTable, readVersionRow } from "./record.ts";
import { hasRelations } from "./schema-objects.ts";

/**
 * Lets a database through that is empty or managed, and tells which.
 * @throws StoreError UNMANAGED_DATABASE for any other.
 */
export async function refuseUnmanaged(
  session: Session,
  database: string,
): Promise<"empty" | "managed"> {
  if (await readVersionRow(session)) return "managed";
  // A first migration that failed leaves golang-migrate's table, without a row, and our log.
  if (!(await hasRelations(session))) return "empty";
  // golang-migrate's table without a row: whoever made it wants the database to be migrated.
  if (await hasVersionTable(session)) return "managed";
  throw new StoreError(
    "UNMANAGED_DATABASE",
    `${database} has tables that protostore did not make; name another database`,
  );
}
