// Reads header blocks, RFC 7541 sections 3 and 6. What a block costs is bounded by its own length, and what is
// kept of it by the limit of the list that it makes. Must not know which fields there may be.

import { ConnectionError } from "../connection-error.ts";
import { ErrorCode, HEADER_TABLE_BYTES } from "../protocol.ts";
import { DynamicTable, ENTRY_OVERHEAD_BYTES } from "./dynamic-table.ts";
import { decodeHuffman } from "./huffman.ts";
import { STATIC_ENTRIES, STATIC_NAMES, STATIC_VALUES } from "./static-table.ts";

/** Section 5.1: what integers are needed for here is far below this. */
const INTEGER_MAX = 2 ** 28;

/** The fields of a block: each name with its value after it, their characters bytes. */
export type FieldList = readonly string[];

/** What a block says. */
export interface DecodedBlock {
  readonly fields: FieldList;
  /** Whether there are more than the limit allows: `fields` has the first of them. */
  readonly isTooLarge: boolean;
}

/** Reads the blocks of a connection, in their order. */
export class HeaderDecoder {
  readonly #table = new DynamicTable(HEADER_TABLE_BYTES);
  readonly #listBytesMax: number;
  #bytes: Buffer = Buffer.alloc(0);
  #end = 0;
  #at = 0;

  /** Of a list, with 32 bytes for each field as section 4.1 has it, no more is kept than `listBytesMax`. */
  constructor(listBytesMax: number) {
    this.#listBytesMax = listBytesMax;
  }

  /** Changes with each block that changes the table: a block may mean something else after it. */
  get version(): number {
    return this.#table.version;
  }

  /**
   * The block in the bytes from `start` to `end`.
   * @throws ConnectionError COMPRESSION_ERROR: nothing can be read after it.
   */
  decode(bytes: Buffer, start: number, end: number): DecodedBlock {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
    const fields: string[] = [];
    let listBytes = 0;
    let mayResize = true;
    while (this.#at < end) {
      const first = bytes[this.#at] as number;
      // Sections 4.2 and 6.3: only at the beginning of a block.
      if ((first & 0xe0) === 0x20) {
        if (!mayResize) throw malformed("the table is resized within a block");
        this.#resize();
        continue;
      }
      mayResize = false;
      let [name, value] = ["", ""];
      if (first & 0x80) {
        // Section 6.1: an indexed field.
        const index = this.#integer(0x7f);
        name = this.#nameAt(index);
        value = this.#valueAt(index);
      } else {
        // Section 6.2: a literal, that is added to the table (6.2.1), or is not (6.2.2), or is never (6.2.3).
        const isAdded = (first & 0x40) !== 0;
        const index = this.#integer(isAdded ? 0x3f : 0x0f);
        name = index === 0 ? this.#text() : this.#nameAt(index);
        value = this.#text();
        if (isAdded) this.#table.add(name, value);
      }
      listBytes += name.length + value.length + ENTRY_OVERHEAD_BYTES;
      if (listBytes <= this.#listBytesMax) fields.push(name, value);
    }
    return { fields, isTooLarge: listBytes > this.#listBytesMax };
  }

  #resize(): void {
    const size = this.#integer(0x1f);
    if (size > HEADER_TABLE_BYTES) throw malformed("the table would be larger than it may be");
    this.#table.resize(size);
  }

  #nameAt(index: number): string {
    if (index <= STATIC_ENTRIES && index > 0) return STATIC_NAMES[index] as string;
    return this.#table.nameAt(this.#dynamic(index));
  }

  #valueAt(index: number): string {
    if (index <= STATIC_ENTRIES && index > 0) return STATIC_VALUES[index] as string;
    return this.#table.valueAt(this.#dynamic(index));
  }

  /** Section 2.3.3: where an index is in the dynamic table. */
  #dynamic(index: number): number {
    const place = index - STATIC_ENTRIES - 1;
    if (index === 0 || place >= this.#table.length) throw malformed("there is no such entry");
    return place;
  }

  /** Section 5.1: an integer, whose first bits are those of `mask` in the byte that is next. */
  #integer(mask: number): number {
    const first = this.#next() & mask;
    if (first < mask) return first;
    let value = mask;
    for (let shift = 0; ; shift += 7) {
      const byte = this.#next();
      value += (byte & 0x7f) * 2 ** shift;
      if (value > INTEGER_MAX || shift > 28) throw malformed("an integer is too large");
      if (!(byte & 0x80)) return value;
    }
  }

  /** Section 5.2: a text. */
  #text(): string {
    const isHuffman = this.#at < this.#end && ((this.#bytes[this.#at] as number) & 0x80) !== 0;
    const length = this.#integer(0x7f);
    const start = this.#at;
    const end = start + length;
    if (end > this.#end) throw malformed("a text is cut off");
    this.#at = end;
    if (isHuffman) return decodeHuffman(this.#bytes, start, end);
    return this.#bytes.toString("latin1", start, end);
  }

  #next(): number {
    if (this.#at >= this.#end) throw malformed("a header block is cut off");
    return this.#bytes[this.#at++] as number;
  }
}

function malformed(message: string): ConnectionError {
  return new ConnectionError(ErrorCode.COMPRESSION_ERROR, message);
}
