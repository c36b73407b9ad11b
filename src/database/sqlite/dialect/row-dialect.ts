// How SQLite finds rows by a list of keys, and what it has of their cells in bytes.
// Must not read a table.

import type { TextEncoding } from "../../../schema/text-bytes.ts";
import type { RowDialect } from "../../sql/dialect.ts";
import { fragment } from "../../sql/filter/fragment.ts";
import { type Connection, readPragma } from "../connection/connection.ts";

/** How the database keeps its texts: it never changes. */
export function encodingOf(connection: Connection): TextEncoding {
  return readPragma(connection, "encoding") as TextEncoding;
}

/** The rows of databases that keep their texts so. */
export function sqliteRows(encoding: TextEncoding): RowDialect {
  return {
    encoding,
    keysIn: (column, keys) =>
      fragment(`${column} IN (SELECT value FROM json_each(?))`, [`[${keys.join(",")}]`]),
    byteLength: (column) => `octet_length(${column})`,
    textBytes: (column) => `CASE typeof(${column}) WHEN 'text' THEN CAST(${column} AS BLOB) END`,
  };
}

const known = new WeakMap<Connection, RowDialect>();

/** The rows of the database that the connection has open, which is asked once. */
export function rowDialect(connection: Connection): RowDialect {
  const rows = known.get(connection) ?? sqliteRows(encodingOf(connection));
  known.set(connection, rows);
  return rows;
}
