// A database for everything.v1.Everything, the message with every kind of field.

import { join } from "node:path";
import type { Database, Operation } from "../../src/database/database.ts";
import {
  type Connection,
  openConnection,
} from "../../src/database/sqlite/connection/connection.ts";
import { openSqlite } from "../../src/database/sqlite/sqlite-database.ts";
import { DEFAULT_LIMITS } from "../../src/limits.ts";
import { planResources, type ResourcePlan } from "../../src/schema/plan.ts";
import { registryOf } from "../../src/schema/registry.ts";
import { EVERYTHING, EVERYTHING_RESOURCES, RESOURCES } from "./everything-resources.ts";
import { readMigrationFiles } from "./migrate.ts";

export { EVERYTHING };
export const EVERYTHING_PLAN = planResources(RESOURCES)[0] as ResourcePlan;
export const EVERYTHING_REGISTRY = registryOf([EVERYTHING]);

/** The statements of a migration that make the tables of Everything. */
export const EVERYTHING_TABLES = `
CREATE TABLE everythings (
  EverythingId INTEGER NOT NULL PRIMARY KEY,
  CDouble REAL NOT NULL, CFloat REAL NOT NULL,
  CInt32 INTEGER NOT NULL, CInt64 INTEGER NOT NULL,
  CUint32 INTEGER NOT NULL, CUint64 INTEGER NOT NULL,
  CSint32 INTEGER NOT NULL, CSint64 INTEGER NOT NULL,
  CFixed32 INTEGER NOT NULL, CFixed64 INTEGER NOT NULL,
  CSfixed32 INTEGER NOT NULL, CSfixed64 INTEGER NOT NULL,
  CBool INTEGER NOT NULL, CString NVARCHAR(40) NOT NULL, CBytes BLOB NOT NULL,
  CColor INTEGER NOT NULL,
  CDoubleOptional REAL, CInt64Optional INTEGER, CBoolOptional INTEGER,
  CStringOptional TEXT, CBytesOptional BLOB, CColorOptional INTEGER,
  CTimestamp DATETIME, CDuration INTEGER, CDate DATETIME, CMoney NUMERIC(10,2),
  CReference INTEGER REFERENCES everythings (EverythingId),
  CUnixSeconds INTEGER, CUnixMillis INTEGER, CJulianDay REAL,
  data TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(data)),
  wire BLOB, revision INTEGER, created_at TEXT, updated_at TEXT, checksum INTEGER
);
CREATE TABLE everything_lines (
  LineId INTEGER NOT NULL PRIMARY KEY,
  EverythingId INTEGER NOT NULL REFERENCES everythings (EverythingId),
  CString TEXT, CMoney NUMERIC(10,2),
  data TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(data))
);
`;

/** How a file keeps and compares its texts. */
export interface TextForm {
  readonly encoding?: "UTF-8" | "UTF-16le" | "UTF-16be";
  readonly collation?: "BINARY" | "NOCASE" | "RTRIM";
}

export const TEXT_FORMS: readonly TextForm[] = [
  {},
  { encoding: "UTF-16le" },
  { encoding: "UTF-16be", collation: "NOCASE" },
  { collation: "NOCASE" },
  { collation: "RTRIM" },
];

/** A new database with the tables of Everything, without Chinook's. */
export function openEverything(
  directory: string,
  { encoding = "UTF-8", collation }: TextForm = {},
): { database: Database; connection: Connection } {
  const path = join(directory, "everything.db");
  const connection = openConnection(path, { create: true, busyTimeoutMs: 1000 });
  connection.pragma(`encoding = '${encoding}'`);
  connection.pragma("journal_mode = WAL");
  connection.exec(stateTables() + tablesWith(collation));
  const database = openSqlite({
    path,
    readOnly: false,
    definitions: EVERYTHING_RESOURCES.definitions,
    registry: EVERYTHING_REGISTRY,
    limits: DEFAULT_LIMITS,
  });
  return { database, connection };
}

function tablesWith(collation: string | undefined): string {
  if (collation === undefined) return EVERYTHING_TABLES;
  return EVERYTHING_TABLES.replace(
    /\b(C\w+) (TEXT|NVARCHAR\(40\)|DATETIME)/g,
    `$& COLLATE ${collation}`,
  );
}

/** The store's own tables, as the migration makes them. */
function stateTables(): string {
  const sql = readMigrationFiles()[1]?.up.sql ?? "";
  return sql.slice(0, sql.indexOf("ALTER TABLE"));
}

/** Creates the messages in one commit; the bytes of each as they are stored. */
export async function createAll(
  database: Database,
  messages: readonly Operation[],
): Promise<readonly Uint8Array[]> {
  const { messages: stored } = await database.commit(messages);
  return stored as readonly Uint8Array[];
}
