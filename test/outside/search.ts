// Compares the index of the search with the rows that it is of, in plain SQL.

import type { Connection } from "../../src/database/sqlite/connection/connection.ts";
import type { Fault } from "./fault.ts";

const COLUMNS = "title, composer, album, artist";

const ROWS = `
  SELECT tracks.TrackId, tracks.Name, tracks.Composer, albums.Title, artists.Name FROM tracks
  LEFT JOIN albums ON albums.AlbumId = tracks.AlbumId
  LEFT JOIN artists ON artists.ArtistId = albums.ArtistId`;

const INDEX = `SELECT rowid, ${COLUMNS} FROM track_search`;

const DIFFERENCES = `
  SELECT 'only in the index', * FROM (${INDEX} EXCEPT ${ROWS})
  UNION ALL SELECT 'only in the rows', * FROM (${ROWS} EXCEPT ${INDEX})`;

/** What the index has and the rows have not, or the other way round. */
export function searchFaults(sql: Connection): Fault[] {
  return sql
    .prepare(DIFFERENCES)
    .raw()
    .all()
    .map((row) => ({ check: "search index", detail: (row as unknown[]).join(" | ") }));
}
