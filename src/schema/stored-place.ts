// Where rows have a field, and as what: read from the options and the type of its descriptor alone, so
// that it can be told of stored descriptors too, of which there are no plans.

import { type DescField, ScalarType } from "@bufbuild/protobuf";
import { hasSpecialJson } from "./json-special.ts";
import { columnOf, referenceOf, resourceOf, tableOf } from "./options.ts";

/** Where a field is. */
export interface StoredPlace {
  readonly kind: "json" | "column" | "rows" | "service";
  /** In words, and equal for places that are the same. */
  readonly text: string;
  /** The key in JSON. */
  readonly key: string;
  /** The column, if it has one. */
  readonly column: string | undefined;
}

/** The fields that the service fills, from columns that all tables have. */
const STANDARD_FIELDS = new Set(["name", "create_time", "update_time", "etag"]);

/** Where a field is in a message that is a row, or that is within the JSON of one. */
export function placeOf(field: DescField, isRow: boolean): StoredPlace {
  const key = field.jsonName;
  const json: StoredPlace = { kind: "json", text: "JSON", key, column: undefined };
  if (!isRow) return json;
  const column = columnOf(field);
  if (column) {
    const { name, currencyCode } = column;
    const reference = referenceOf(field);
    const ofCurrency = currencyCode === "" ? "" : ` in ${currencyCode}`;
    const ofReference = reference === undefined ? "" : ` with the key of ${reference}`;
    // SQL does not tell names by case.
    const text = `the column ${name.toLowerCase()}${ofCurrency}${ofReference}`;
    return { kind: "column", text, key, column: name };
  }
  const table = field.fieldKind === "list" && field.message && tableOf(field.message);
  if (table) {
    const text = `rows of ${table.name.toLowerCase()}`;
    return { kind: "rows", text, key, column: undefined };
  }
  if (resourceOf(field.parent) && STANDARD_FIELDS.has(field.name)) {
    return { kind: "service", text: `the service's ${field.name}`, key, column: undefined };
  }
  return json;
}

/**
 * The type of a field in words: equal for types whose bytes and JSON mean the same. Messages that are
 * objects in JSON are looked into, and enums too; their names do not matter.
 */
export function describeType(field: DescField): string {
  switch (field.fieldKind) {
    case "list":
      return `a list of ${describeElement(field)}`;
    case "map":
      return `a map of ${ScalarType[field.mapKey].toLowerCase()} to ${describeElement(field)}`;
    case "message":
    case "enum":
    case "scalar":
      return describeElement(field);
  }
}

function describeElement(field: DescField): string {
  if (field.message) {
    if (hasSpecialJson(field.message)) return field.message.typeName;
    const isGroup = "delimitedEncoding" in field && field.delimitedEncoding;
    return isGroup ? "a group" : "a message";
  }
  if (field.enum) return field.enum.open ? "an enum" : "a closed enum";
  return ScalarType[field.scalar as ScalarType].toLowerCase();
}
