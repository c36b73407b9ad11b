// Which values a column of a server would refuse or change.
// Pure.

import type { SqlValue } from "../../../schema/sql-value.ts";

/** The escape of U+0000 in JSON: an odd number of backslashes before it. */
const ESCAPED_NUL = /(?:^|[^\\])(?:\\\\)*\\u0000/;

const INTEGERS: ReadonlyMap<string, number> = new Map([
  ["smallint", 16],
  ["integer", 32],
  ["bigint", 64],
]);

/** Why a column of this type cannot have the value as it is; undefined if it can, or the server says. */
export function whyNotKept(type: string, value: SqlValue): string | undefined {
  if (value === null) return undefined;
  const bits = INTEGERS.get(type);
  if (bits !== undefined) {
    const isKept = typeof value === "bigint" && BigInt.asIntN(bits, value) === value;
    return isKept ? undefined : `is no ${type}`;
  }
  switch (type) {
    case "double precision":
      return isDouble(value) ? undefined : "is no double";
    case "bytea":
      return value instanceof Uint8Array ? undefined : "is not bytes";
    case "text":
    case "json":
      return whyNotText(value, type === "json");
    default:
      return undefined;
  }
}

function isDouble(value: SqlValue): boolean {
  return (
    typeof value === "number" || (typeof value === "bigint" && BigInt(Number(value)) === value)
  );
}

function whyNotText(value: SqlValue, isJson: boolean): string | undefined {
  if (typeof value !== "string") return "is no text";
  const hasNul = value.includes("\0") || (isJson && ESCAPED_NUL.test(value));
  return hasNul ? "has the character U+0000, which PostgreSQL has in no text" : undefined;
}
