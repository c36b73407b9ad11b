// The SQL of a new resource's table in SQLite, for the files of a migration.
// Must not open the database that they are for.

import { StoreError } from "../../../errors.ts";
import { sqlName } from "../../../schema/sql-name.ts";
import { resourceTriggers } from "../../../schema/triggers.ts";
import type { NewTable } from "../../migrations/new-migration.ts";
import { openConnection } from "../connection/connection.ts";

/**
 * The scripts, up and down, of the table of a new resource, with the triggers that see the writes of others.
 * @throws StoreError MIGRATION_INVALID if SQLite refuses the names.
 */
export function sqliteTableScripts({ table: name, key: keyName }: NewTable): [string, string] {
  checkNames(name, keyName);
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
  updated_at TEXT,
  checksum INTEGER
);

${triggers.join("\n")}`;
  return [up, `-- Deletes every row of ${name}.\nDROP TABLE ${table};\n`];
}

/** SQLite itself says what cannot be a name. */
function checkNames(table: string, key: string): void {
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
