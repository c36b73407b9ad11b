// The full-text search of tracks, and the care of its index: the table track_search, which triggers
// keep in step (migration 4). All SQL that knows the index is in this file; what users type is made
// an expression in search-query.ts.

import {
  SearchTracksResponse_ResultSchema,
  SearchTracksResponseSchema,
} from "../../../gen/chinook/v1/track_pb.ts";
import { itemBytesMax } from "../../config.ts";
import type { CallLimits, Database, Operation } from "../../database/database.ts";
import type { Finding } from "../../database/finding.ts";
import type { Page } from "../../database/list-request.ts";
import type { ItemForm } from "../../database/page-request.ts";
import { interruptible } from "../../database/sql/interrupt.ts";
import { rowsOf } from "../../database/sql/rows-of.ts";
import { itemColumns, LIMIT, type Statement } from "../../database/sql/statements.ts";
import type { DerivedIndex } from "../../definition.ts";
import { StoreError } from "../../errors.ts";
import type { Limits } from "../../limits.ts";
import type { ResourcePlan } from "../../schema/plan.ts";
import { INT64_MAX, INT64_MIN, type Row, type SqlValue } from "../../schema/sql-value.ts";

/** Searches tracks. Every method fails with StoreError only. */
export interface SearchRepository {
  /**
   * The tracks that a MATCH expression finds, the best first, as the bytes of SearchTracks results;
   * those after `after`, which is the `next` of the page before.
   */
  search(
    expression: string,
    after: readonly SqlValue[] | undefined,
    pageSize: number,
    call?: CallLimits,
  ): Promise<Page>;
}

/** The repository over the plan of tracks. */
export function createSearchRepository(
  database: Database,
  trackPlan: ResourcePlan,
  limits: Limits,
): SearchRepository {
  return {
    async search(expression, after, pageSize, call) {
      const { bytes, count, unreachable, last, following, revision } = await database.page(
        {
          plan: trackPlan,
          // One row more than asked for tells whether there is a next page.
          statements: [selectPage(trackPlan, expression, after, pageSize + 1)],
          pageSize,
          pageBytes: limits.pageBytes,
          itemBytesMax: itemBytesMax(limits),
          item: RESULT,
        },
        call,
      );
      const next = last && following && [following[RANK_VALUE], following[0], last[0]];
      return {
        bytes,
        count,
        unreachable,
        next: next as SqlValue[] | undefined,
        totalSize: undefined,
        revision,
      };
    },
  };
}

const { track, snippet, score } = SearchTracksResponse_ResultSchema.field;

/** A result: the track, and then what the statement selects after it. */
const RESULT: ItemForm = {
  field: SearchTracksResponseSchema.field.results.number,
  envelope: {
    before: new Uint8Array(),
    message: track.number,
    after: [
      { number: snippet.number, type: "string" },
      { number: score.number, type: "double" },
    ],
  },
};

/** Where the rank stands among key, snippet, score and rank. */
const RANK_VALUE = 3;

/** FTS5's measure, negative and the smaller the better; the title weighs most, the composer least. */
const RANK = "bm25(track_search, 10.0, 2.0, 4.0, 5.0)";

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

function selectPage(
  trackPlan: ResourcePlan,
  expression: string,
  after: readonly SqlValue[] | undefined,
  limit: number,
): Statement {
  const [rank = null, next = null, last = null] = after ?? [];
  // Snippets are cut for the rows of the page only, in a second pass over what is found: the plus
  // keeps SQLite from a search of its own for each row.
  const sql = `
    WITH found AS MATERIALIZED (
      SELECT rowid AS id, ${RANK} AS rank FROM track_search
      WHERE ${interruptible("rowid")} AND track_search MATCH ?
    )${after ? `, begin AS MATERIALIZED (${BEGIN})` : ""}, page AS MATERIALIZED (
      SELECT id, rank FROM found
      ${after ? "WHERE (rank, id) >= (SELECT rank, id FROM begin)" : ""}
      ORDER BY rank, id ${LIMIT}
    )
    SELECT ${itemColumns(trackPlan)}, ${SNIPPET}, -page.rank, page.rank
    FROM track_search
    JOIN page ON page.id = +track_search.rowid
    JOIN ${rowsOf(trackPlan)} ON tracks.TrackId = page.id
    WHERE ${interruptible("track_search.rowid")} AND track_search MATCH ?
    ORDER BY page.rank, page.id`;
  const begin = after ? [next, last, rank, next] : [];
  return { sql, parameters: [expression, ...begin, BigInt(limit), expression] };
}

