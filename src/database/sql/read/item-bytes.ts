// Writes the items of a response, each after tag and length, into one buffer of the right size.
// Must not decode a message: its bytes are copied as they are, and once.

import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import type { Row } from "../../../schema/sql-value.ts";
import type { Envelope, EnvelopeField, ItemForm } from "../../page-request.ts";
import { ITEM_COLUMNS } from "../statements.ts";

/** What is kept free after the items, for a page token and a total size. */
export const ROOM_BYTES = 512;

/** The bytes of an item around its message. */
interface Frame {
  /** Fields before the message, then its tag and length. */
  readonly before: Uint8Array;
  readonly after: Uint8Array;
}

/** Gives the size of items, and writes them; `row` is the one that a message is of. */
export interface ItemWriter {
  /** The bytes of an item, without tag and length, whose message has `length` bytes. */
  sizeOf(length: number, row: Row): number;
  /** The same of a message without an envelope, with tag and length. */
  framedSize(length: number): number;
  /** The items one after the other. */
  write(messages: readonly Uint8Array[], rows: readonly Row[]): Uint8Array<ArrayBuffer>;
}

/** The writer of items of this form. */
export function createItemWriter({ field, envelope }: ItemForm): ItemWriter {
  const tag = tagBytes(field);
  const frameOf = envelope && ((length: number, row: Row) => frame(envelope, length, row));

  return {
    sizeOf: (length, row) => length + frameLength(frameOf?.(length, row)),

    framedSize: (length) => tag.length + varintLength(length) + length,

    write(messages, rows) {
      const frames =
        frameOf && messages.map((message, i) => frameOf(message.length, rows[i] as Row));
      let total = 0;
      for (let i = 0; i < messages.length; i++) {
        const size = (messages[i] as Uint8Array).length + frameLength(frames?.[i]);
        total += tag.length + varintLength(size) + size;
      }
      const bytes = new Uint8Array(total + ROOM_BYTES);
      let at = 0;
      const put = (piece: Uint8Array) => {
        bytes.set(piece, at);
        at += piece.length;
      };
      for (let i = 0; i < messages.length; i++) {
        const message = messages[i] as Uint8Array;
        const around = frames?.[i];
        put(tag);
        at = writeVarint(bytes, at, message.length + frameLength(around));
        if (around) put(around.before);
        put(message);
        if (around) put(around.after);
      }
      return bytes.subarray(0, total);
    },
  };
}

function frame({ before, message, after }: Envelope, length: number, row: Row): Frame {
  const tag = tagBytes(message);
  const head = new Uint8Array(before.length + tag.length + varintLength(length));
  head.set(before);
  head.set(tag, before.length);
  writeVarint(head, before.length + tag.length, length);
  return { before: head, after: encodeFields(after, row) };
}

function frameLength(around: Frame | undefined): number {
  return around ? around.before.length + around.after.length : 0;
}

function encodeFields(fields: readonly EnvelopeField[], row: Row): Uint8Array {
  const writer = new BinaryWriter();
  fields.forEach(({ number, type }, index) => {
    const value = row[ITEM_COLUMNS + index] ?? null;
    if (value === null || value === "" || Object.is(value, 0)) return;
    if (type === "string") writer.tag(number, WireType.LengthDelimited).string(String(value));
    else writer.tag(number, WireType.Bit64).double(Number(value));
  });
  return writer.finish();
}

/** The tag of a field whose value has a length. */
function tagBytes(field: number): Uint8Array {
  return new BinaryWriter().tag(field, WireType.LengthDelimited).finish();
}

function varintLength(value: number): number {
  let length = 1;
  for (let rest = value; rest > 0x7f; rest >>>= 7) length++;
  return length;
}

/** Writes a length, which is below 2^31; the place after it. */
function writeVarint(bytes: Uint8Array, at: number, value: number): number {
  let place = at;
  let rest = value;
  for (; rest > 0x7f; rest >>>= 7) bytes[place++] = (rest & 0x7f) | 0x80;
  bytes[place++] = rest;
  return place;
}
