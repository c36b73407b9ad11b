// What SQL says otherwise in each database, as far as filters, orders and statements need it. The rest
// of their text is the same everywhere. Each driver has its own.

import type { TextEncoding } from "../../schema/text-bytes.ts";
import type { TimeFormat } from "../../schema/time-format.ts";
import type { Leaf } from "../../schema/types/leaf.ts";
import type { Fragment } from "./filter/fragment.ts";
import type { SortTerm } from "./order/keyset.ts";

/** A value at a path of a JSON text. */
export interface JsonPath {
  readonly kind: "json";
  /** SQL for the JSON text, NULL if it is none. */
  readonly base: string;
  /** For example `$.loyalty.points`. */
  readonly path: string;
  /** The column that the JSON text is in, whatever it has; absent if it is in an element. */
  readonly data?: string;
}

/** A value in JSON: at a path, or one of the elements that `jsonEach` gives. */
export type JsonPlace = JsonPath | { readonly kind: "element"; readonly alias: string };

/** How rows are found by a list of keys, and what their cells are in bytes. */
export interface RowDialect {
  /** How the database keeps its texts. */
  readonly encoding: TextEncoding;
  /** True of the rows that have one of the keys in the column; the list is one parameter. */
  keysIn(column: string, keys: readonly bigint[]): Fragment;
  /** SQL for about how many bytes a cell has. */
  byteLength(column: string): string;
  /** SQL for the bytes of a text; NULL of what is none, or if the driver changes no text on the way. */
  textBytes(column: string): string;
}

/**
 * The hooks take and give SQL expressions, unless they say otherwise. None of those expressions raises
 * an error, whatever another program has written: it is NULL where there is no value that can be read.
 */
export interface Dialect extends RowDialect {
  /** True if the text in a column is JSON. */
  isJson(column: string): string;
  /** `object`, `array`, `text`, `integer`, `real`, `true`, `false` or `null`; NULL if nothing is there. */
  jsonType(place: JsonPlace): string;
  /** The value of what is no object and no list. */
  jsonValue(place: JsonPlace): string;
  /** What is at a path below a place, such as `.units`. */
  jsonMember(place: JsonPlace, path: string): JsonPath;
  /** A table with a row for each element: its `key`, and what the hooks tell of it by its alias. */
  jsonEach(place: JsonPlace, isListOnly: boolean): string;
  /** True of elements of a list, or of a map: of what is neither, `jsonEach` may have the value itself. */
  isElementOf(alias: string, kind: "list" | "map"): string;
  /** The expressions that compare, as a row value does, as the values of the leaf in JSON do. */
  jsonLeaf(place: JsonPlace, leaf: Leaf): readonly string[];

  /** True of what a column has if it is a value of the leaf; undefined if all is that it can have. */
  isValue(column: string, leaf: Leaf): string | undefined;
  /** True of integers, where a column or JSON may have text as well. */
  isInteger(sql: string): string;
  /** True where a bool column has a word or number for this. */
  isBool(column: string, value: boolean): Fragment;
  /** 1 or 0 for the words and numbers that are bools. */
  boolValue(column: string): string;
  /** The instant of a time in text, `YYYY-MM-DD HH:MM:SS.nnnnnnnnn` in UTC. */
  instantText(sql: string): string;
  /** The day of a time in text, as it is written, `YYYY-MM-DD`. */
  dayText(sql: string): string;
  /** The milliseconds since the epoch of a time that is a number. */
  timeNumber(format: TimeFormat, column: string): string;
  /** The decimal number that a Money column stands for, as text without an exponent. */
  decimalText(column: string): string;
  /** The whole number that a text begins with, or 0. */
  toInteger(sql: string): string;
  /** The number as a double. */
  toDouble(sql: string): string;
  /** The place of the first character of a part in a text, from 1 on; 0 if it is not in it. */
  indexOf(sql: string, part: string): string;
  /** The literal above all doubles. */
  readonly infinity: string;

  /** The column, compared by its bytes whatever its collation is. */
  exactText(column: string): string;
  /** A text, to be compared with `textKeyOf` by code points. */
  textKey(sql: string): string;
  /** The parameter that `textKey` is compared with. */
  textKeyOf(text: string): string | Uint8Array;
  /** The literal for the key of the empty text. */
  readonly emptyTextKey: string;
  /** True where the text has the pieces in their order, with anything between them. */
  matches(sql: string, pieces: readonly string[], isNegated: boolean): Fragment;
  /** True where the column has the text, whatever the case of its letters A to Z is. */
  contains(column: string, text: string): Fragment;

  /** A term of ORDER BY: what is NULL comes before all values, or after them if it is descending. */
  orderTerm(term: SortTerm): string;
  /** A condition that is true of every row, and ends the statement when nobody waits for it any more. */
  interruptible(key: string): string;
}
