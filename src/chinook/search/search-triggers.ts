// The names of the triggers that keep the search index in step: a database without one of them is
// not served. The triggers themselves are in migration 4.

const EVENTS = ["insert", "update", "delete"] as const;

/** The search triggers of a table that the index is made from. */
export function searchTriggers(table: "artists" | "albums" | "tracks"): readonly string[] {
  return EVENTS.map((event) => `track_search_${table}_${event}`);
}
