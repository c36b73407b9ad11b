// Where a value in JSON is → what PostgreSQL's operators make of it. Knows SQL text only.
// The functions are the store's own (migrations/store/postgres): none of them fails.

import type { JsonPath, JsonPlace } from "../../sql/dialect.ts";
import { sqlString } from "../../sql/filter/fragment.ts";

/** The JSON at a place; NULL if nothing is there. */
export function jsonAt(place: JsonPlace): string {
  if (place.kind === "element") return `${place.alias}.value`;
  // A column of JSON has nothing else.
  const whole = place.data ?? place.base;
  return `(${[whole, ...labelsOf(place.path).map(sqlString)].join(" -> ")})`;
}

/** The value of what is no object and no list, as text. */
export function jsonValue(place: JsonPlace): string {
  return `(${jsonAt(place)} #>> '{}')`;
}

export function jsonType(place: JsonPlace): string {
  return `json_kind(${jsonAt(place)})`;
}

/** What is at `path`, such as `.units`, below a place. */
export function jsonMember(place: JsonPlace, path: string): JsonPath {
  if (place.kind === "json") return { ...place, path: place.path + path };
  return { kind: "json", base: `${place.alias}.value`, path: `$${path}` };
}

/** The rows of what is in the list or object at a place. */
export function jsonEach(place: JsonPlace, isListOnly: boolean): string {
  const json = jsonAt(place);
  if (!isListOnly) return `json_items(${json})`;
  return `json_items(CASE WHEN json_typeof(${json}) = 'array' THEN ${json} END)`;
}

const LABEL = /\.(?:([A-Za-z_][A-Za-z0-9_]*)|("(?:[^"\\]|\\.)*"))/g;

/** `$.loyalty."a b"` → `loyalty`, `a b`. */
function labelsOf(path: string): readonly string[] {
  return [...path.matchAll(LABEL)].map(
    ([, plain, quoted = '""']) => plain ?? (JSON.parse(quoted) as string),
  );
}