const PAGE_ROWS = 500n;

/** What is wrong with the index: its own pages, entries that are missing or differ, or too many. */
export async function checkSearchIndex(database: Database): Promise<Finding[]> {
  try {
    const { rows } = await database.read([REFRESH_INDEX, CHECK_PAGES]);
    const problems = (rows[1] ?? []).map(([problem]) => String(problem));
    // What is in broken pages says nothing; rebuilding mends everything at once.
    if (problems.length > 0) return problems.map((problem) => finding(INDEX, problem));
    return [...(await checkEntries(database)), ...(await checkForStrays(database))];
  } catch (error) {
    if (!(error instanceof StoreError && error.code === "DATABASE_CORRUPT")) throw error;
    return [finding(INDEX, "cannot be read")];
  }
}

/**
 * Must come before any `integrity_check`, in one read with it: FTS5 would compare pages that others
 * have written since with what the connection remembers of the index, and call that a mismatch.
 */
const REFRESH_INDEX: Statement = {
  sql: "SELECT rowid FROM track_search LIMIT 1",
  parameters: [],
};

const CHECK_PAGES: Statement = {
  sql:
    "SELECT integrity_check FROM pragma_integrity_check('track_search') " +
    "WHERE integrity_check <> 'ok'",
  parameters: [],
};

const INDEX = "track_search";

function finding(subject: string, problem: string): Finding {
  return { kind: "index", subject, problem };
}

/** Each track must have its entry. */
async function checkEntries(database: Database): Promise<Finding[]> {
  const findings: Finding[] = [];
  const sql = `
    SELECT wanted.TrackId, found.rowid IS NULL,
      wanted.title IS found.title AND wanted.composer IS found.composer
        AND wanted.album IS found.album AND wanted.artist IS found.artist
    FROM track_search_source AS wanted
    LEFT JOIN track_search AS found ON found.rowid = wanted.TrackId
    WHERE wanted.TrackId >= ? ORDER BY wanted.TrackId LIMIT ?`;
  for await (const [id, isMissing, isEqual] of readPages(database, sql)) {
    const subject = `tracks/${id}`;
    if (isMissing === 1n) findings.push(finding(subject, "is missing in the search index"));
    else if (isEqual !== 1n) findings.push(finding(subject, "differs in the search index"));
  }
  return findings;
}

/** No entry may be there without its track. */
async function checkForStrays(database: Database): Promise<Finding[]> {
  const findings: Finding[] = [];
  const sql = `
    SELECT rowid, EXISTS (SELECT 1 FROM tracks WHERE tracks.TrackId = track_search.rowid)
    FROM track_search WHERE rowid >= ? ORDER BY rowid LIMIT ?`;
  for await (const [id, hasTrack] of readPages(database, sql)) {
    const problem = `has an entry for tracks/${id}, which does not exist`;
    if (hasTrack !== 1n) findings.push(finding(INDEX, problem));
  }
  return findings;
}

/** The rows of a statement whose first column is the key from which its parameters let it begin. */
async function* readPages(database: Database, sql: string): AsyncGenerator<Row> {
  for (let from: bigint | undefined = INT64_MIN; from !== undefined; ) {
    const { rows } = await database.read([{ sql, parameters: [from, PAGE_ROWS] }]);
    const [page = []]: readonly (readonly Row[])[] = rows;
    yield* page;
    const last = page.at(-1)?.[0] as bigint | undefined;
    from = last === undefined || last === INT64_MAX ? undefined : last + 1n;
  }
}

/**
 * Fills the index anew from the rows, in one commit.
 * @throws StoreError READ_ONLY_MODE, DATABASE_BUSY
 */
export async function rebuildSearchIndex(database: Database): Promise<{ revision: bigint }> {
  const statements = [
    // From its own copy of the text: a broken index could not even be emptied.
    "INSERT INTO track_search (track_search) VALUES ('rebuild')",
    "DELETE FROM track_search",
    `INSERT INTO track_search (rowid, title, composer, album, artist)
     SELECT TrackId, title, composer, album, artist FROM track_search_source ORDER BY TrackId`,
  ];
  const { revision } = await database.commit(
    statements.map((sql): Operation => ({ kind: "execute", statement: { sql, parameters: [] } })),
  );
  return { revision };
}

/** The index as `verify` sees it. */
export const SEARCH_INDEX: DerivedIndex = {
  name: "search index",
  check: checkSearchIndex,
  rebuild: rebuildSearchIndex,
};
