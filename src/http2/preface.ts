// What a client says first, RFC 9113 section 3.4.
// Must not know what comes after it.

import { ConnectionError } from "./connection-error.ts";
import { ErrorCode } from "./protocol.ts";

const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");

/** The preface of a connection, as far as it has come. */
export class Preface {
  #bytes = 0;

  get isWhole(): boolean {
    return this.#bytes === PREFACE.length;
  }

  /** Where in the chunk the frames begin. @throws ConnectionError PROTOCOL_ERROR */
  read(chunk: Buffer): number {
    const count = Math.min(PREFACE.length - this.#bytes, chunk.length);
    const expected = PREFACE.subarray(this.#bytes, this.#bytes + count);
    if (!expected.equals(chunk.subarray(0, count))) {
      throw new ConnectionError(ErrorCode.PROTOCOL_ERROR, "it is no HTTP/2");
    }
    this.#bytes += count;
    return count;
  }
}
