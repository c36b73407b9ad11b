// Cuts the data of a stream into messages: each has a byte that says whether it is compressed, and its length, in
// front. One that comes whole is not copied. Must not know what is in them.

import { StoreError } from "../../errors.ts";
import type { RequestMemory } from "./request-memory.ts";

/** What is in front of a message, in bytes. */
export const PREFIX_BYTES = 5;

/** Smaller parts of what has come are copied, as each would keep all of it. */
const COPIED_PART = 1 / 4;

/** A message as it came. */
export interface RawMessage {
  readonly isCompressed: boolean;
  readonly bytes: Buffer;
}

/** What messages are read with. */
export interface MessageReaderConfig {
  /** The largest message. */
  readonly bytesMax: number;
  readonly memory: RequestMemory;
  readonly onMessage: (message: RawMessage) => void;
}

/** The messages of a stream. */
export class MessageReader {
  readonly #config: MessageReaderConfig;
  /** What there is of one whose end has not come, and how long it is with what is in front; 0 is not known. */
  #parts: Buffer[] = [];
  #partBytes = 0;
  #wholeBytes = 0;

  constructor(config: MessageReaderConfig) {
    this.#config = config;
  }

  /** Whether some of a message is there. */
  get isWithin(): boolean {
    return this.#partBytes > 0;
  }

  /** @throws StoreError REQUEST_TOO_LARGE, INVALID_FIELD, OVERLOADED */
  read(bytes: Buffer, start: number, end: number): void {
    let at = start;
    while (at < end) {
      if (this.#partBytes === 0 && end - at >= PREFIX_BYTES) {
        const whole = this.#lengthAt(bytes, at);
        if (at + whole <= end) {
          this.#tell(bytes, at, at + whole);
          at += whole;
          continue;
        }
      }
      at = this.#keep(bytes, at, end);
    }
  }

  /** Forgets what is there. */
  drop(): void {
    this.#config.memory.giveBack(this.#partBytes);
    this.#parts = [];
    this.#partBytes = 0;
    this.#wholeBytes = 0;
  }

  /** Keeps a part of a message; returns where what is after it begins. */
  #keep(bytes: Buffer, start: number, end: number): number {
    const wanted = this.#wholeBytes === 0 ? PREFIX_BYTES : this.#wholeBytes;
    const to = Math.min(end, start + wanted - this.#partBytes);
    this.#config.memory.take(to - start);
    const part = bytes.subarray(start, to);
    this.#parts.push(part.length < bytes.length * COPIED_PART ? Buffer.from(part) : part);
    this.#partBytes += part.length;
    if (this.#partBytes < wanted) return to;
    if (this.#wholeBytes === 0) {
      const prefix = Buffer.concat(this.#parts);
      this.#parts = [prefix];
      this.#wholeBytes = this.#lengthAt(prefix, 0);
    }
    if (this.#partBytes === this.#wholeBytes) {
      const whole = Buffer.concat(this.#parts, this.#wholeBytes);
      this.drop();
      this.#tell(whole, 0, whole.length);
    }
    return to;
  }

  /** The length of a message with what is in front of it. */
  #lengthAt(bytes: Buffer, at: number): number {
    const length = bytes.readUInt32BE(at + 1);
    const { bytesMax } = this.#config;
    if (length <= bytesMax) return PREFIX_BYTES + length;
    const message = `the request has ${length} bytes, and ${bytesMax} are taken`;
    throw new StoreError("REQUEST_TOO_LARGE", message);
  }

  #tell(bytes: Buffer, start: number, end: number): void {
    const compressed = bytes[start] as number;
    if (compressed > 1) throw new StoreError("INVALID_FIELD", "the request is not framed as gRPC");
    this.#config.onMessage({
      isCompressed: compressed === 1,
      bytes: bytes.subarray(start + PREFIX_BYTES, end),
    });
  }
}
