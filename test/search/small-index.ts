// A few tracks in an index, for queries that need no service.
// Finds them the way that the search does, through an expression of FTS5.

import { parseSearchQuery } from "../../src/chinook/search/search-query.ts";
import { matchExpression } from "../../src/chinook/search/sqlite-search.ts";
import { openConnection } from "../../src/database/sqlite/connection/connection.ts";
import { readMigrationFiles } from "../support/migrate.ts";

/** Title, composer, album, artist: words that are FTS5's own among them. */
export const TRACKS: readonly (readonly [string, string | null, string | null, string | null])[] = [
  ["Army of Me", "Graham Massey", "Post", "Björk"],
  ["Me of Army", null, "Post", "Björk"],
  ["Highway to Hell", "Angus Young", "Highway to Hell", "AC/DC"],
  ["Not Fade Away", "Hardin", "NEAR or AND", "Rolling Stones"],
  ["Rock'n'Roll Ain't Noise", null, "Back in Black", "AC/DC"],
  ["C++ in 99% of Cases", "title: rank", null, null],
  ["Ágætis byrjun", "Jónsi", "Ágætis byrjun", "Sigur Rós"],
  ["夜行バス", null, "倶楽部", "夜行バス倶楽部"],
  ["a b c", "b c a", "c a b", "a a a"],
];

/** An index of `TRACKS`. */
export interface SmallIndex {
  /** The positions in `TRACKS` of those that the query finds. */
  find(query: string): number[];
  close(): void;
}

/** Fills an index in memory. */
export function openSmallIndex(): SmallIndex {
  const connection = openConnection(":memory:", { busyTimeoutMs: 0 });
  for (const { up } of readMigrationFiles()) connection.exec(up.sql);
  const insert = connection.prepare(
    "INSERT INTO track_search (rowid, title, composer, album, artist) VALUES (?, ?, ?, ?, ?)",
  );
  TRACKS.forEach((track, index) => {
    insert.run(BigInt(index), ...track);
  });
  const select = connection
    .prepare("SELECT rowid FROM track_search WHERE track_search MATCH ? ORDER BY rowid")
    .pluck();
  return {
    find: (query) => select.all(matchExpression(parseSearchQuery(query, "query"))).map(Number),
    close: () => connection.close(),
  };
}
