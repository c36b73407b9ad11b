// What a search of a database finds, through the repository: without a service around it.

import { fromBinary } from "@bufbuild/protobuf";
import {
  type SearchTracksResponse_Result,
  SearchTracksResponse_ResultSchema,
  TrackSchema,
} from "../../gen/chinook/v1/track_pb.ts";
import { parseSearchQuery } from "../../src/chinook/search/search-query.ts";
import { createSearchRepository } from "../../src/chinook/search/search-repository.ts";
import type { CallLimits, Database } from "../../src/database/database.ts";
import { DEFAULT_LIMITS } from "../../src/limits.ts";
import { keyOf, planOf } from "../contract/support.ts";
import { fieldsOf } from "../support/items.ts";

const ONE_PAGE = { ...DEFAULT_LIMITS, pageBytes: Number.MAX_SAFE_INTEGER };

/** The results, the best first. */
export async function resultsOf(
  database: Database,
  query: string,
  call?: CallLimits,
): Promise<readonly SearchTracksResponse_Result[]> {
  const repository = createSearchRepository(database, planOf(TrackSchema), ONE_PAGE);
  const terms = parseSearchQuery(query, "query");
  const { bytes, next } = await repository.search(terms, undefined, 10_000, call);
  if (next) throw new Error("there are more results than fit into a page");
  return fieldsOf(bytes).map((each) => fromBinary(SearchTracksResponse_ResultSchema, each));
}

/** The ids of the tracks that are found, in their order. */
export async function idsOf(database: Database, query: string): Promise<readonly number[]> {
  const results = await resultsOf(database, query);
  const keys = results.map(({ track }) => Number(keyOf(track ?? { name: "" })));
  return keys.sort((a, b) => a - b);
}
