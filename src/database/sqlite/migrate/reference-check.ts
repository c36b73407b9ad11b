// Reads the foreign keys of a database, and which references point to nothing.
// Only reads; what follows for a migration is in row-guard.ts.

import { quoteName } from "../../../schema/sql-name.ts";
import { type Connection, isSqliteError } from "../connection/connection.ts";

/** A foreign key of the table `child`; its columns are those of `parentColumns`, in this order. */
export interface ForeignKey {
  readonly child: string;
  readonly parent: string;
  /** SQLite's number for it among those of `child`. */
  readonly id: bigint;
  readonly columns: readonly string[];
  /** One is null if the key names none, and the parent has no primary key of as many columns. */
  readonly parentColumns: readonly (string | null)[];
  /** `CASCADE`, `SET NULL`, `SET DEFAULT`, `RESTRICT` or `NO ACTION`. */
  readonly onDelete: string;
}

/** Every foreign key of the database's tables. */
export function readForeignKeys(connection: Connection): readonly ForeignKey[] {
  const rows = connection
    .prepare(
      `SELECT t.name AS child, f."table" AS parent, f.id AS id, upper(f.on_delete) AS onDelete,
         json_group_array(f."from" ORDER BY f.seq) AS columns,
         json_group_array(coalesce(f."to", (SELECT p.name FROM pragma_table_info(f."table") AS p
                                            WHERE p.pk = f.seq + 1))
                          ORDER BY f.seq) AS parentColumns
       FROM sqlite_schema AS t JOIN pragma_foreign_key_list(t.name) AS f
       WHERE t.type = 'table'
       GROUP BY t.name, f.id
       ORDER BY t.name, f.id`,
    )
    .all() as (Omit<ForeignKey, "columns" | "parentColumns"> & {
    columns: string;
    parentColumns: string;
  })[];
  return rows.map((row) => ({
    ...row,
    columns: JSON.parse(row.columns) as string[],
    parentColumns: JSON.parse(row.parentColumns) as string[],
  }));
}

/** How many rows of the child refer to a row of the parent; 0 if there is no such parent or key. */
export function countReferences(connection: Connection, key: ForeignKey): bigint {
  const known = connection
    .prepare("SELECT lower(name) FROM pragma_table_xinfo(?)")
    .pluck()
    .all(key.parent) as string[];
  if (key.parentColumns.some((column) => !known.includes(column?.toLowerCase() ?? ""))) return 0n;
  const equal = key.columns.map(
    (column, index) => `p.${quoteName(key.parentColumns[index] ?? "")} = c.${quoteName(column)}`,
  );
  return connection
    .prepare(
      `SELECT count(*) FROM ${quoteName(key.child)} AS c
       WHERE EXISTS (SELECT 1 FROM ${quoteName(key.parent)} AS p WHERE ${equal.join(" AND ")})`,
    )
    .pluck()
    .get() as bigint;
}

/** The number of rows of `table`, or undefined if there is no such table. */
export function countTable(connection: Connection, table: string): bigint | undefined {
  const exists = connection
    .prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND lower(name) = lower(?)")
    .get(table);
  if (!exists) return undefined;
  return connection
    .prepare(`SELECT count(*) FROM ${quoteName(table)}`)
    .pluck()
    .get() as bigint;
}

/** References of one kind that point to nothing. */
export interface Dangling {
  readonly key: ForeignKey;
  readonly rows: bigint;
  /** True if the parent has no unique key for them, so that no row of the child can be written. */
  readonly isMismatch: boolean;
}

/**
 * The references that point to nothing, by what they are: the columns and the values in them. A
 * table that is made anew gives its rows other row ids, and the file's old faults stay the same.
 */
export function readDangling(connection: Connection): ReadonlyMap<string, Dangling> {
  const found = new Map<string, Dangling>();
  for (const key of readForeignKeys(connection)) {
    const identity = [key.child, key.parent, ...key.columns].join(" ").toLowerCase();
    try {
      for (const { value, rows } of readValues(connection, key)) {
        found.set(`${identity} ${value}`, { key, rows, isMismatch: false });
      }
    } catch (error) {
      if (!isSqliteError(error) || !error.message.startsWith("foreign key mismatch")) throw error;
      found.set(identity, { key, rows: 1n, isMismatch: true });
    }
  }
  return found;
}

function readValues(
  connection: Connection,
  { child, id, columns }: ForeignKey,
): readonly { readonly value: string; readonly rows: bigint }[] {
  const violations = "pragma_foreign_key_check(?) WHERE fkid = ?";
  const hasRowid = connection
    .prepare("SELECT wr = 0 FROM pragma_table_list(?) WHERE schema = 'main'")
    .pluck()
    .get(child);
  const sql = hasRowid
    ? `SELECT ${columns.map((column) => `quote(${quoteName(column)})`).join(" || ',' || ")} AS value,
         count(*) AS rows
       FROM ${quoteName(child)} WHERE _rowid_ IN (SELECT rowid FROM ${violations}) GROUP BY 1`
    : // Such a table's rows have no number by which to find them.
      `SELECT '' AS value, count(*) AS rows FROM ${violations} HAVING count(*) > 0`;
  return connection.prepare(sql).all(child, id) as { value: string; rows: bigint }[];
}
