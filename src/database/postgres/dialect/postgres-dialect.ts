// SQL as PostgreSQL has it, in a database whose texts are in UTF-8 and compare by their bytes.
// Its columns have types, and so need fewer looks at what is in them than SQLite's.

import type { TimeFormat } from "../../../schema/time-format.ts";
import { MAX_MS, MIN_MS, scaleOf } from "../../../schema/time-format.ts";
import { FLOAT_END } from "../../../schema/types/doubles.ts";
import type { Leaf } from "../../../schema/types/leaf.ts";
import type { Dialect } from "../../sql/dialect.ts";
import { fragment } from "../../sql/filter/fragment.ts";
import { jsonEach, jsonMember, jsonType, jsonValue } from "./json.ts";
import { jsonLeaf } from "./json-leaf.ts";

/** The dialect of every database of PostgreSQL that is served. */
export const POSTGRES: Dialect = {
  encoding: "UTF-8",
  keysIn: (column, keys) => fragment(`${column} = ANY(?::bigint[])`, [`{${keys.join(",")}}`]),
  byteLength: (column) => `octet_length(${column}::text)`,
  // No byte is stored that is no text.
  textBytes: () => "NULL",

  isJson: () => "TRUE",
  jsonType,
  jsonValue,
  jsonMember,
  jsonEach,
  isElementOf: (alias, kind) => `${alias}.kind = '${kind}'`,
  jsonLeaf,

  isValue,
  isInteger: (sql) => `(${sql})::text ~ '^-?[0-9]+$'`,
  isBool: (column, value) => fragment(`${column} = ?`, [value ? 1n : 0n]),
  boolValue: (column) => `CASE WHEN ${column} IN (0, 1) THEN ${column} END`,
  instantText: (sql) => `text_instant(${sql})`,
  dayText: (sql) => `text_day(${sql})`,
  timeNumber,
  // A double has 15 digits as a numeric, as it has in the text that SQLite gives.
  decimalText: (column) => `(${column})::numeric::text`,
  toInteger: (sql) => `text_whole(${sql})`,
  toDouble: (sql) => `number_double(text_number(${sql}))`,
  infinity: "'Infinity'::double precision",
  indexOf: (sql, part) => `strpos(${sql}, ${part})`,

  exactText: (column) => column,
  textKey: (sql) => sql,
  textKeyOf: (text) => text,
  emptyTextKey: "''",
  matches(sql, pieces, isNegated) {
    const test = `text_matches(${sql}, ARRAY[${pieces.map(() => "?::text").join(", ")}])`;
    return fragment(isNegated ? `NOT ${test}` : test, pieces);
  },
  contains(column, text) {
    // lower() in the C locale folds the letters A to Z and no others.
    const folded = text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
    return fragment(`strpos(lower(${column} COLLATE "C"), ?) > 0`, [folded]);
  },
  orderTerm({ expression, descending, nullable }) {
    // An index has its own place for NULL: none is named where there is none.
    const nulls = nullable ? ` NULLS ${descending ? "LAST" : "FIRST"}` : "";
    return `${expression}${descending ? " DESC" : ""}${nulls}`;
  },
  // A statement is cancelled from another connection.
  interruptible: () => "TRUE",
};

/** What a column of the right type can have that is no value of the leaf. */
function isValue(sql: string, leaf: Leaf): string | undefined {
  switch (leaf.kind) {
    case "int":
      return `${sql} BETWEEN ${leaf.min} AND ${leaf.max}`;
    case "uint64":
      return `${sql} >= 0`;
    case "enum":
      return `${sql} BETWEEN -2147483648 AND 2147483647`;
    case "duration":
      return `${sql} BETWEEN -315576000000999 AND 315576000000999`;
    case "float":
      return `(abs(${sql}) < ${FLOAT_END} OR abs(${sql}) >= 'Infinity')`;
    case "money":
      return `${sql} > -1e15 AND ${sql} < 1e15`;
    case "double":
    case "bytes":
    case "text":
    case "bool":
    case "timestamp":
    case "date":
    case "reference":
    case "etag":
    case "value":
      return undefined;
  }
}

function timeNumber(format: TimeFormat, column: string): string {
  const ms = `round((${scaleOf(format)?.sql(column)})::numeric)::bigint`;
  return `CASE WHEN ${ms} BETWEEN ${MIN_MS} AND ${MAX_MS} THEN ${ms} END`;
}
