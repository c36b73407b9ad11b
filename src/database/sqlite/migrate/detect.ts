// Tells what a database file is: empty, managed by protostore, or made by somebody else.
// Must not write: what follows from the answer is decided by who asked.

import { StoreError } from "../../../errors.ts";
import type { Connection } from "../connection/connection.ts";
import { hasVersionTable, readVersionRow } from "./version-table.ts";

/** What a database file is; an adoptable one has all the tables of the first migration. */
export type DatabaseKind = "empty" | "managed" | "adoptable" | "foreign";

/** What a program does with files that it did not make. */
export interface ForeignFiles {
  /** Whether the file could be taken over as it is. */
  canAdopt(connection: Connection): boolean;
  /** Why the file at `database` is refused, and what its owner can do. */
  refusal(connection: Connection, database: string): string;
}

/** What may be there before the first migration has been run. */
const BOOKKEEPING = ["schema_migrations", "schema_migrations_log", "version_unique"];

/** Tells what the database is; it only reads. */
export function detectDatabase(connection: Connection, foreign?: ForeignFiles): DatabaseKind {
  if (readVersionRow(connection)) return "managed";
  // A first migration that failed leaves golang-migrate's table, without a row, and our log.
  if (isEmpty(connection)) return "empty";
  if (foreign?.canAdopt(connection)) return "adoptable";
  // golang-migrate's table without a row: whoever made it wants the file to be migrated, or the first
  // migration without a transaction was stopped half-way, and `force` took its version.
  return hasVersionTable(connection) ? "managed" : "foreign";
}

/**
 * Lets a database through that is empty or managed, and tells which.
 * @throws StoreError UNMANAGED_DATABASE for any other.
 */
export function refuseUnmanaged(
  connection: Connection,
  database: string,
  foreign?: ForeignFiles,
): "empty" | "managed" {
  const kind = detectDatabase(connection, foreign);
  if (kind === "empty" || kind === "managed") return kind;
  const refusal =
    foreign?.refusal(connection, database) ??
    `${database} has tables that protostore did not make; name another file`;
  throw new StoreError("UNMANAGED_DATABASE", refusal);
}

function isEmpty(connection: Connection): boolean {
  const names = connection
    .prepare(
      `SELECT lower(name) FROM sqlite_schema
       WHERE type <> 'trigger' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'`,
    )
    .pluck()
    .all() as string[];
  return names.every((name) => BOOKKEEPING.includes(name));
}
