// Texts compared by their code points, whatever the encoding of the database is.
// Knows SQL text only.

/** The SQL function for the bytes of a text in UTF-8, which each connection has. */
export const UTF8_FUNCTION = "protostore_utf8";

/** An expression for a text that compares by code points: SQLite compares the bytes that it keeps. */
export function textKey(sql: string, isUtf16: boolean): string {
  return isUtf16 ? `${UTF8_FUNCTION}(${sql})` : sql;
}

/** What such an expression is compared with. */
export function textKeyOf(text: string, isUtf16: boolean): string | Uint8Array {
  return isUtf16 ? Buffer.from(text) : text;
}

/** An expression for the bytes of a text in UTF-8. */
export function textBytes(sql: string, isUtf16: boolean): string {
  return isUtf16 ? textKey(sql, true) : `CAST(${sql} AS BLOB)`;
}
