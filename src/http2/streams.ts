// The streams of a connection and the frames that are for them: RFC 9113 sections 5.1, 6.1 to 6.4, 6.9 and 6.10.
// Must not know what streams carry, nor how a connection ends.

import { Budget } from "./budget.ts";
import { ConnectionError, tooMuch } from "./connection-error.ts";
import { HeaderAssembly } from "./header-assembly.ts";
import { type HeaderBlock, HeaderBlocks } from "./header-blocks.ts";
import type { FieldList } from "./hpack/decoder.ts";
import {
  CONNECTION_WINDOW_BYTES,
  type ConnectionLimits,
  RESET_STREAMS_MAX,
  STREAM_WINDOW_BYTES,
} from "./limits.ts";
import type { Output } from "./output.ts";
import { contentEnd, contentStart, dependencyAt } from "./payload.ts";
import {
  CODE_BYTES,
  ErrorCode,
  Flag,
  FrameType,
  PRIORITY_BYTES,
  WINDOW_BYTES_MAX,
} from "./protocol.ts";
import { areGoodTrailers, type Request } from "./request.ts";
import type { Sender } from "./sender.ts";
import { Http2Stream, type StreamOwner } from "./stream.ts";

/** Takes requests. It must not throw. */
export interface RequestHandler<Head> {
  /** What is kept of a request; called once for requests that are the same. */
  readHead(request: Request): Head;
  /** A request has come, or the beginning of one: the stream's listener is to be set. */
  onRequest(stream: Http2Stream, head: Head): void;
  /** One whose fields are more than the limit, of which there are only the first. */
  onTooLarge(stream: Http2Stream, fields: FieldList): void;
}

/** What streams are made with. */
export interface StreamsConfig<Head> {
  readonly handler: RequestHandler<Head>;
  readonly output: Output;
  readonly sender: Sender;
  readonly limits: Pick<ConnectionLimits, "concurrentStreams" | "headerListBytes" | "earlyEnds">;
  /** A frame that does no work. */
  readonly onIdleFrame: () => void;
  /** There are no streams any more. */
  readonly onNone: () => void;
}

/** The streams of a connection. */
export class Streams<Head> implements StreamOwner {
  readonly sender: Sender;
  /** The last one that was taken. */
  lastId = 0;
  /** Whether streams that come now are ignored: their client was told so. */
  isClosed = false;
  readonly #config: StreamsConfig<Head>;
  readonly #output: Output;
  readonly #blocks: HeaderBlocks<Head>;
  readonly #open = new Map<number, Http2Stream>();
  /** Those that we have reset, the oldest first: frames for them may be on their way. */
  readonly #reset = new Set<number>();
  readonly #earlyEnds: Budget;
  #assembly: HeaderAssembly | undefined;
  #sendWindow = 0;
  #receiveWindow = CONNECTION_WINDOW_BYTES;

  constructor(config: StreamsConfig<Head>, sendWindow: number) {
    this.#config = config;
    this.#output = config.output;
    this.sender = config.sender;
    this.#sendWindow = sendWindow;
    const { handler, limits } = config;
    this.#earlyEnds = new Budget(limits.earlyEnds);
    this.#blocks = new HeaderBlocks(limits.headerListBytes, (request) => handler.readHead(request));
  }

  get count(): number {
    return this.#open.size;
  }

  values(): Iterable<Http2Stream> {
    return this.#open.values();
  }

  /** The header block whose end has not come, if there is one. */
  get assembly(): HeaderAssembly | undefined {
    return this.#assembly;
  }

  onHeaders(flags: number, id: number, bytes: Buffer, start: number, end: number) {
    // Section 5.1.1: a client's streams have odd numbers.
    if ((id & 1) === 0) throw broken("HEADERS of a stream that no client can have");
    const from = contentStart(FrameType.HEADERS, flags, start, end);
    const to = contentEnd(flags, bytes, start, end);
    if (to < from) throw broken("too much padding");
    const dependsOn = flags & Flag.PRIORITY ? dependencyAt(bytes, from - PRIORITY_BYTES) : 0;
    if (dependsOn === id) throw broken("a stream depends on itself");
    if (flags & Flag.END_HEADERS) return this.#onBlock(flags, id, bytes, from, to);
    this.#assembly = new HeaderAssembly(id, flags);
    this.#assembly.add(bytes, from, to);
  }

  onContinuation(flags: number, id: number, bytes: Buffer, start: number, end: number): void {
    const assembly = this.#assembly;
    if (assembly?.streamId !== id) throw broken("CONTINUATION of no header block");
    this.#config.onIdleFrame();
    assembly.add(bytes, start, end);
    if (!(flags & Flag.END_HEADERS)) return;
    this.#assembly = undefined;
    const block = assembly.whole();
    this.#onBlock(assembly.flags, id, block, 0, block.length);
  }

