// Writes the files of a new migration: an empty pair, or the table of a new resource.
// Must not open the database that they are for.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { openConnection } from "../database/sqlite/connection.ts";
import { StoreError } from "../errors.ts";
import { sqlName } from "../schema/sql-name.ts";
import { resourceTriggers } from "../schema/triggers.ts";
import { MIGRATIONS_DIR, padVersion, readMigrationFiles } from "./files.ts";

/** The table of a new resource; both are plain SQL identifiers. */
export interface NewTable {
  readonly table: string;
  /** The column that is its INTEGER PRIMARY KEY. */
  readonly key: string;
}

/** How a new migration is written. */
export interface CreateOptions {
  /** The folder of the migrations; the package's own if absent. */
  readonly dir?: string;
  readonly table?: NewTable;
}

const COLUMNS_OF_STORE = new Set(["data", "wire", "revision", "created_at", "updated_at"]);

/**
 * Writes the next migration's two files and returns their paths, up first.
 * @throws StoreError MIGRATION_INVALID if a name cannot be used.
 */
export function createMigration(name: string, options: CreateOptions = {}): [string, string] {
  if (!/^[a-z0-9][a-z0-9_]*$/.test(name)) {
    throw new StoreError(
      "MIGRATION_INVALID",
      `"${name}" is no name for a migration: use lower-case letters, digits and _`,
    );
  }
  const dir = options.dir ?? MIGRATIONS_DIR;
  const last = readMigrationFiles(dir).at(-1)?.version ?? 0;
  const base = join(dir, `${padVersion(last + 1)}_${name}`);
  const [up, down] = options.table ? tableScripts(options.table) : emptyScripts();
  const paths: [string, string] = [`${base}.up.sql`, `${base}.down.sql`];
  writeFileSync(paths[0], up, { flag: "wx" });
  writeFileSync(paths[1], down, { flag: "wx" });
  return paths;
}

function emptyScripts(): [string, string] {
  return [
    "-- What this migration does, and why.\n",
    "-- Takes back what the up file does; say which data are lost.\n",
  ];
}

function tableScripts({ table: name, key: keyName }: NewTable): [string, string] {
  checkIdentifiers(name, keyName);
  const [table, key] = [sqlName(name), sqlName(keyName)];
  const triggers = resourceTriggers({ table: name, key: keyName }).map(({ sql }) => `${sql};\n`);
  const up = `-- The resource table ${name}.

CREATE TABLE ${table} (
  ${key} INTEGER NOT NULL PRIMARY KEY,
  -- Its own columns go here: one for each field with the option (protostore.v1.column).
  data TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(data)),
  wire BLOB,
  revision INTEGER,
  created_at TEXT,
  updated_at TEXT
);

${triggers.join("\n")}`;
  return [up, `-- Deletes every row of ${name}.\nDROP TABLE ${table};\n`];
}

/** SQLite itself says what cannot be a name. */
function checkIdentifiers(table: string, key: string): void {
  for (const name of [table, key]) {
    if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) continue;
    throw new StoreError("MIGRATION_INVALID", `"${name}" is no plain SQL identifier`);
  }
  if (COLUMNS_OF_STORE.has(key.toLowerCase())) {
    throw new StoreError("MIGRATION_INVALID", `the key cannot be named "${key}"`);
  }
  const connection = openConnection(":memory:", { busyTimeoutMs: 0 });
  try {
    connection.exec(
      `CREATE TABLE ${sqlName(table)} (${sqlName(key)} INTEGER NOT NULL PRIMARY KEY)`,
    );
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new StoreError("MIGRATION_INVALID", `SQLite refuses these names: ${reason}`);
  } finally {
    connection.close();
  }
}
