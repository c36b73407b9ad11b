// The search in PostgreSQL: track_search has the words of each track as a tsvector, cut and folded by functions of
// migration 4 as FTS5 does it. Scores and snippets are made here.

import { rowsOf } from "../../database/sql/rows-of.ts";
import { itemColumns, LIMIT, type Statement } from "../../database/sql/statements.ts";
import type { ResourcePlan } from "../../schema/plan.ts";
import type { SearchTerm } from "./search-query.ts";
import type { SearchRange, SearchSql } from "./search-sql.ts";

/**
 * The larger the better: what a word counts in the composer's name, the album's title, the artist's name and the
 * title, less in a track of many words (1). It is of the track's own words only: no other row moves it.
 */
const SCORE = "ts_rank('{0.2, 0.4, 0.5, 1}', words, any_term, 1)::double precision";

/** Where the score stands among key, snippet and score. */
const SCORE_VALUE = 2;

const SNIPPET_WORDS = 16;

/**
 * Of the rows of `page` the text in which most terms are, from the first word that is found on; what is found is in
 * [ and ]. A term that is found is a stretch of words, and stretches that overlap are one.
 */
const SNIPPETS = `
  words AS MATERIALIZED (
    SELECT term, place, rtrim(word, '*') AS word, word LIKE '%*' AS is_prefix, count(*) OVER (PARTITION BY term) AS length
    FROM asked, unnest(terms) WITH ORDINALITY AS terms (text, term),
      unnest(string_to_array(text, ' ')) WITH ORDINALITY AS words (word, place)
  ), pieces AS MATERIALIZED (
    SELECT id, worth, place, gap, word, search_fold(word) AS folded
    FROM page JOIN track_search_source ON TrackId = id,
      LATERAL (VALUES (1, title), (2, artist), (3, album), (4, composer)) AS texts (worth, value),
      search_pieces(value)
  ), stretches AS MATERIALIZED (
    SELECT id, worth, term, pieces.place - words.place + 1 AS first, pieces.place - words.place + length AS last
    FROM pieces JOIN words
      ON CASE WHEN is_prefix THEN starts_with(folded, words.word) ELSE folded = words.word END
    GROUP BY id, worth, term, length, pieces.place - words.place
    HAVING count(*) = length
  ), best AS (
    SELECT DISTINCT ON (id) id, worth, min(first) AS first FROM stretches
    GROUP BY id, worth ORDER BY id, count(DISTINCT term) DESC, worth
  ), shown AS (
    SELECT id, worth, total,
      greatest(1, least(first, total - ${SNIPPET_WORDS - 1})) AS first
    FROM best JOIN (
      SELECT id, worth, count(*) AS total FROM pieces WHERE word <> '' GROUP BY id, worth
    ) AS counted USING (id, worth)
  ), marked AS (
    SELECT pieces.id, place, gap, word, shown.first, total,
      count(stretches.first) > 0 AND NOT coalesce(bool_or(stretches.first < place), false) AS opens,
      count(stretches.first) > 0 AND NOT coalesce(bool_or(stretches.last > place), false) AS closes
    FROM pieces JOIN shown USING (id, worth) LEFT JOIN stretches
      ON stretches.id = pieces.id AND stretches.worth = pieces.worth AND place BETWEEN stretches.first AND stretches.last
    WHERE place >= shown.first AND (place < shown.first + ${SNIPPET_WORDS} OR word = '')
    GROUP BY pieces.id, place, gap, word, shown.first, total
  ), snippets AS (
    SELECT id, string_agg(
      CASE WHEN place = first AND first > 1 THEN '…' WHEN word = '' AND total >= first + ${SNIPPET_WORDS} THEN '' ELSE gap END
        || CASE WHEN opens THEN '[' ELSE '' END || word || CASE WHEN closes THEN ']' ELSE '' END,
      '' ORDER BY place
    ) || CASE WHEN total >= first + ${SNIPPET_WORDS} THEN '…' ELSE '' END AS snippet
    FROM marked GROUP BY id, first, total
  )`;

/** The search over tsvectors. */
export const POSTGRES_SEARCH: SearchSql = {
  selectPage,
  nextPlace: (last) => [last[SCORE_VALUE] ?? null, last[0] ?? null],
  placeLength: 2,
  // Its pages are PostgreSQL's own to check.
  wholeCheck: [],
  selectEntries: `
    SELECT wanted.TrackId, found.TrackId IS NULL, found.words IS NOT DISTINCT FROM wanted.words
    FROM track_search_source AS wanted
    LEFT JOIN track_search AS found ON found.TrackId = wanted.TrackId
    WHERE wanted.TrackId >= ? ORDER BY wanted.TrackId LIMIT ?`,
  selectOwners: `
    SELECT TrackId, EXISTS (SELECT 1 FROM tracks WHERE tracks.TrackId = track_search.TrackId)
    FROM track_search WHERE TrackId >= ? ORDER BY TrackId LIMIT ?`,
  rebuild: [
    "DELETE FROM track_search",
    "INSERT INTO track_search (TrackId, words) SELECT TrackId, words FROM track_search_source",
  ],
};

function selectPage(
  plan: ResourcePlan,
  terms: readonly SearchTerm[],
  { place, limit }: SearchRange,
): Statement {
  const texts = terms.map(({ text }) => text);
  const asked = `array_remove(ARRAY[${terms.map(({ isPrefix }) => `search_term(?, ${isPrefix})`).join(", ")}], NULL)`;
  // What is looked for is said in the condition itself: only then does the planner know how rare it is.
  const sql = `
    WITH asked AS MATERIALIZED (
      SELECT terms, search_query(terms, '|') AS any_term FROM (SELECT ${asked} AS terms) AS parsed
    ), found AS (
      SELECT TrackId AS id, ${SCORE} AS score FROM track_search, asked
      WHERE words @@ search_query(${asked}, '&')
    ), page AS MATERIALIZED (
      SELECT id, score FROM found
      ${place ? "WHERE (-score, id) > (-(?), ?)" : ""}
      ORDER BY score DESC, id ${LIMIT}
    ), ${SNIPPETS}
    SELECT ${itemColumns(plan)}, snippet, score
    FROM page JOIN ${rowsOf(plan)} ON tracks.TrackId = page.id LEFT JOIN snippets USING (id)
    ORDER BY score DESC, id`;
  return { sql, parameters: [...texts, ...texts, ...(place ?? []), BigInt(limit)] };
}
