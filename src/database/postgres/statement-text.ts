// Statements have a `?` for each parameter; PostgreSQL has numbers for them, and wants to know what a number
// is: it would take it for what it is compared with. Pure.

import type { SqlValue } from "../../schema/sql-value.ts";
import type { Statement } from "../sql/statements.ts";

/** A string, a name in quotes, or a mark. */
const PART = /'(?:[^']|'')*'|"(?:[^"]|"")*"|\?/g;

const TEXTS_MAX = 500;
let known = new Map<string, string>();

/** The text with `$1`, `$2`, … in place of its marks. */
export function numbered({ sql, parameters }: Statement): string {
  const types = parameters.map(castOf);
  const key = `${sql}\0${types.join()}`;
  let text = known.get(key);
  if (text !== undefined) return text;
  let marks = 0;
  text = sql.replace(PART, (part) => {
    if (part !== "?") return part;
    marks += 1;
    return `$${marks}${types[marks - 1] ?? ""}`;
  });
  // Filters make new texts without end.
  if (known.size >= TEXTS_MAX) known = new Map();
  known.set(key, text);
  return text;
}

/** A double that is beyond the exact integers must not make one of a column's integers, which are exact. */
function castOf(value: SqlValue): string {
  if (typeof value !== "number") return "";
  return isLarge(value) ? "::numeric" : "::double precision";
}

function isLarge(value: number): boolean {
  return Number.isInteger(value) && !Number.isSafeInteger(value);
}

/** The library sends bytes as bytes only if they are a Buffer, and has no bigint. */
export function toParameter(value: SqlValue): string | number | Buffer | null {
  if (typeof value === "bigint") return value.toString();
  if (typeof value === "number")
    return isLarge(value) ? BigInt(value).toString() : numberText(value);
  if (value instanceof Uint8Array) {
    return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  }
  return value;
}

function numberText(value: number): string {
  return Object.is(value, -0) ? "-0" : String(value);
}

/** The text of an array: https://www.postgresql.org/docs/current/arrays.html#ARRAYS-IO */
export function arrayText(values: readonly SqlValue[]): string {
  return `{${values.map(elementText).join(",")}}`;
}

function elementText(value: SqlValue): string {
  const given = toParameter(value);
  if (given === null) return "NULL";
  if (Buffer.isBuffer(given)) return `"\\\\x${given.toString("hex")}"`;
  return typeof value === "string" ? `"${value.replaceAll(/["\\]/g, "\\$&")}"` : `${given}`;
}
