// The full-text search of tracks, as pages of results. The SQL is in search-sql.ts; what users type is made
// terms in search-query.ts.

import {
  SearchTracksResponse_ResultSchema,
  SearchTracksResponseSchema,
} from "../../../gen/chinook/v1/track_pb.ts";
import { itemBytesMax } from "../../config.ts";
import type { CallLimits, Database } from "../../database/database.ts";
import type { Page } from "../../database/list-request.ts";
import type { ItemForm } from "../../database/page-request.ts";
import { invalidField } from "../../errors.ts";
import type { Limits } from "../../limits.ts";
import type { ResourcePlan } from "../../schema/plan.ts";
import type { SqlValue } from "../../schema/sql-value.ts";
import { SEARCH_SQL } from "./search-drivers.ts";
import type { SearchTerm } from "./search-query.ts";

/** Searches tracks. Every method fails with StoreError only. */
export interface SearchRepository {
  /**
   * The tracks that have all the terms, the best first, as the bytes of SearchTracks results; those
   * after `after`, which is the `next` of the page before.
   */
  search(
    terms: readonly SearchTerm[],
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
  const { selectPage, nextPlace, placeLength } = SEARCH_SQL[database.driver];
  return {
    async search(terms, after, pageSize, call) {
      if (after && after.length !== placeLength) {
        throw invalidField("page_token", "is of a database of another kind");
      }
      // One row more than asked for tells whether there is a next page.
      const range = { place: after, limit: pageSize + 1 };
      const { bytes, count, unreachable, last, following, revision } = await database.page(
        {
          plan: trackPlan,
          statements: [selectPage(trackPlan, terms, range)],
          pageSize,
          pageBytes: limits.pageBytes,
          itemBytesMax: itemBytesMax(limits),
          item: RESULT,
        },
        call,
      );
      const next = last && following && nextPlace(last, following);
      return { bytes, count, unreachable, next, totalSize: undefined, revision };
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
