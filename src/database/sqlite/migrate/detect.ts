// Tells what a database file is: empty, managed by protostore, a Chinook file, or something else.
// Must not write: what follows from the answer is decided by who asked.

import {
  type ChinookTable,
  readChinookTables,
  readColumns,
  readKey,
} from "../../../chinook/adopt/tables.ts";
import { StoreError } from "../../../errors.ts";
import type { Connection } from "../connection/connection.ts";
import { describeTables } from "../inspect/describe.ts";
import { readMigrationFiles } from "./files.ts";
import { hasVersionTable, readVersionRow } from "./version.ts";

/** What a database file is. */
export type Detection =
  | { readonly kind: "empty" | "managed" | "chinook-upstream" | "chinook-plural" }
  | {
      readonly kind: "foreign";
      /** What it lacks, or has too much of, to be a Chinook file. */
      readonly reason: string;
    };

/** What may be there before the first migration has been run. */
const BOOKKEEPING = new Set(["schema_migrations", "schema_migrations_log", "version_unique"]);

/** Tells what the database is; it only reads. */
export function detectDatabase(connection: Connection): Detection {
  const objects = readObjects(connection);
  if (readVersionRow(connection)) return { kind: "managed" };
  // A first migration that failed leaves golang-migrate's table, without a row, and our log.
  if ([...objects.keys()].every((name) => BOOKKEEPING.has(name))) return { kind: "empty" };
  const tables = readChinookTables(readMigrationFiles());
  const isTable = (name: string) => objects.get(name.toLowerCase()) === "table";
  const upstream = tables.filter((table) => isTable(table.upstreamName));
  const plural = tables.filter((table) => isTable(table.name));
  if (upstream.length === 0 && plural.length === 0) {
    // golang-migrate's table without a row: whoever made it wants the file to be migrated.
    if (hasVersionTable(connection)) return { kind: "managed" };
    const names = tables.map((table) => table.upstreamName).join(", ");
    return { kind: "foreign", reason: `it has none of Chinook's tables (${names})` };
  }
  const isUpstream = upstream.length >= plural.length;
  const reason = findFault(connection, objects, tables, isUpstream);
  // The first migration without a transaction was stopped half-way, and `force` took its version.
  if (reason && hasVersionTable(connection)) return { kind: "managed" };
  if (reason) return { kind: "foreign", reason };
  return { kind: isUpstream ? "chinook-upstream" : "chinook-plural" };
}

/**
 * Lets a database through that is empty or managed.
 * @throws StoreError UNMANAGED_DATABASE for any other; it names the command that adopts the file.
 */
export function refuseUnmanaged(connection: Connection, database: string): void {
  const detection = detectDatabase(connection);
  if (detection.kind === "empty" || detection.kind === "managed") return;
  throw new StoreError(
    "UNMANAGED_DATABASE",
    detection.kind === "foreign"
      ? `${database} has tables that protostore did not make, and is no Chinook file: ` +
          `${detection.reason}. Name another file, or see: protostore adopt ${database}`
      : `${database} is a Chinook file that protostore does not manage yet. To have it taken ` +
          `over in place, after a backup, run: protostore adopt ${database}`,
  );
}

function findFault(
  connection: Connection,
  objects: ReadonlyMap<string, string>,
  tables: readonly ChinookTable[],
  isUpstream: boolean,
): string | undefined {
  for (const table of tables) {
    const name = isUpstream ? table.upstreamName : table.name;
    if (objects.get(name.toLowerCase()) !== "table") return `the table ${name} is missing`;
    const taken = isUpstream && objects.get(table.name);
    if (taken) return `${name} cannot become ${table.name}, which is the name of a ${taken}`;
    const columns = new Set(readColumns(connection, name).map((c) => c.name.toLowerCase()));
    const missing = table.columns.find((column) => !columns.has(column.toLowerCase()));
    if (missing) return `the table ${name} has no column ${missing}`;
    if (table.key && readKey(connection, name)?.toLowerCase() !== table.key.toLowerCase()) {
      return (
        `the column ${table.key} of ${name} is not its INTEGER PRIMARY KEY, the rowid ` +
        "(with DESC, or WITHOUT ROWID, it is not): make the table anew with one"
      );
    }
    if (describeTables(connection)(name)?.strict) {
      return `the table ${name} is STRICT, and gets columns without a type: make it anew without`;
    }
  }
  if (objects.has("schema_migrations") && !hasVersionTable(connection)) {
    return (
      "its table schema_migrations is that of another tool, for example Rails, and protostore " +
      "needs the name: rename it, and tell the tool"
    );
  }
  return undefined;
}

/** The kind of each table, view and index by its name in lower case, as SQLite compares names. */
function readObjects(connection: Connection): ReadonlyMap<string, string> {
  const rows = connection
    .prepare(
      `SELECT lower(name) AS name, type FROM sqlite_schema
       WHERE type <> 'trigger' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'`,
    )
    .all() as { name: string; type: string }[];
  return new Map(rows.map(({ name, type }) => [name, type]));
}
