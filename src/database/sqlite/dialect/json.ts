// Where a value in JSON is → what SQLite's functions for JSON make of it: none of them is called with
// what is no JSON, which would be an error. Knows SQL text only.

import type { JsonPath, JsonPlace } from "../../sql/dialect.ts";
import { sqlString } from "../../sql/filter/fragment.ts";

/** The value of what is no object and no list; of these, their text. */
export function jsonValue(place: JsonPlace): string {
  if (place.kind === "element") return `${place.alias}.atom`;
  return `json_extract(${place.base}, ${sqlString(place.path)})`;
}

/** The type that json_type gives; NULL if there is nothing. */
export function jsonType(place: JsonPlace): string {
  if (place.kind === "element") return `${place.alias}.type`;
  return `json_type(${place.base}, ${sqlString(place.path)})`;
}

/** What is at `path`, such as `.units`, below a place. */
export function jsonMember(place: JsonPlace, path: string): JsonPath {
  if (place.kind === "json") return { ...place, path: place.path + path };
  // What is no object may be text that is no JSON.
  const base = `CASE ${place.alias}.type WHEN 'object' THEN ${place.alias}.value END`;
  return { kind: "json", base, path: `$${path}` };
}

/** The table-valued function with what is in the list or object at a place. */
export function jsonEach(place: JsonPlace, isListOnly: boolean): string {
  const types = isListOnly ? "('array')" : "('array', 'object')";
  if (place.kind === "json" && !isListOnly) {
    return `json_each(${place.base}, ${sqlString(place.path)})`;
  }
  // What is no list or object may be text that is no JSON.
  const value = place.kind === "json" ? jsonValue(place) : `${place.alias}.value`;
  return `json_each(CASE WHEN ${jsonType(place)} IN ${types} THEN ${value} END)`;
}