  onData(flags: number, id: number, bytes: Buffer, start: number, end: number) {
    this.#throwIfIdle(id);
    const length = end - start;
    this.#receive(length);
    const from = contentStart(FrameType.DATA, flags, start, end);
    const to = contentEnd(flags, bytes, start, end);
    if (to < from) throw broken("too much padding");
    const isEnd = (flags & Flag.END_STREAM) !== 0;
    if (to === from && !isEnd) this.#config.onIdleFrame();
    const stream = this.#open.get(id);
    if (!stream) return this.#throwIfEnded(id);
    if (stream.isRemoteEnded) return this.reset(stream, ErrorCode.STREAM_CLOSED);
    stream.receiveWindow -= length;
    if (stream.receiveWindow < 0) return this.reset(stream, ErrorCode.FLOW_CONTROL_ERROR);
    if (length > to - from) this.giveWindow(stream, length - (to - from));
    if (stream.contentBytes !== undefined) {
      stream.contentBytes -= to - from;
      const isWrong = stream.contentBytes < 0 || (isEnd && stream.contentBytes > 0);
      if (isWrong) return this.reset(stream, ErrorCode.PROTOCOL_ERROR);
    }
    if (to > from) stream.listener?.onData(bytes, from, to);
    if (isEnd) this.#endRemote(stream);
  }

  onReset(id: number, start: number, end: number) {
    if (end - start !== CODE_BYTES) throw wrongSize("RST_STREAM");
    this.#throwIfIdle(id);
    const stream = this.#open.get(id);
    if (!stream) return this.#config.onIdleFrame();
    this.#forget(stream);
    this.#countEarlyEnd();
  }

  onWindowUpdate(id: number, bytes: Buffer, start: number, end: number) {
    if (end - start !== CODE_BYTES) throw wrongSize("WINDOW_UPDATE");
    this.#config.onIdleFrame();
    const more = bytes.readUInt32BE(start) & 0x7fff_ffff;
    if (id === 0) {
      if (more === 0) throw broken("a window is widened by nothing");
      if (this.sender.window + more > WINDOW_BYTES_MAX) throw tooWide();
      return this.sender.widen(more);
    }
    this.#throwIfIdle(id);
    const stream = this.#open.get(id);
    if (!stream) return;
    if (more === 0) return this.reset(stream, ErrorCode.PROTOCOL_ERROR);
    stream.sendWindow += more;
    if (stream.sendWindow > WINDOW_BYTES_MAX)
      return this.reset(stream, ErrorCode.FLOW_CONTROL_ERROR);
    this.sender.resume(stream);
  }

  /** RFC 9113 section 5.3.2: it means nothing any more. */
  onPriority(id: number, bytes: Buffer, start: number, end: number): void {
    if (id === 0) throw broken("PRIORITY of no stream");
    if (end - start !== PRIORITY_BYTES) throw wrongSize("PRIORITY");
    if (dependencyAt(bytes, start) === id) throw broken("a stream depends on itself");
    this.#config.onIdleFrame();
  }

  /** Section 6.9.2: the window of each stream changes by as much as that of new ones. */
  setSendWindow(bytes: number): void {
    const more = bytes - this.#sendWindow;
    this.#sendWindow = bytes;
    if (more === 0) return;
    for (const stream of this.#open.values()) {
      stream.sendWindow += more;
      if (stream.sendWindow > WINDOW_BYTES_MAX) throw tooWide();
      if (more > 0) this.sender.resume(stream);
    }
  }

  giveWindow(stream: Http2Stream, bytes: number): void {
    stream.readBytes += bytes;
    if (stream.readBytes < STREAM_WINDOW_BYTES / 2 || stream.isRemoteEnded) return;
    this.#output.number(FrameType.WINDOW_UPDATE, stream.id, stream.readBytes);
    stream.receiveWindow += stream.readBytes;
    stream.readBytes = 0;
  }

  /** What a client makes us reset counts as what it resets itself. */
  reset(stream: Http2Stream, code: ErrorCode): void {
    this.#writeReset(stream.id, code);
    this.#forget(stream);
    if (code !== ErrorCode.NO_ERROR && code !== ErrorCode.CANCEL) this.#countEarlyEnd();
  }

  /** Section 8.1: what the client still sends is not waited for. */
  onLocalEnd(stream: Http2Stream): void {
    if (!stream.isRemoteEnded) this.#writeReset(stream.id, ErrorCode.NO_ERROR);
    this.#forget(stream);
  }

