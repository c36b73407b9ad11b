// The names of the triggers that keep the search index in step: a database without one of them is
// not served. The triggers themselves are in migration 4.

import type { OwnTriggers } from "../../schema/plan.ts";

const EVENTS = ["insert", "update", "delete"] as const;

/** Those of PostgreSQL: its foreign keys see to it that no album comes or goes with tracks. */
const POSTGRES_EVENTS = {
  artists: ["update"],
  albums: ["update"],
  tracks: [...EVENTS, "truncate"],
} as const;

/** The search triggers of a table that the index is made from. */
export function searchTriggers(table: "artists" | "albums" | "tracks"): OwnTriggers {
  const named = (events: readonly string[]) =>
    events.map((event) => `track_search_${table}_${event}`);
  return { sqlite: named(EVENTS), postgres: named(POSTGRES_EVENTS[table]) };
}
