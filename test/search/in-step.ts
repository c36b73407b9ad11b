// Compares the index of the search with one that is made anew from the rows.

import { expect } from "vitest";
import { checkSearchIndex } from "../../src/chinook/search/search-index.ts";
import type { Database } from "../../src/database/database.ts";
import { withConnection } from "./support.ts";

/** Every word that the index of a file knows and where it stands, beside what a new index of the rows knows. */
export function wordsOf(path: string): { index: unknown[]; rebuilt: unknown[] } {
  return withConnection(path, (connection) => {
    connection.exec(`
      CREATE VIRTUAL TABLE temp.rebuilt USING fts5 (
        title, composer, album, artist, tokenize = 'unicode61 remove_diacritics 2'
      );
      INSERT INTO temp.rebuilt (rowid, title, composer, album, artist)
      SELECT tracks.TrackId, tracks.Name, Composer, Title, artists.Name FROM tracks
      LEFT JOIN albums USING (AlbumId) LEFT JOIN artists USING (ArtistId);
      CREATE VIRTUAL TABLE temp.index_words USING fts5vocab (main, track_search, instance);
      CREATE VIRTUAL TABLE temp.rebuilt_words USING fts5vocab (temp, rebuilt, instance);
    `);
    const read = (table: string) =>
      connection
        .prepare(`SELECT term || ' ' || doc || ' ' || col || ' ' || offset FROM temp.${table}`)
        .pluck()
        .all()
        .sort();
    return { index: read("index_words"), rebuilt: read("rebuilt_words") };
  });
}

/**
 * Holds that the index is what a new one would be, and that the check says so too, which in PostgreSQL is what
 * makes the words anew.
 */
export async function expectInStep(store: {
  readonly database: string;
  readonly other: Database;
}): Promise<void> {
  if (store.other.driver === "sqlite") {
    const { index, rebuilt } = wordsOf(store.database);
    expect(index).toEqual(rebuilt);
  }
  expect(await checkSearchIndex(store.other)).toEqual([]);
}
