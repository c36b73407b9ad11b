// What is written to a socket: frames are put into one buffer, which is written once in a turn of the event
// loop. Must not know windows nor streams.

import type { Socket } from "node:net";
import { FRAME_HEAD_BYTES, type FrameType } from "./protocol.ts";

const BUFFER_BYTES = 64 * 1024;
/** So many buffers are kept to be used again, by all connections together. */
const SPARE_BUFFERS_MAX = 16;

const spares: Buffer[] = [];
let waiting: Output[] = [];

function flushAll(): void {
  const outputs = waiting;
  waiting = [];
  for (const output of outputs) output.flush();
}

/** The output of a connection. */
export class Output {
  readonly #socket: Socket;
  /** Those that are full. */
  #full: Buffer[] = [];
  #fullBytes = 0;
  #buffer: Buffer | undefined;
  #used = 0;
  #isWaiting = false;
  /** Those that the socket has and may not have written yet, in their order. */
  readonly #written: Buffer[] = [];
  readonly #onWritten = () => {
    const buffer = this.#written.shift();
    const isSpare = buffer?.length === BUFFER_BYTES && spares.length < SPARE_BUFFERS_MAX;
    if (isSpare) spares.push(buffer);
  };

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** The bytes that the socket has not taken yet. */
  get pendingBytes(): number {
    return this.#socket.writableLength + this.#fullBytes + this.#used;
  }

  /** Begins a frame; so many bytes of its payload must follow. */
  frame(type: number, flags: number, streamId: number, length: number): void {
    const buffer = this.#reserve(FRAME_HEAD_BYTES + length);
    const at = this.#used;
    buffer[at] = length >> 16;
    buffer[at + 1] = length >> 8;
    buffer[at + 2] = length;
    buffer[at + 3] = type;
    buffer[at + 4] = flags;
    buffer[at + 5] = streamId >> 24;
    buffer[at + 6] = streamId >> 16;
    buffer[at + 7] = streamId >> 8;
    buffer[at + 8] = streamId;
    this.#used = at + FRAME_HEAD_BYTES;
  }

  /** Goes on with the payload of the frame: those of the bytes from `start` to `end`. */
  bytes(bytes: Uint8Array, start = 0, end = bytes.length): void {
    const buffer = this.#buffer as Buffer;
    // A copy of a few bytes costs more to set up than to do.
    if (end - start <= 32) {
      for (let from = start, to = this.#used; from < end; from++, to++) {
        buffer[to] = bytes[from] as number;
      }
    } else if (start === 0 && end === bytes.length) buffer.set(bytes, this.#used);
    else buffer.set(bytes.subarray(start, end), this.#used);
    this.#used += end - start;
  }

  /** A whole frame with a number in it: RST_STREAM and WINDOW_UPDATE are so. */
  number(
    type: typeof FrameType.RST_STREAM | typeof FrameType.WINDOW_UPDATE,
    streamId: number,
    value: number,
  ) {
    this.frame(type, 0, streamId, 4);
    (this.#buffer as Buffer).writeUInt32BE(value, this.#used);
    this.#used += 4;
  }

  /** Writes now what there is. */
  flush(): void {
    this.#isWaiting = false;
    const buffer = this.#buffer;
    if (!buffer) return;
    const socket = this.#socket;
    if (this.#full.length > 0) socket.cork();
    for (const full of this.#full) this.#write(full, full.length);
    this.#write(buffer, this.#used);
    if (this.#full.length > 0) socket.uncork();
    this.#full = [];
    this.#fullBytes = 0;
    this.#buffer = undefined;
    this.#used = 0;
  }

  #write(buffer: Buffer, used: number): void {
    this.#written.push(buffer);
    const bytes = used === buffer.length ? buffer : buffer.subarray(0, used);
    this.#socket.write(bytes, this.#onWritten);
  }

  #reserve(bytes: number): Buffer {
    const buffer = this.#buffer;
    if (buffer && this.#used + bytes <= buffer.length) return buffer;
    if (buffer) {
      this.#full.push(this.#used === buffer.length ? buffer : buffer.subarray(0, this.#used));
      this.#fullBytes += this.#used;
    } else if (!this.#isWaiting) {
      this.#isWaiting = true;
      if (waiting.length === 0) setImmediate(flushAll);
      waiting.push(this);
    }
    this.#used = 0;
    this.#buffer = spares.pop() ?? Buffer.allocUnsafeSlow(BUFFER_BYTES);
    return this.#buffer;
  }
}
