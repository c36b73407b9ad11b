// What Chinook's schema is: its tables under both namings, their columns and indexes.
// Takes columns and indexes from migration 1 itself, so that they are written down once only.

import type { MigrationFile } from "../../database/migrations/files.ts";
import { type Connection, openConnection } from "../../database/sqlite/connection/connection.ts";
import { describeTables } from "../../database/sqlite/inspect/describe.ts";

/** One of Chinook's tables. */
export interface ChinookTable {
  /** Our name: plural, lower case. */
  readonly name: string;
  /** The name in the files that Chinook's project publishes. */
  readonly upstreamName: string;
  readonly columns: readonly string[];
  /** The column that is its INTEGER PRIMARY KEY; absent for `playlist_track`. */
  readonly key: string | undefined;
  readonly indexes: readonly { readonly name: string; readonly column: string }[];
}

const UPSTREAM_NAMES: Readonly<Record<string, string>> = {
  artists: "Artist",
  albums: "Album",
  tracks: "Track",
  genres: "Genre",
  media_types: "MediaType",
  playlists: "Playlist",
  playlist_track: "PlaylistTrack",
  customers: "Customer",
  employees: "Employee",
  invoices: "Invoice",
  invoice_items: "InvoiceLine",
};

/** Chinook's tables as the first of `files`, the package's own migrations, makes them. */
export function readChinookTables(files: readonly MigrationFile[]): readonly ChinookTable[] {
  const connection = openConnection(":memory:", { busyTimeoutMs: 0 });
  try {
    connection.exec(files[0]?.up.sql ?? "");
    return Object.entries(UPSTREAM_NAMES).map(([name, upstreamName]) => ({
      name,
      upstreamName,
      columns: readColumns(connection, name).map((column) => column.name),
      key: readKey(connection, name),
      indexes: readIndexes(connection, name).filter((index) => index.name.startsWith("IFK_")),
    }));
  } finally {
    connection.close();
  }
}

/** The columns of `table` that can be read by name, in order; generated ones are among them. */
export function readColumns(
  connection: Connection,
  table: string,
): readonly { readonly name: string }[] {
  return connection
    .prepare("SELECT name FROM pragma_table_xinfo(?) WHERE hidden <> 1 ORDER BY cid")
    .all(table) as { name: string }[];
}

/** The column that is the rowid of `table`, its INTEGER PRIMARY KEY; undefined if it has none. */
export function readKey(connection: Connection, table: string): string | undefined {
  return describeTables(connection)(table)?.rowId;
}

/** The indexes of `table` that find rows by one column: its name is that of the first one. */
export function readIndexes(
  connection: Connection,
  table: string,
): readonly { readonly name: string; readonly column: string }[] {
  return connection
    .prepare(
      `SELECT i.name AS name, c.name AS column
       FROM pragma_index_list(?) AS i JOIN pragma_index_info(i.name) AS c
       WHERE c.seqno = 0 AND c.name IS NOT NULL AND i.partial = 0
       ORDER BY i.name`,
    )
    .all(table) as { name: string; column: string }[];
}
