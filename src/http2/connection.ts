// The server's side of an HTTP/2 connection, RFC 9113: takes what comes from a socket, and ends what breaks the
// protocol or asks too much. Must not know what is served.

import type { Socket } from "node:net";
import { Budget } from "./budget.ts";
import { ConnectionClock } from "./connection-clock.ts";
import { type Abuse, ConnectionError, tooMuch } from "./connection-error.ts";
import { FrameReader } from "./frame-reader.ts";
import {
  CONNECTION_WINDOW_BYTES,
  type ConnectionLimits,
  GOAWAY_PING_MS,
  IDLE_FRAMES_PER_DATA,
  LAST_WORDS_MS,
  SOCKET_BYTES_FLOOD,
  STREAM_WINDOW_BYTES,
} from "./limits.ts";
import { Output } from "./output.ts";
import { Preface } from "./preface.ts";
import {
  ErrorCode,
  Flag,
  FrameType,
  GOAWAY_BYTES,
  HEADER_TABLE_BYTES,
  PING_BYTES,
  SETTING_BYTES,
  Setting,
  STREAM_ID_MAX,
  WINDOW_BYTES,
} from "./protocol.ts";
import { Sender } from "./sender.ts";
import { initialSettings, readSettings, writeSettings } from "./settings.ts";
import type { Http2Stream } from "./stream.ts";
import { type RequestHandler, Streams } from "./streams.ts";

/** What a connection is served with. */
export interface ConnectionConfig<Head> {
  readonly handler: RequestHandler<Head>;
  readonly limits: ConnectionLimits;
  /** The peer has asked too much, and the connection is ended for it. */
  readonly onAbuse: (what: Abuse) => void;
  /** Something is wrong with us. */
  readonly onFailure: (error: unknown) => void;
  readonly onClose: () => void;
}

type State = "preface" | "settings" | "open" | "leaving" | "failed" | "closed";

/** What the PINGs that we send say, so that their answers are known. */
const KEEPALIVE = Buffer.from("keepaliv");
const LEAVE = Buffer.from("leaving.");

