// The search in SQLite's own full-text index, FTS5: track_search is a virtual table with a copy of the texts.
// Nothing that a user writes stands outside of a quoted string: FTS5 never sees it as an operator.

import { interruptible } from "../../database/sql/interrupt.ts";
import { rowsOf } from "../../database/sql/rows-of.ts";
import { itemColumns, LIMIT, type Statement } from "../../database/sql/statements.ts";
import type { ResourcePlan } from "../../schema/plan.ts";
import type { SearchTerm } from "./search-query.ts";
import type { SearchRange, SearchSql } from "./search-sql.ts";

const select = (sql: string): Statement => ({ sql, parameters: [] });

/** FTS5's measure, negative and the smaller the better; the title weighs most, the composer least. */
const RANK = "bm25(track_search, 10.0, 2.0, 4.0, 5.0)";

/** Where the rank stands among key, snippet, score and rank. */
const RANK_VALUE = 3;

/** The column that matches best, 16 words of it. */
const SNIPPET = "snippet(track_search, -1, '[', ']', '…', 16)";

/**
 * Where the page begins. Every rank moves a little with every row that comes or goes, so it is where
 * the row that was next stands now; if that one is gone, after the row that was last; if both are,
 * where the next one stood.
 */
const BEGIN = `
  SELECT rank, id, 1 AS choice FROM found WHERE id = ?
  UNION ALL SELECT rank, id + 1, 2 FROM found WHERE id = ?
  UNION ALL SELECT ?, ?, 3
  ORDER BY choice LIMIT 1`;

/**
 * Must come before any `integrity_check`, in one read with it: FTS5 would compare pages that others
 * have written since with what the connection remembers of the index, and call that a mismatch.
 */
const REFRESH_INDEX = select("SELECT rowid FROM track_search LIMIT 1");

const CHECK_PAGES = select(
  "SELECT integrity_check FROM pragma_integrity_check('track_search') WHERE integrity_check <> 'ok'",
);

/** The search over FTS5. */
export const SQLITE_SEARCH: SearchSql = {
  selectPage,
  nextPlace: (last, following) => [
    following[RANK_VALUE] ?? null,
    following[0] ?? null,
    last[0] ?? null,
  ],
  placeLength: 3,
  wholeCheck: [REFRESH_INDEX, CHECK_PAGES],
  selectEntries: `
    SELECT wanted.TrackId, found.rowid IS NULL,
      wanted.title IS found.title AND wanted.composer IS found.composer
        AND wanted.album IS found.album AND wanted.artist IS found.artist
    FROM track_search_source AS wanted
    LEFT JOIN track_search AS found ON found.rowid = wanted.TrackId
    WHERE wanted.TrackId >= ? ORDER BY wanted.TrackId LIMIT ?`,
  selectOwners: `
    SELECT rowid, EXISTS (SELECT 1 FROM tracks WHERE tracks.TrackId = track_search.rowid)
    FROM track_search WHERE rowid >= ? ORDER BY rowid LIMIT ?`,
  rebuild: [
    // From its own copy of the text: a broken index could not even be emptied.
    "INSERT INTO track_search (track_search) VALUES ('rebuild')",
    "DELETE FROM track_search",
    `INSERT INTO track_search (rowid, title, composer, album, artist)
     SELECT TrackId, title, composer, album, artist FROM track_search_source ORDER BY TrackId`,
  ],
};

function selectPage(
  plan: ResourcePlan,
  terms: readonly SearchTerm[],
  { place, limit }: SearchRange,
): Statement {
  const [rank = null, next = null, last = null] = place ?? [];
  // Snippets are cut for the rows of the page only, in a second pass over what is found: the plus
  // keeps SQLite from a search of its own for each row.
  const sql = `
    WITH found AS MATERIALIZED (
      SELECT rowid AS id, ${RANK} AS rank FROM track_search
      WHERE ${interruptible("rowid")} AND track_search MATCH ?
    )${place ? `, begin AS MATERIALIZED (${BEGIN})` : ""}, page AS MATERIALIZED (
      SELECT id, rank FROM found
      ${place ? "WHERE (rank, id) >= (SELECT rank, id FROM begin)" : ""}
      ORDER BY rank, id ${LIMIT}
    )
    SELECT ${itemColumns(plan)}, ${SNIPPET}, -page.rank, page.rank
    FROM track_search
    JOIN page ON page.id = +track_search.rowid
    JOIN ${rowsOf(plan)} ON tracks.TrackId = page.id
    WHERE ${interruptible("track_search.rowid")} AND track_search MATCH ?
    ORDER BY page.rank, page.id`;
  const expression = matchExpression(terms);
  const begin = place ? [next, last, rank, next] : [];
  return { sql, parameters: [expression, ...begin, BigInt(limit), expression] };
}

/** Side by side, all terms must be there; FTS5 passes over one that has no word in it. */
export function matchExpression(terms: readonly SearchTerm[]): string {
  return terms.map(({ text, isPrefix }) => `"${text}"${isPrefix ? " *" : ""}`).join(" ");
}
