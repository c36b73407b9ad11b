// The SQL of a new resource's table in PostgreSQL, for the files of a migration.
// Must not open the database that they are for.

import { StoreError } from "../../../errors.ts";
import { sqlName } from "../../../schema/sql-name.ts";
import type { NewTable } from "../../migrations/new-migration.ts";

/** PostgreSQL cuts longer names, with a notice that nobody reads. */
const NAME_BYTES_MAX = 63;

/**
 * The scripts, up and down, of the table of a new resource, with the triggers that see the writes of others.
 * @throws StoreError MIGRATION_INVALID if the name of one would be too long.
 */
export function postgresTableScripts({ table: name, key: keyName }: NewTable): [string, string] {
  const [table, key] = [sqlName(name), sqlName(keyName)];
  const [beforeWrite, afterDelete, afterRename] = [
    "before_write",
    "after_delete",
    "after_rename",
  ].map((when) => triggerName(name, when));
  // A column is stored in lower case unless it is quoted; the server asks for a table as its message names it.
  const column = key === keyName ? keyName.toLowerCase() : keyName;
  const remember = `store_after_delete('${name}', '${column}')`;
  const up = `-- The resource table ${name}.

CREATE TABLE ${table} (
  ${key} bigint PRIMARY KEY,
  -- Its own columns go here: one for each field with the option (protostore.v1.column).
  data json NOT NULL DEFAULT '{}' CHECK (data::text !~ '(^|[^\\\\])(\\\\\\\\)*\\\\u0000'),
  wire bytea,
  revision bigint,
  created_at text,
  updated_at text,
  checksum bigint
);

CREATE TRIGGER ${beforeWrite} BEFORE INSERT OR UPDATE ON ${table}
FOR EACH ROW EXECUTE FUNCTION store_before_write();

CREATE TRIGGER ${afterDelete} AFTER DELETE ON ${table}
FOR EACH ROW EXECUTE FUNCTION ${remember};

CREATE TRIGGER ${afterRename} AFTER UPDATE OF ${key} ON ${table}
FOR EACH ROW WHEN (OLD.${key} <> NEW.${key}) EXECUTE FUNCTION ${remember};
`;
  return [up, `-- Deletes every row of ${name}.\nDROP TABLE ${table};\n`];
}

function triggerName(table: string, when: string): string {
  const name = `${table}_${when}`;
  if (name.length <= NAME_BYTES_MAX) return name;
  throw new StoreError(
    "MIGRATION_INVALID",
    `the name ${name} of a trigger would be longer than PostgreSQL's ${NAME_BYTES_MAX} bytes`,
  );
}
