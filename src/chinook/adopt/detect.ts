// Tells whether a file is a Chinook file, of either naming, and what is in the way if it is none.
// Reads only.

import { readMigrationFiles } from "../../database/migrations/files.ts";
import type { Connection } from "../../database/sqlite/connection/connection.ts";
import { describeTables } from "../../database/sqlite/inspect/describe.ts";
import type { ForeignFiles } from "../../database/sqlite/migrate/detect.ts";
import { hasVersionTable } from "../../database/sqlite/migrate/version-table.ts";
import { CHINOOK_MIGRATIONS } from "../migrations.ts";
import { type ChinookTable, readChinookTables, readColumns, readKey } from "./tables.ts";

/** Whether a file has Chinook's tables. */
export type ChinookKind =
  | { readonly naming: "upstream" | "plural" }
  | {
      readonly naming?: undefined;
      /** What it lacks, or has too much of, to be a Chinook file. */
      readonly reason: string;
    };

/** Looks for Chinook's tables. */
export function detectChinook(connection: Connection): ChinookKind {
  const objects = readObjects(connection);
  const tables = readChinookTables(readMigrationFiles(CHINOOK_MIGRATIONS));
  const isTable = (name: string) => objects.get(name.toLowerCase()) === "table";
  const upstream = tables.filter((table) => isTable(table.upstreamName));
  const plural = tables.filter((table) => isTable(table.name));
  if (upstream.length === 0 && plural.length === 0) {
    const names = tables.map((table) => table.upstreamName).join(", ");
    return { reason: `it has none of Chinook's tables (${names})` };
  }
  const isUpstream = upstream.length >= plural.length;
  const reason = findFault(connection, objects, tables, isUpstream);
  return reason === undefined ? { naming: isUpstream ? "upstream" : "plural" } : { reason };
}

/** Chinook files are taken over by a command of their own. */
export const CHINOOK_FILES: ForeignFiles = {
  canAdopt: (connection) => detectChinook(connection).naming !== undefined,
  refusal(connection, database) {
    const found = detectChinook(connection);
    return found.naming === undefined
      ? `${database} has tables that protostore did not make, and is no Chinook file: ` +
          `${found.reason}. Name another file, or see: protostore adopt ${database}`
      : `${database} is a Chinook file that protostore does not manage yet. To have it taken ` +
          `over in place, after a backup, run: protostore adopt ${database}`;
  },
};

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
