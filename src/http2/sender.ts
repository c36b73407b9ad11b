// Sends what streams have to send, as far as the windows of RFC 9113 section 6.9 and the socket let it: at once
// if nothing is in the way, and otherwise one frame of each stream in turn. Must not know what comes in.

import { EMPTY_TABLE } from "./hpack/encoder.ts";
import { SOCKET_BYTES_MAX } from "./limits.ts";
import type { Output } from "./output.ts";
import { Flag, FRAME_BYTES_MAX, FrameType, WINDOW_BYTES } from "./protocol.ts";
import type { Http2Stream, StreamSender } from "./stream.ts";

const NO_BYTES = Buffer.alloc(0);

/** The sending part of a connection. */
export class Sender implements StreamSender {
  readonly #output: Output;
  readonly #onDataSent: () => void;
  /** Section 6.9.1: what all streams together may send. */
  #window = WINDOW_BYTES;
  /** Those that can send, and those that wait for the window of the connection. */
  #ready: Http2Stream[] = [];
  #starved: Http2Stream[] = [];
  #mustEmptyTable = false;

  constructor(output: Output, onDataSent: () => void) {
    this.#output = output;
    this.#onDataSent = onDataSent;
  }

  get window(): number {
    return this.#window;
  }

  /** RFC 7541 section 4.2: the next block says that we use no table. */
  emptyTable(): void {
    this.#mustEmptyTable = true;
  }

  /** More may be sent, by all. */
  widen(bytes: number): void {
    this.#window += bytes;
    if (this.#starved.length === 0) return;
    this.#ready.push(...this.#starved);
    this.#starved = [];
    this.pump();
  }

  /** More may be sent by the stream. */
  resume(stream: Http2Stream): void {
    if (stream.pending.length === 0) return;
    this.#enqueue(stream);
    this.pump();
  }

  fields(stream: Http2Stream, block: Buffer, isEnd: boolean): void {
    if (stream.pending.length > 0 || !this.#hasRoom()) {
      stream.pending.push({ kind: "fields", block, isEnd });
      this.#enqueue(stream);
      this.pump();
      return;
    }
    this.#writeFields(stream, block, isEnd);
  }

  data(stream: Http2Stream, head: Buffer, body: Buffer): void {
    if (this.#canSend(stream, head.length + body.length)) {
      this.#writeData(stream, head, body, 0, body.length);
      return;
    }
    this.#keep(stream, head, body);
    this.#enqueue(stream);
    this.pump();
  }

  respond(stream: Http2Stream, fields: Buffer, head: Buffer, body: Buffer, trailers: Buffer): void {
    if (!this.#canSend(stream, head.length + body.length)) {
      this.fields(stream, fields, false);
      this.#keep(stream, head, body);
      this.fields(stream, trailers, true);
      return;
    }
    this.#writeFields(stream, fields, false);
    this.#writeData(stream, head, body, 0, body.length);
    this.#writeFields(stream, trailers, true);
  }

  /** Forgets what a stream has not sent. */
  drop(stream: Http2Stream): void {
    stream.pending.length = 0;
    stream.pendingBytes = 0;
  }

  /** Sends what can be sent. */
  pump(): void {
    while (this.#ready.length > 0 && this.#hasRoom()) {
      const line = this.#ready;
      this.#ready = [];
      for (const [index, stream] of line.entries()) {
        if (!this.#hasRoom()) {
          this.#ready = [...line.slice(index), ...this.#ready];
          return;
        }
        this.#advance(stream);
      }
    }
  }

  #hasRoom(): boolean {
    return this.#output.pendingBytes < SOCKET_BYTES_MAX;
  }

  #canSend(stream: Http2Stream, bytes: number): boolean {
    return (
      stream.pending.length === 0 &&
      bytes <= FRAME_BYTES_MAX &&
      bytes <= stream.sendWindow &&
      bytes <= this.#window &&
      this.#hasRoom()
    );
  }

  /** What is kept is one buffer: its head may be changed. */
  #keep(stream: Http2Stream, head: Buffer, body: Buffer): void {
    const bytes = Buffer.concat([head, body]);
    stream.pending.push({ kind: "data", bytes, sent: 0 });
    stream.pendingBytes += bytes.length;
  }

  #enqueue(stream: Http2Stream): void {
    if (stream.isQueued) return;
    stream.isQueued = true;
    this.#ready.push(stream);
  }

  /** Sends fields and at most one frame of data of a stream whose turn it is. */
  #advance(stream: Http2Stream): void {
    stream.isQueued = false;
    for (let next = stream.pending[0]; next; next = stream.pending[0]) {
      if (next.kind === "fields") {
        stream.pending.shift();
        this.#writeFields(stream, next.block, next.isEnd);
        continue;
      }
      const rest = next.bytes.length - next.sent;
      const bytes = Math.min(rest, FRAME_BYTES_MAX, stream.sendWindow, this.#window);
      if (bytes <= 0 && rest > 0) {
        // A window of its own is told to resume().
        if (stream.sendWindow > 0) {
          stream.isQueued = true;
          this.#starved.push(stream);
        }
        return;
      }
      this.#writeData(stream, NO_BYTES, next.bytes, next.sent, next.sent + bytes);
      next.sent += bytes;
      stream.pendingBytes -= bytes;
      if (next.sent < next.bytes.length) {
        this.#enqueue(stream);
        return;
      }
      stream.pending.shift();
      stream.listener?.onRoom();
    }
  }

  #writeData(stream: Http2Stream, head: Buffer, body: Buffer, start: number, end: number): void {
    const bytes = head.length + end - start;
    this.#output.frame(FrameType.DATA, 0, stream.id, bytes);
    this.#output.bytes(head);
    this.#output.bytes(body, start, end);
    stream.sendWindow -= bytes;
    this.#window -= bytes;
    stream.sentBytes += bytes;
    this.#onDataSent();
  }

  /** Section 6.10: what does not fit into HEADERS goes on in CONTINUATION. */
  #writeFields(stream: Http2Stream, given: Buffer, isEnd: boolean): void {
    const block = this.#mustEmptyTable ? Buffer.concat([EMPTY_TABLE, given]) : given;
    this.#mustEmptyTable = false;
    const first = Math.min(block.length, FRAME_BYTES_MAX);
    const flags = (isEnd ? Flag.END_STREAM : 0) | (first === block.length ? Flag.END_HEADERS : 0);
    this.#output.frame(FrameType.HEADERS, flags, stream.id, first);
    this.#output.bytes(block, 0, first);
    for (let at = first; at < block.length; at += FRAME_BYTES_MAX) {
      const end = Math.min(at + FRAME_BYTES_MAX, block.length);
      const isLast = end === block.length;
      this.#output.frame(
        FrameType.CONTINUATION,
        isLast ? Flag.END_HEADERS : 0,
        stream.id,
        end - at,
      );
      this.#output.bytes(block, at, end);
    }
    if (isEnd) {
      stream.endLocal();
      stream.owner.onLocalEnd(stream);
    }
  }
}
