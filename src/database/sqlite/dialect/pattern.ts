// Strings with wildcards → SQL. Matching is by case and by whole characters, in any script.
// Knows strings only.

import { type Fragment, fragment } from "../../sql/filter/fragment.ts";
import { textBytes, textKey, textKeyOf } from "./text.ts";

/** A text in SQL. */
interface TextSql {
  readonly sql: string;
  /** True if the database keeps it in UTF-16. */
  readonly isUtf16: boolean;
}

/**
 * True where the text has the pieces in their order, with anything between them; not true where it is
 * NULL. What a text begins with is a range, for which an index can be used.
 */
export function matchPattern(
  text: TextSql,
  pieces: readonly string[],
  isNegated: boolean,
): Fragment {
  const { sql } = text;
  const [first = "", ...rest] = pieces;
  const last = rest.pop() ?? "";
  const middle = rest.filter((piece) => piece !== "");
  const parts: Fragment[] = [];
  if (first !== "") parts.push(beginsWith(text, first));
  if (last !== "") parts.push(endsWith(text, last));
  if (first !== "" && last !== "") parts.push(hasBytes(text, byteLength(first) + byteLength(last)));
  if (middle.length > 0) parts.push(hasPieces(text, first, middle, last));
  if (parts.length === 0) return fragment(isNegated ? "FALSE" : `${sql} IS NOT NULL`);
  const all = parts.map((part) => part.sql).join(" AND ");
  return fragment(
    isNegated ? `(${sql} IS NOT NULL AND NOT (${all}))` : `(${all})`,
    parts.flatMap(({ parameters }) => parameters),
  );
}

// LIKE and GLOB do not serve: one folds case, both end at U+0000. Bytes do, since in UTF-8 no
// character begins inside another.

function beginsWith({ sql, isUtf16 }: TextSql, text: string): Fragment {
  const key = textKey(sql, isUtf16);
  const end = textAfter(text);
  if (end === undefined) return fragment(`${key} >= ?`, [textKeyOf(text, isUtf16)]);
  const range = [textKeyOf(text, isUtf16), textKeyOf(end, isUtf16)];
  return fragment(`${key} >= ? AND ${key} < ?`, range);
}

function endsWith({ sql, isUtf16 }: TextSql, text: string): Fragment {
  const bytes = Buffer.from(text);
  // A part of an empty BLOB is NULL.
  const end = `coalesce(substr(${textBytes(sql, isUtf16)}, -?), x'')`;
  return fragment(`${end} = ?`, [BigInt(bytes.length), bytes]);
}

function hasBytes({ sql, isUtf16 }: TextSql, count: number): Fragment {
  return fragment(`length(${textBytes(sql, isUtf16)}) >= ?`, [BigInt(count)]);
}

/** Finds each piece after the one before it, between what begins and what ends the text. */
function hasPieces(
  { sql, isUtf16 }: TextSql,
  first: string,
  pieces: readonly string[],
  last: string,
): Fragment {
  if (pieces.length === 1 && first === "" && last === "") {
    return fragment(`instr(${sql}, ?) > 0`, pieces);
  }
  const bytes = textBytes(sql, isUtf16);
  const piece = textBytes("value", isUtf16);
  return fragment(
    `(WITH RECURSIVE found(count, rest) AS (SELECT 0, substr(${bytes}, ?, length(${bytes}) - ?) ` +
      `UNION ALL SELECT count + 1, substr(rest, instr(rest, ${piece}) + length(${piece})) ` +
      `FROM found JOIN json_each(?) ON key = count WHERE instr(rest, ${piece}) > 0) ` +
      `SELECT max(count) FROM found) = ?`,
    [
      BigInt(byteLength(first) + 1),
      BigInt(byteLength(first) + byteLength(last)),
      JSON.stringify(pieces),
      BigInt(pieces.length),
    ],
  );
}

function byteLength(text: string): number {
  return Buffer.byteLength(text);
}

const LAST_CHARACTER = 0x10ffff;
const SURROGATES = { first: 0xd800, last: 0xdfff };

/** The least text above all that begin with `prefix`; undefined if there is none. */
function textAfter(prefix: string): string | undefined {
  const characters = Array.from(prefix);
  while (characters.at(-1)?.codePointAt(0) === LAST_CHARACTER) characters.pop();
  const last = characters.pop()?.codePointAt(0);
  if (last === undefined) return undefined;
  const next = last + 1 === SURROGATES.first ? SURROGATES.last + 1 : last + 1;
  return characters.join("") + String.fromCodePoint(next);
}
