// What the search and the care of its index ask of each database in its own words. Each has a table
// track_search, which triggers keep in step, and a view track_search_source of what must be in it (migration 4).

import type { Statement } from "../../database/sql/statements.ts";
import type { ResourcePlan } from "../../schema/plan.ts";
import type { Row, SqlValue } from "../../schema/sql-value.ts";
import type { SearchTerm } from "./search-query.ts";

/** SQL over the index. */
export interface SearchSql {
  /**
   * Selects the tracks that have all the terms, the best first and equals by id: `itemColumns`, snippet,
   * score, and what `nextPlace` needs. They begin at `place`.
   */
  selectPage(plan: ResourcePlan, terms: readonly SearchTerm[], range: SearchRange): Statement;
  /** Where the next page begins, from key and further values of the last row and of the one after it. */
  nextPlace(last: Row, following: Row): readonly SqlValue[];
  /** How many values a place has. */
  readonly placeLength: number;

  /** Statements of one read, of which the last selects what is wrong with the index as a whole. */
  readonly wholeCheck: readonly Statement[];
  /**
   * Selects the id of each track from `?` on, whether it has no entry, and whether its entry is as it must
   * be; `?` of them at most.
   */
  readonly selectEntries: string;
  /** Selects the id of each entry from `?` on, and whether it is that of a track; `?` of them at most. */
  readonly selectOwners: string;
  /** Makes the index anew, whatever it is. */
  readonly rebuild: readonly string[];
}

/** Which results a page has. */
export interface SearchRange {
  /** From the first one on if it is absent. */
  readonly place: readonly SqlValue[] | undefined;
  readonly limit: number;
}
