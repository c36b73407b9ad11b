// Texts as their bytes say, for those that the driver may have mended on the way: it makes U+FFFD of
// what is no text, and halves of characters another character.
// Must not judge: bytes that are no text become half a character, which every codec refuses.

import type { SqlValue } from "./sql-value.ts";

/** How a database keeps its texts. */
export type TextEncoding = "UTF-8" | "UTF-16le" | "UTF-16be";

/** What stands for bytes that are no text; never part of a text that is one. */
const HALF = "\ud800";
const REPLACEMENT = "\ufffd";
const REPLACEMENT_BYTES = Buffer.from(REPLACEMENT);

/** True if the driver may have given another text than the one that is stored. */
export function isDoubtful(value: SqlValue, encoding: TextEncoding): boolean {
  return typeof value === "string" && (encoding !== "UTF-8" || value.includes(REPLACEMENT));
}

/** The text of the bytes; what is no text in them becomes half a character. */
export function textOf(bytes: Uint8Array, encoding: TextEncoding): string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  return encoding === "UTF-8" ? textOfUtf8(buffer) : textOfUtf16(buffer, encoding);
}

/** U+FFFD that is there is told from one that is made by what is between those that are there. */
function textOfUtf8(buffer: Buffer): string {
  const pieces: string[] = [];
  for (let start = 0; start <= buffer.length; ) {
    const found = buffer.indexOf(REPLACEMENT_BYTES, start);
    const end = found < 0 ? buffer.length : found;
    pieces.push(buffer.toString("utf8", start, end).replaceAll(REPLACEMENT, HALF));
    start = end + REPLACEMENT_BYTES.length;
    if (found < 0) break;
  }
  return pieces.join(REPLACEMENT);
}

function textOfUtf16(buffer: Buffer, encoding: "UTF-16le" | "UTF-16be"): string {
  const whole = buffer.subarray(0, buffer.length - (buffer.length % 2));
  const units = encoding === "UTF-16le" ? whole : Buffer.from(whole).swap16();
  return units.toString("utf16le") + (whole.length < buffer.length ? HALF : "");
}
