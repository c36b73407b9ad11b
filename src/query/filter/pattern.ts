// Strings with wildcards → SQL. Matching is by case and by whole characters, in any script.
// Knows strings only.

import { type Fragment, fragment } from "./fragment.ts";

/**
 * True where `sql` has the pieces in their order, with anything between them; not true where it is
 * NULL. What a text begins with is a range, for which an index can be used.
 */
export function matchPattern(sql: string, pieces: readonly string[], isNegated: boolean): Fragment {
  const [first = "", ...rest] = pieces;
  const last = rest.pop() ?? "";
  const middle = rest.filter((piece) => piece !== "");
  const parts: Fragment[] = [];
  if (first !== "") parts.push(beginsWith(sql, first));
  if (last !== "") parts.push(endsWith(sql, last));
  if (first !== "" && last !== "") parts.push(hasBytes(sql, byteLength(first) + byteLength(last)));
  if (middle.length > 0) parts.push(hasPieces(sql, first, middle, last));
  if (parts.length === 0) return fragment(isNegated ? "FALSE" : `${sql} IS NOT NULL`);
  const all = parts.map((part) => part.sql).join(" AND ");
  return fragment(
    isNegated ? `(${sql} IS NOT NULL AND NOT (${all}))` : `(${all})`,
    parts.flatMap(({ parameters }) => parameters),
  );
}

// LIKE and GLOB do not serve: one folds case, both end at U+0000. Bytes do, since in UTF-8 no
// character begins inside another.

function beginsWith(sql: string, text: string): Fragment {
  const end = textAfter(text);
  if (end === undefined) return fragment(`${sql} >= ?`, [text]);
  return fragment(`${sql} >= ? AND ${sql} < ?`, [text, end]);
}

function endsWith(sql: string, text: string): Fragment {
  const bytes = Buffer.from(text);
  // A part of an empty BLOB is NULL.
  const end = `coalesce(substr(CAST(${sql} AS BLOB), -?), x'')`;
  return fragment(`${end} = ?`, [BigInt(bytes.length), bytes]);
}

function hasBytes(sql: string, count: number): Fragment {
  return fragment(`length(CAST(${sql} AS BLOB)) >= ?`, [BigInt(count)]);
}

/** Finds each piece behind the one before it, between what begins and what ends the text. */
function hasPieces(sql: string, first: string, pieces: readonly string[], last: string): Fragment {
  if (pieces.length === 1 && first === "" && last === "") {
    return fragment(`instr(${sql}, ?) > 0`, pieces);
  }
  const bytes = `CAST(${sql} AS BLOB)`;
  const piece = "CAST(value AS BLOB)";
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