/** A connection. */
export class Connection<Head> {
  readonly socket: Socket;
  readonly #config: ConnectionConfig<Head>;
  readonly #output: Output;
  readonly #sender: Sender;
  readonly #streams: Streams<Head>;
  readonly #reader: FrameReader;
  readonly #clock: ConnectionClock;
  readonly #idleFrames: Budget;
  readonly #peer = initialSettings();
  readonly #preface = new Preface();
  #state: State = "preface";
  #hasPeerLeft = false;
  /** When the last GOAWAY is sent though nobody has answered. */
  #leaveBy: number | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(socket: Socket, config: ConnectionConfig<Head>) {
    this.socket = socket;
    this.#config = config;
    this.#output = new Output(socket);
    this.#idleFrames = new Budget(config.limits.idleFrames);
    this.#sender = new Sender(this.#output, () => this.#idleFrames.give(IDLE_FRAMES_PER_DATA));
    this.#streams = new Streams(
      {
        handler: config.handler,
        output: this.#output,
        sender: this.#sender,
        limits: config.limits,
        onIdleFrame: () => this.#countIdleFrame(),
        onNone: () => this.#endIfLeft(),
      },
      WINDOW_BYTES,
    );
    this.#reader = new FrameReader((type, flags, id, bytes, start, end) =>
      this.#onFrame(type, flags, id, bytes, start, end),
    );
    this.#clock = new ConnectionClock(config.limits);
    socket.setNoDelay(true);
    socket.on("data", (chunk: Buffer) => this.#onChunk(chunk));
    socket.on("drain", () => this.#sender.pump());
    // Whatever it is, "close" follows.
    socket.on("error", () => {});
    socket.once("close", () => this.#onClose());
    this.#greet();
  }

  /** Its streams that are open. */
  streams(): Iterable<Http2Stream> {
    return this.#streams.values();
  }

  /** To be called now and then. */
  look(nowMs: number): void {
    if (this.#state === "closed" || this.#state === "failed") return;
    const due = this.#clock.look({
      nowMs,
      hasSettings: this.#state === "open" || this.#state === "leaving",
      streams: this.#streams.count,
      blockSinceMs: this.#streams.assembly?.sinceMs,
    });
    if (due === "ping") this.#write(FrameType.PING, 0, KEEPALIVE);
    else if (due === "leave") this.leave();
    else if (due === "end") this.socket.destroy();
    else if (due === "end: silent") {
      this.#fail(tooMuch("silence", "the client is silent"));
    }
    if (this.#leaveBy !== undefined && nowMs >= this.#leaveBy) this.#refuseMore();
  }

  /**
   * Asks the client to go, section 6.8: at first without a last stream, and once it must have heard that, with the
   * last one that has come until then.
   */
  leave(): void {
    if (this.#state === "preface" || this.#state === "settings") {
      this.socket.end();
      return;
    }
    if (this.#state !== "open") return;
    this.#state = "leaving";
    this.#goAway(STREAM_ID_MAX, ErrorCode.NO_ERROR, "");
    this.#write(FrameType.PING, 0, LEAVE);
    this.#leaveBy = performance.now() + GOAWAY_PING_MS;
  }

  /** Ends it as one that asks too much, which only its user knows. */
  refuse(abuse: Abuse): void {
    this.#fail(tooMuch(abuse, "too much is asked"));
  }

  /** How large a list of fields may be is not said: who sends a larger one is to be answered with more than a word. */
  #greet(): void {
    const { concurrentStreams } = this.#config.limits;
    this.#write(
      FrameType.SETTINGS,
      0,
      writeSettings([
        [Setting.MAX_CONCURRENT_STREAMS, concurrentStreams],
        [Setting.INITIAL_WINDOW_SIZE, STREAM_WINDOW_BYTES],
      ]),
    );
    const more = CONNECTION_WINDOW_BYTES - WINDOW_BYTES;
    this.#output.number(FrameType.WINDOW_UPDATE, 0, more);
  }

  #onChunk(chunk: Buffer): void {
    this.#clock.hasHeard = true;
    try {
      const from = this.#state === "preface" ? this.#preface.read(chunk) : 0;
      if (this.#state === "preface" && this.#preface.isWhole) this.#state = "settings";
      if (this.#canRead()) this.#reader.read(from === 0 ? chunk : chunk.subarray(from));
    } catch (error) {
      this.#fail(error);
    }
  }

  #canRead(): boolean {
    return this.#state === "open" || this.#state === "leaving" || this.#state === "settings";
  }

  /** @returns whether there may be more. */
  #onFrame(
    type: number,
    flags: number,
    id: number,
    bytes: Buffer,
    start: number,
    end: number,
  ): boolean {
    if (this.#state === "settings" && (type !== FrameType.SETTINGS || flags & Flag.ACK)) {
      throw broken("the first frame is not SETTINGS");
    }
    if (this.#streams.assembly && type !== FrameType.CONTINUATION) {
      throw broken("a header block is interrupted");
    }
    switch (type) {
      case FrameType.HEADERS:
        this.#streams.onHeaders(flags, id, bytes, start, end);
        break;
      case FrameType.DATA:
        this.#streams.onData(flags, id, bytes, start, end);
        break;
      case FrameType.WINDOW_UPDATE:
        this.#streams.onWindowUpdate(id, bytes, start, end);
        break;
      case FrameType.RST_STREAM:
        this.#streams.onReset(id, start, end);
        break;
      case FrameType.CONTINUATION:
        this.#streams.onContinuation(flags, id, bytes, start, end);
        break;
      case FrameType.PRIORITY:
        this.#streams.onPriority(id, bytes, start, end);
        break;
      case FrameType.SETTINGS:
        this.#onSettings(flags, id, bytes, start, end);
        break;
      case FrameType.PING:
        this.#onPing(flags, id, bytes, start, end);
        break;
      case FrameType.GOAWAY:
        this.#onGoAway(id, start, end);
        break;
      case FrameType.PUSH_PROMISE:
        throw broken("a client cannot push");
      default:
        // Section 4.1: those of unknown types are ignored.
        this.#countIdleFrame();
    }
    if (this.#output.pendingBytes > SOCKET_BYTES_FLOOD) {
      throw tooMuch("unread output", "what is written is not read");
    }
    return this.#canRead();
  }

  #onSettings(flags: number, id: number, bytes: Buffer, start: number, end: number): void {
    if (id !== 0) throw broken("SETTINGS of a stream");
    const isAck = (flags & Flag.ACK) !== 0;
    if (isAck ? end > start : (end - start) % SETTING_BYTES !== 0) {
      throw new ConnectionError(ErrorCode.FRAME_SIZE_ERROR, "a SETTINGS is of a wrong size");
    }
    this.#countIdleFrame();
    if (isAck) return;
    readSettings(this.#peer, bytes, start, end);
    if (this.#peer.headerTableBytes < HEADER_TABLE_BYTES) {
      // Once is enough: it stays empty.
      this.#peer.headerTableBytes = Number.POSITIVE_INFINITY;
      this.#sender.emptyTable();
    }
    // In front of the data that it may let go.
    this.#write(FrameType.SETTINGS, Flag.ACK, Buffer.alloc(0));
    this.#streams.setSendWindow(this.#peer.windowBytes);
    if (this.#state === "settings") this.#state = "open";
  }

  #onPing(flags: number, id: number, bytes: Buffer, start: number, end: number): void {
    if (id !== 0) throw broken("PING of a stream");
    if (end - start !== PING_BYTES) {
      throw new ConnectionError(ErrorCode.FRAME_SIZE_ERROR, "a PING is of a wrong size");
    }
    this.#countIdleFrame();
    const payload = bytes.subarray(start, end);
    if (!(flags & Flag.ACK)) this.#write(FrameType.PING, Flag.ACK, payload);
    else if (this.#leaveBy !== undefined && LEAVE.equals(payload)) this.#refuseMore();
  }

  /** The client is about to go: what it calls for until then goes on. */
  #onGoAway(id: number, start: number, end: number): void {
    if (id !== 0) throw broken("GOAWAY of a stream");
    if (end - start < GOAWAY_BYTES) {
      throw new ConnectionError(ErrorCode.FRAME_SIZE_ERROR, "a GOAWAY is of a wrong size");
    }
    this.#countIdleFrame();
    this.#hasPeerLeft = true;
    this.#endIfLeft();
  }

  #refuseMore(): void {
    this.#leaveBy = undefined;
    if (this.#streams.isClosed) return;
    this.#streams.isClosed = true;
    this.#goAway(this.#streams.lastId, ErrorCode.NO_ERROR, "");
    this.#endIfLeft();
  }

  /** Ends the connection once nothing is left of it, if one of the two is to go. */
  #endIfLeft(): void {
    if (this.#streams.count > 0 || this.#state === "failed" || this.#state === "closed") return;
    if (this.#hasPeerLeft && !this.#streams.isClosed) {
      this.#state = "leaving";
      this.#refuseMore();
      return;
    }
    if (!this.#streams.isClosed) return;
    this.#output.flush();
    this.socket.end();
  }

  #countIdleFrame(): void {
    if (this.#idleFrames.take()) return;
    throw tooMuch("idle frames", "too many frames do no work");
  }

  /** Section 5.4.1: the client is told why. */
  #fail(error: unknown): void {
    if (this.#state === "closed" || this.#state === "failed") return;
    this.#state = "failed";
    if (error instanceof ConnectionError) {
      if (error.abuse) this.#config.onAbuse(error.abuse);
      this.#goAway(this.#streams.lastId, error.code, error.message);
    } else {
      this.#config.onFailure(error);
      this.#goAway(this.#streams.lastId, ErrorCode.INTERNAL_ERROR, "");
    }
    this.#output.flush();
    this.#streams.closeAll();
    this.socket.end();
    // What still comes is read and thrown away: the system would not send the last words otherwise.
    this.#timer = setTimeout(() => this.socket.destroy(), LAST_WORDS_MS).unref();
  }

  #goAway(lastId: number, code: number, message: string): void {
    const payload = Buffer.alloc(GOAWAY_BYTES + message.length);
    payload.writeUInt32BE(lastId, 0);
    payload.writeUInt32BE(code, 4);
    payload.write(message, GOAWAY_BYTES, "latin1");
    this.#write(FrameType.GOAWAY, 0, payload);
  }

  #write(type: number, flags: number, payload: Uint8Array): void {
    this.#output.frame(type, flags, 0, payload.length);
    this.#output.bytes(payload);
  }

  #onClose(): void {
    this.#state = "closed";
    clearTimeout(this.#timer);
    this.#streams.closeAll();
    this.#config.onClose();
  }
}

function broken(message: string): ConnectionError {
  return new ConnectionError(ErrorCode.PROTOCOL_ERROR, message);
}
