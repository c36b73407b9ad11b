// Writes header blocks, RFC 7541 section 6, without a dynamic table: the same fields are always the same bytes,
// on any connection, and can be made in advance. Must not know which fields there may be.

import { encodeHuffman, huffmanBytes } from "./huffman.ts";
import { STATIC_INDEX_OF_FIELD, STATIC_INDEX_OF_NAME } from "./static-table.ts";

/** A field. */
export type Field = readonly [name: string, value: string];

/**
 * Section 6.3: tells a decoder that its table is empty from now on, as it must be told whose own is to be smaller
 * than the usual one (section 4.2).
 */
export const EMPTY_TABLE: Buffer = Buffer.of(0x20);

/** The block of fields, whose characters are bytes. */
export function encodeFields(fields: readonly Field[]): Buffer {
  const most = fields.reduce((sum, [name, value]) => sum + name.length + value.length + 16, 0);
  const block = Buffer.allocUnsafe(most);
  let at = 0;
  for (const [name, value] of fields) {
    const index = value === "" ? undefined : STATIC_INDEX_OF_FIELD.get(`${name}:${value}`);
    if (index !== undefined) {
      at = encodeInteger(index, 0x7f, 0x80, block, at);
      continue;
    }
    // Section 6.2.2: a literal that is not added to the table.
    const named = STATIC_INDEX_OF_NAME.get(name) ?? 0;
    at = encodeInteger(named, 0x0f, 0x00, block, at);
    if (named === 0) at = encodeText(name, block, at);
    at = encodeText(value, block, at);
  }
  return block.subarray(0, at);
}

/** Section 5.1: in the bits of `mask` of the first byte, beside those of `pattern`. */
function encodeInteger(
  value: number,
  mask: number,
  pattern: number,
  into: Uint8Array,
  start: number,
): number {
  let at = start;
  if (value < mask) {
    into[at++] = pattern | value;
    return at;
  }
  into[at++] = pattern | mask;
  let rest = value - mask;
  for (; rest >= 0x80; rest >>>= 7) into[at++] = 0x80 | (rest & 0x7f);
  into[at++] = rest;
  return at;
}

/** A longer text costs more time in Huffman code than its bytes are worth. */
const HUFFMAN_TEXT_MAX = 64;

/** Section 5.2: in Huffman code if that is shorter. */
function encodeText(text: string, into: Buffer, start: number): number {
  const bytes = text.length > HUFFMAN_TEXT_MAX ? text.length : huffmanBytes(text);
  if (bytes < text.length) {
    return encodeHuffman(text, into, encodeInteger(bytes, 0x7f, 0x80, into, start));
  }
  const at = encodeInteger(text.length, 0x7f, 0x00, into, start);
  return at + into.write(text, at, "latin1");
}
