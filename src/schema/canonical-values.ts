// The checks of canonical-bytes.ts for the values of single fields. Each skips a value and tells
// whether the protobuf library would write it in these bytes. Knows no messages.

import { ScalarType } from "@bufbuild/protobuf";
import { WireType } from "@bufbuild/protobuf/wire";

export interface Cursor {
  readonly bytes: Uint8Array;
  pos: number;
}

/** Skips a value in a message that ends at `end`; false if it is not as it would be written. */
export type Check = (cursor: Cursor, end: number) => boolean;

/** A tag or a length; -1 if it is not as short as can be, or has more than 28 bits. */
export function readUint(cursor: Cursor): number {
  const { bytes } = cursor;
  let value = 0;
  for (let shift = 0; shift < 28; shift += 7) {
    const byte = bytes[cursor.pos++];
    if (byte === undefined) return -1;
    value |= (byte & 0x7f) << shift;
    if (byte < 0x80) return byte === 0 && shift > 0 ? -1 : value;
  }
  return -1;
}

/** The wire type of a scalar and its check; without presence, zero is not written at all. */
export function scalarCheck(type: ScalarType, isImplicit: boolean): [WireType, Check] {
  switch (type) {
    case ScalarType.STRING:
    case ScalarType.BYTES:
      return [WireType.LengthDelimited, bytesCheck(isImplicit)];
    case ScalarType.BOOL:
      return [WireType.Varint, varintCheck(1, 1, isImplicit)];
    case ScalarType.INT32:
      // Negative ones have ten bytes, and more than one form: they are rare enough.
      return [WireType.Varint, varintCheck(5, 0x07, isImplicit)];
    case ScalarType.UINT32:
    case ScalarType.SINT32:
      return [WireType.Varint, varintCheck(5, 0x0f, isImplicit)];
    case ScalarType.INT64:
    case ScalarType.UINT64:
    case ScalarType.SINT64:
      return [WireType.Varint, varintCheck(10, 0x01, isImplicit)];
    case ScalarType.FIXED32:
    case ScalarType.SFIXED32:
      return [WireType.Bit32, fixedCheck(4, isImplicit)];
    case ScalarType.FIXED64:
    case ScalarType.SFIXED64:
      return [WireType.Bit64, fixedCheck(8, isImplicit)];
    case ScalarType.FLOAT:
      return [WireType.Bit32, floatCheck(4, 0x80, isImplicit)];
    case ScalarType.DOUBLE:
      return [WireType.Bit64, floatCheck(8, 0xf0, isImplicit)];
  }
}

function bytesCheck(isImplicit: boolean): Check {
  return (cursor) => {
    const length = readUint(cursor);
    cursor.pos += length;
    return length > 0 || (length === 0 && !isImplicit);
  };
}

/** At most `maxLength` bytes, of which the last, if there are so many, is at most `maxLast`. */
function varintCheck(maxLength: number, maxLast: number, isImplicit: boolean): Check {
  return (cursor) => {
    const { bytes, pos: start } = cursor;
    let byte = bytes[cursor.pos++];
    while (byte !== undefined && byte >= 0x80) byte = bytes[cursor.pos++];
    const length = cursor.pos - start;
    if (byte === undefined || length > maxLength) return false;
    if (length === maxLength && byte > maxLast) return false;
    return byte > 0 || (length === 1 && !isImplicit);
  };
}

function fixedCheck(size: number, isImplicit: boolean): Check {
  return (cursor) => {
    const { bytes, pos: start } = cursor;
    cursor.pos += size;
    if (!isImplicit) return true;
    for (let i = start; i < cursor.pos; i++) if (bytes[i] !== 0) return true;
    return false;
  };
}

/** NaN has many bit patterns and all are read as one: an exponent of ones alone is not certain. */
function floatCheck(size: number, exponentLow: number, isImplicit: boolean): Check {
  const check = fixedCheck(size, isImplicit);
  return (cursor, end) => {
    const last = cursor.pos + size - 1;
    const { [last]: high = 0, [last - 1]: low = 0 } = cursor.bytes;
    if ((high & 0x7f) === 0x7f && low >= exponentLow) return false;
    return check(cursor, end);
  };
}

/** With more keys than this, duplicates are not looked for. */
const MAX_KEYS = 64;

/**
 * The entries of a map with strings as keys, all of them: a key that is there twice would be written
 * once, and one that looks like an index would be written before the others.
 */
export function mapCheck(number: number, valueType: WireType, value: Check): Check {
  const tag = number * 8 + WireType.LengthDelimited;
  const keyTag = 8 + WireType.LengthDelimited;
  const valueTag = 16 + valueType;
  return (cursor, end) => {
    const keys: number[] = [];
    let hasIndex = false;
    do {
      const entryLength = readUint(cursor);
      const entryEnd = cursor.pos + entryLength;
      if (entryLength < 0 || readUint(cursor) !== keyTag) return false;
      const length = readUint(cursor);
      const start = cursor.pos;
      cursor.pos += length;
      if (length < 0 || readUint(cursor) !== valueTag) return false;
      if (!value(cursor, entryEnd) || cursor.pos !== entryEnd) return false;
      if (isKnown(cursor.bytes, keys, start, length)) return false;
      hasIndex ||= length > 0 && isDigit(cursor.bytes[start]);
      keys.push(start, length);
      if (keys.length > 2 && (hasIndex || keys.length > 2 * MAX_KEYS)) return false;
    } while (cursor.pos < end && skipTag(cursor, tag));
    return true;
  };
}

function isKnown(bytes: Uint8Array, keys: readonly number[], start: number, length: number) {
  for (let i = 0; i < keys.length; i += 2) {
    if (keys[i + 1] !== length) continue;
    const other = keys[i] as number;
    let same = 0;
    while (same < length && bytes[start + same] === bytes[other + same]) same++;
    if (same === length) return true;
  }
  return false;
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 0x30 && byte <= 0x39;
}

/** Skips the tag if it comes next. */
function skipTag(cursor: Cursor, tag: number): boolean {
  const { pos } = cursor;
  if (readUint(cursor) === tag) return true;
  cursor.pos = pos;
  return false;
}
