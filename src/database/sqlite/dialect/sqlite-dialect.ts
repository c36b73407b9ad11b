// SQL as SQLite has it. A database keeps its texts in UTF-8 or in UTF-16, and compares the bytes that it
// keeps: a dialect is of one of these.

import type { Dialect } from "../../sql/dialect.ts";
import { fragment } from "../../sql/filter/fragment.ts";
import { interruptible } from "../../sql/interrupt.ts";
import { type Connection, readPragma } from "../connection/connection.ts";
import { boolValue, decimalText, INFINITY, isInteger, isValue, timeNumber } from "./columns.ts";
import { jsonEach, jsonMember, jsonType, jsonValue } from "./json.ts";
import { jsonLeaf } from "./json-leaf.ts";
import { matchPattern } from "./pattern.ts";
import { textKey, textKeyOf } from "./text.ts";
import { dayText, instantText } from "./time.ts";

/** The dialect of a database, whose encoding never changes. */
export function dialectOf(connection: Connection): Dialect {
  return sqliteDialect(String(readPragma(connection, "encoding")).startsWith("UTF-16"));
}

/** The dialect of databases whose texts are in UTF-16, or in UTF-8. */
export function sqliteDialect(isUtf16: boolean): Dialect {
  return {
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
    boolValue,
    instantText,
    dayText,
    timeNumber,
    decimalText,
    toInteger: (sql) => `CAST(${sql} AS INTEGER)`,
    toDouble: (sql) => `CAST(${sql} AS REAL)`,
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
    orderTerm: (expression, isDescending) => expression + (isDescending ? " DESC" : ""),
    interruptible,
  };
}

const KEY_TYPES = { list: "integer", map: "text" } as const;