  /** The connection is over. */
  closeAll(): void {
    for (const stream of [...this.#open.values()]) this.#forget(stream);
  }

  #onBlock(flags: number, id: number, bytes: Buffer, start: number, end: number) {
    const isEnd = (flags & Flag.END_STREAM) !== 0;
    const stream = this.#open.get(id);
    if (stream) {
      const fields = this.#blocks.readFields(bytes, start, end);
      if (stream.isRemoteEnded) return this.reset(stream, ErrorCode.STREAM_CLOSED);
      const isWrong = !isEnd || !areGoodTrailers(fields) || (stream.contentBytes ?? 0) > 0;
      return isWrong ? this.reset(stream, ErrorCode.PROTOCOL_ERROR) : this.#endRemote(stream);
    }
    if (id <= this.lastId || this.isClosed) {
      // What is ignored is read all the same: it may change the table.
      this.#blocks.readFields(bytes, start, end);
      return this.#throwIfEnded(id);
    }
    this.lastId = id;
    const block = this.#blocks.read(bytes, start, end);
    const opened = new Http2Stream(id, this, {
      send: this.#sendWindow,
      receive: STREAM_WINDOW_BYTES,
    });
    this.#begin(opened, block, isEnd);
  }

  #begin(stream: Http2Stream, block: HeaderBlock<Head>, isEnd: boolean) {
    if (this.#open.size >= this.#config.limits.concurrentStreams) {
      return this.reset(stream, ErrorCode.REFUSED_STREAM);
    }
    if (block.kind === "malformed") return this.reset(stream, ErrorCode.PROTOCOL_ERROR);
    this.#open.set(stream.id, stream);
    const { handler } = this.#config;
    if (isEnd) stream.endRemote();
    if (block.kind === "too large") return handler.onTooLarge(stream, block.fields);
    stream.contentBytes = block.request.contentBytes;
    if (isEnd && (stream.contentBytes ?? 0) > 0) {
      return this.reset(stream, ErrorCode.PROTOCOL_ERROR);
    }
    handler.onRequest(stream, block.head);
    if (isEnd && !stream.isLocalEnded) stream.listener?.onEnd();
  }

  #endRemote(stream: Http2Stream): void {
    // What came with its end may have closed it.
    if (stream.state === "closed") return;
    stream.endRemote();
    stream.listener?.onEnd();
  }

  /** Section 5.1: a client that has ended a stream sends no more for it; one that we have reset it may. */
  #throwIfEnded(id: number): void {
    if (this.#reset.has(id) || id > this.lastId) return;
    throw new ConnectionError(ErrorCode.STREAM_CLOSED, "a frame of a stream that is over");
  }

  /** Section 5.1: those that have not begun take nothing but HEADERS and PRIORITY. */
  #throwIfIdle(id: number): void {
    if (id === 0 || (id & 1) === 0) throw broken("a frame of a stream that no client can have");
    if (id > this.lastId && !this.isClosed) throw broken("a frame of a stream that is idle");
  }

  #receive(bytes: number): void {
    this.#receiveWindow -= bytes;
    if (this.#receiveWindow < 0) throw tooWide();
    const read = CONNECTION_WINDOW_BYTES - this.#receiveWindow;
    if (read < CONNECTION_WINDOW_BYTES / 2) return;
    this.#output.number(FrameType.WINDOW_UPDATE, 0, read);
    this.#receiveWindow = CONNECTION_WINDOW_BYTES;
  }

  #writeReset(id: number, code: ErrorCode): void {
    this.#output.number(FrameType.RST_STREAM, id, code);
    this.#reset.add(id);
    if (this.#reset.size <= RESET_STREAMS_MAX) return;
    for (const oldest of this.#reset) {
      this.#reset.delete(oldest);
      return;
    }
  }

  #forget(stream: Http2Stream): void {
    stream.state = "closed";
    this.sender.drop(stream);
    this.#open.delete(stream.id);
    stream.listener?.onClose();
    if (this.#open.size === 0) this.#config.onNone();
  }

  #countEarlyEnd(): void {
    if (this.#earlyEnds.take()) return;
    throw tooMuch("early ends", "too many streams end early");
  }
}

function broken(message: string): ConnectionError {
  return new ConnectionError(ErrorCode.PROTOCOL_ERROR, message);
}

function wrongSize(type: string): ConnectionError {
  return new ConnectionError(ErrorCode.FRAME_SIZE_ERROR, `a ${type} is of a wrong size`);
}

function tooWide(): ConnectionError {
  return new ConnectionError(ErrorCode.FLOW_CONTROL_ERROR, "a window is overrun");
}
