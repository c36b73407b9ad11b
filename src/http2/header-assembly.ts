// A header block that comes in several frames, RFC 9113 section 6.10: nothing else may come between them.
// Must not know what the block says.

import { tooMuch } from "./connection-error.ts";
import { HEADER_BLOCK_BYTES } from "./limits.ts";

/** A block whose end has not come. */
export class HeaderAssembly {
  readonly streamId: number;
  /** The flags of its HEADERS. */
  readonly flags: number;
  readonly sinceMs = performance.now();
  readonly #parts: Buffer[] = [];
  #bytes = 0;

  constructor(streamId: number, flags: number) {
    this.streamId = streamId;
    this.flags = flags;
  }

  /** @throws ConnectionError ENHANCE_YOUR_CALM if the block becomes too large. */
  add(bytes: Buffer, start: number, end: number): void {
    this.#bytes += end - start;
    if (this.#bytes > HEADER_BLOCK_BYTES) {
      throw tooMuch("header blocks", "a header block is too large");
    }
    // Copied: a small part would keep all that came with it.
    if (end > start) this.#parts.push(Buffer.from(bytes.subarray(start, end)));
  }

  whole(): Buffer {
    return Buffer.concat(this.#parts);
  }
}
