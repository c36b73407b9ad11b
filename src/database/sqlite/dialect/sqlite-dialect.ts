// SQL as SQLite has it. A database keeps its texts in UTF-8 or in UTF-16, and compares the bytes that it
// keeps: a dialect is of one of these.

import type { TextEncoding } from "../../../schema/text-bytes.ts";
import type { Dialect } from "../../sql/dialect.ts";
import { fragment } from "../../sql/filter/fragment.ts";
import { interruptible } from "../../sql/interrupt.ts";
import type { Connection } from "../connection/connection.ts";
import {
  boolValue,
  decimalText,
  INFINITY,
  isBool,
  isInteger,
  isValue,
  timeNumber,
} from "./columns.ts";
import { jsonEach, jsonMember, jsonType, jsonValue } from "./json.ts";
import { jsonLeaf } from "./json-leaf.ts";
import { matchPattern } from "./pattern.ts";
import { encodingOf, sqliteRows } from "./row-dialect.ts";
import { textKey, textKeyOf } from "./text.ts";
import { dayText, instantText } from "./time.ts";

/** The dialect of a database, whose encoding never changes. */
export function dialectOf(connection: Connection): Dialect {
  return sqliteDialect(encodingOf(connection));
}

/** The dialect of databases that keep their texts so. */
export function sqliteDialect(encoding: TextEncoding): Dialect {
  const isUtf16 = encoding !== "UTF-8";
  return {
    ...sqliteRows(encoding),
    isJson: (column) => `json_valid(${column})`,
    jsonType,
    jsonValue,
    jsonMember,
    jsonEach,
    // json_each has the indexes of a list and the names of a map, and NULL for what is neither.
    isElementOf: (alias, kind) => `typeof(${alias}.key) = '${KEY_TYPES[kind]}'`,
    jsonLeaf,
    isValue,
    isInteger,
    isBool,
    boolValue,
    instantText,
    dayText,
    timeNumber,
    decimalText,
    toInteger: (sql) => `CAST(${sql} AS INTEGER)`,
    toDouble: (sql) => `CAST(${sql} AS REAL)`,
    indexOf: (sql, part) => `instr(${sql}, ${part})`,
    infinity: INFINITY,
    exactText: (column) => `${column} COLLATE BINARY`,
    textKey: (sql) => textKey(sql, isUtf16),
    textKeyOf: (text) => textKeyOf(text, isUtf16),
    emptyTextKey: isUtf16 ? "x''" : "''",
    matches: (sql, pieces, isNegated) => matchPattern({ sql, isUtf16 }, pieces, isNegated),
    contains(column, text) {
      // lower() folds the letters A to Z and no others.
      const folded = text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
      return fragment(`instr(lower(${column}), ?) > 0`, [folded]);
    },
    orderTerm: ({ expression, descending }) => expression + (descending ? " DESC" : ""),
    interruptible,
  };
}

const KEY_TYPES = { list: "integer", map: "text" } as const;
