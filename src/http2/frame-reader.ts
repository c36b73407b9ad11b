// Cuts what comes into frames, RFC 9113 section 4.1. A frame that comes whole is not copied.
// Must not know what is in a frame.

import { ConnectionError } from "./connection-error.ts";
import { ErrorCode, FRAME_BYTES_MAX, FRAME_HEAD_BYTES } from "./protocol.ts";

/** Takes a frame, whose payload is in `bytes` from `start` to `end`. @returns false to be given no more. */
export type OnFrame = (
  type: number,
  flags: number,
  streamId: number,
  bytes: Buffer,
  start: number,
  end: number,
) => boolean;

/** The frames of a connection. */
export class FrameReader {
  readonly #onFrame: OnFrame;
  /** The beginning of a frame whose end has not come. */
  #part: Buffer | undefined;
  #partBytes = 0;

  constructor(onFrame: OnFrame) {
    this.#onFrame = onFrame;
  }

  /** @throws ConnectionError FRAME_SIZE_ERROR, and what the one who takes the frames throws. */
  read(chunk: Buffer): void {
    let at = 0;
    if (this.#part) {
      at = this.#complete(this.#part, chunk);
      if (at < 0) return;
    }
    while (chunk.length - at >= FRAME_HEAD_BYTES) {
      const end = at + FRAME_HEAD_BYTES + lengthAt(chunk, at);
      if (end > chunk.length) break;
      if (!this.#emit(chunk, at, end)) return;
      at = end;
    }
    if (at < chunk.length) this.#keep(chunk, at);
  }

  /** Where the chunk goes on after the frame; less than 0 if there is no more to read. */
  #complete(part: Buffer, chunk: Buffer): number {
    let at = 0;
    if (this.#partBytes < FRAME_HEAD_BYTES) {
      at = this.#fill(part, chunk, 0, FRAME_HEAD_BYTES);
      if (this.#partBytes < FRAME_HEAD_BYTES) return -1;
    }
    const end = FRAME_HEAD_BYTES + lengthAt(part, 0);
    const whole = part.length >= end ? part : this.#grow(part, end);
    at = this.#fill(whole, chunk, at, end);
    if (this.#partBytes < end) return -1;
    this.#part = undefined;
    this.#partBytes = 0;
    return this.#emit(whole, 0, end) ? at : -1;
  }

  #grow(part: Buffer, bytes: number): Buffer {
    const grown = Buffer.allocUnsafe(bytes);
    part.copy(grown, 0, 0, this.#partBytes);
    this.#part = grown;
    return grown;
  }

  #fill(part: Buffer, chunk: Buffer, at: number, until: number): number {
    const count = chunk.copy(part, this.#partBytes, at, at + until - this.#partBytes);
    this.#partBytes += count;
    return at + count;
  }

  #keep(chunk: Buffer, at: number): void {
    const isHeadThere = chunk.length - at >= FRAME_HEAD_BYTES;
    const bytes = FRAME_HEAD_BYTES + (isHeadThere ? lengthAt(chunk, at) : 0);
    this.#part = Buffer.allocUnsafe(bytes);
    this.#partBytes = chunk.copy(this.#part, 0, at);
  }

  #emit(bytes: Buffer, at: number, end: number): boolean {
    const type = bytes[at + 3] as number;
    const flags = bytes[at + 4] as number;
    // The first bit of the number is reserved, and ignored.
    const streamId = bytes.readUInt32BE(at + 5) & 0x7fff_ffff;
    return this.#onFrame(type, flags, streamId, bytes, at + FRAME_HEAD_BYTES, end);
  }
}

/** Section 4.2: a frame that is too large is an error of the connection before it is there. */
function lengthAt(bytes: Buffer, at: number): number {
  const length = bytes.readUIntBE(at, 3);
  if (length <= FRAME_BYTES_MAX) return length;
  throw new ConnectionError(ErrorCode.FRAME_SIZE_ERROR, "a frame is too large");
}
