// A call by our own transport: what its stream tells goes to who answers it, and the answer into its stream.
// Must not know how it is answered, nor whether there is room for it.

import { StoreError } from "../../errors.ts";
import { ErrorCode } from "../../http2/protocol.ts";
import type { Http2Stream, StreamListener } from "../../http2/stream.ts";
import type { CallStatus } from "../error-status.ts";
import type { Peer } from "../peers.ts";
import type { Method } from "../transport.ts";
import type {
  AnswerCall,
  AnswerStreamCall,
  RequestCall,
  RequestStreamCall,
  UnreadAnswers,
} from "../transport-call.ts";
import { failureBlock, failureOnlyBlock, headersBlock, trailersBlock } from "./answer-blocks.ts";
import { IncomingMessages } from "./incoming-messages.ts";
import { PREFIX_BYTES } from "./message-reader.ts";
import type { RequestHead } from "./request-head.ts";
import type { WireTools } from "./tools.ts";

/** A stream with less than this on its way is given the next message, in bytes. */
const ROOM_BYTES = 16 * 1024;

const NO_REQUEST = Buffer.alloc(0);
/** What is in front of an answer; it is copied before the next one is written. */
const prefix = Buffer.alloc(PREFIX_BYTES);
const OK_TRAILERS = trailersBlock(undefined);

/** A call of any kind: which of its methods may be used, says its method's kind. */
export class WireCall
  implements StreamListener, RequestCall, RequestStreamCall, AnswerCall, AnswerStreamCall
{
  readonly deadlineMs: number | undefined;
  /** That of a call that has one. */
  request: Buffer = NO_REQUEST;
  isOver = false;
  readonly #stream: Http2Stream;
  readonly #head: RequestHead;
  readonly #method: Method;
  readonly #connection: CallConnection;
  readonly #tools: WireTools;
  readonly #hasPlace: boolean;
  readonly #isStream: boolean;
  readonly #incoming: IncomingMessages;
  #hasHeaders = false;
  #whenRoom: (() => void) | undefined;
  #overListeners: (() => void)[] | undefined;
  #deadline: NodeJS.Timeout | undefined;
  /** When it was first looked at. */
  #seenMs: number | undefined;
  /** What must have been read, and by when. */
  #unread: { readonly sentBytes: number; readonly untilMs: number } | undefined;

  constructor(
    stream: Http2Stream,
    head: RequestHead,
    method: Method,
    { connection, tools, hasPlace }: WireCallOwner,
  ) {
    this.#stream = stream;
    this.#head = head;
    this.#method = method;
    this.#connection = connection;
    this.#tools = tools;
    this.#hasPlace = hasPlace;
    const { kind } = method.answering;
    const isStream = kind === "client_streaming" || kind === "bidi_streaming";
    this.#isStream = isStream;
    this.#incoming = new IncomingMessages({ stream, encoding: head.encoding, isStream, tools });
    if (head.timeoutMs !== undefined) this.deadlineMs = Date.now() + head.timeoutMs;
  }

  get peer(): string {
    return this.#connection.peerName;
  }

  get authority(): string {
    return this.#head.authority;
  }

  get certificateName(): string | undefined {
    return this.#connection.certificateName;
  }

  get unread() {
    return this.#connection.unread;
  }

  metadata(key: string): readonly (string | Buffer)[] {
    return this.#head.metadata(key);
  }

  onOver(listener: () => void): void {
    this.#overListeners ??= [];
    this.#overListeners.push(listener);
  }

  offOver(listener: () => void): void {
    const listeners = this.#overListeners;
    const at = listeners?.indexOf(listener) ?? -1;
    if (at >= 0) listeners?.splice(at, 1);
  }

  /** Has it answered; of a call with one request, once that is there. */
  begin(): void {
    if (this.#method.answering.answer(this)) this.#watchDeadline();
  }

  // What comes.

  onData(bytes: Buffer, start: number, end: number): void {
    try {
      this.#incoming.read(bytes, start, end);
    } catch (error) {
      this.#refuse(error);
    }
  }

  onEnd(): void {
    try {
      this.#incoming.end();
      if (!this.#isStream) this.#takeRequest(this.#incoming.one());
    } catch (error) {
      this.#refuse(error);
    }
  }

  #takeRequest(request: Buffer | Promise<Buffer>): void {
    if (request instanceof Promise) {
      request.then(
        (whole) => this.#takeRequest(whole),
        (error) => this.#refuse(error),
      );
      return;
    }
    this.request = request;
    this.#tools.turns.take(this.#connection.peer, this);
  }

  requests(): AsyncIterator<Buffer> {
    return {
      next: () => this.#incoming.next(),
      return: () => Promise.resolve({ done: true, value: undefined }),
    };
  }

  // What goes.

  answer(message: Buffer, revision: bigint | undefined): void {
    writePrefix(message);
    this.#stream.respond(headersBlock(revision), prefix, message, OK_TRAILERS);
  }

  tellRevision(revision: bigint): void {
    if (!this.#hasHeaders) this.#sendHeaders(revision);
  }

  send(message: Buffer): Promise<void> | undefined {
    if (!this.#hasHeaders) this.#sendHeaders(undefined);
    writePrefix(message);
    this.#stream.sendData(prefix, message);
    if (this.#stream.pendingBytes < ROOM_BYTES) return undefined;
    return new Promise((resolve) => {
      this.#whenRoom = resolve;
    });
  }

  onRoom(): void {
    if (this.#stream.pendingBytes >= ROOM_BYTES) return;
    this.#whenRoom?.();
    this.#whenRoom = undefined;
  }

  end(revision: bigint | undefined): void {
    if (!this.#hasHeaders) this.#sendHeaders(revision);
    this.#stream.end(trailersBlock(revision));
  }

  fail(status: CallStatus): void {
    this.#stream.end(this.#hasHeaders ? failureBlock(status) : failureOnlyBlock(status));
  }

  #sendHeaders(revision: bigint | undefined): void {
    this.#hasHeaders = true;
    this.#stream.sendFields(headersBlock(revision));
  }

  #refuse(error: unknown): void {
    this.fail(this.#tools.statusOf(error));
  }

  // Its end.

  onClose(): void {
    clearTimeout(this.#deadline);
    this.#incoming.drop();
    if (this.#hasPlace) this.#tools.places.leave(this.#connection.peer);
    if (this.#hasPlace && this.#head.encoding !== "identity") this.#tools.places.leaveCompressed();
    this.#endNow();
  }

  /** Ends a call whose client lets it wait; to be called now and then. */
  look(nowMs: number) {
    if (this.deadlineMs !== undefined && Date.now() >= this.deadlineMs) return this.#onDeadline();
    const { limits } = this.#tools;
    this.#seenMs ??= nowMs;
    const isLate = nowMs - this.#seenMs >= limits.requestTimeoutMs;
    if (isLate && !this.#isStream && !this.#stream.isRemoteEnded) {
      return this.#cancel("requestTimeoutMs");
    }
    const { pendingBytes, sentBytes } = this.#stream;
    if (this.#unread && sentBytes >= this.#unread.sentBytes) this.#unread = undefined;
    if (pendingBytes === 0) return;
    const readMs = limits.unreadTimeoutMs + (pendingBytes / limits.readBytesPerSecond) * 1_000;
    this.#unread ??= { sentBytes: sentBytes + pendingBytes, untilMs: nowMs + readMs };
    if (nowMs >= this.#unread.untilMs) this.#cancel("unreadTimeoutMs");
  }

  #cancel(limit: "requestTimeoutMs" | "unreadTimeoutMs"): void {
    this.#tools.countRefusal(limit);
    this.#stream.reset(ErrorCode.CANCEL);
  }

  #watchDeadline(): void {
    if (this.deadlineMs === undefined || this.isOver) return;
    // A timer may be a millisecond early.
    const restMs = Math.max(this.deadlineMs - Date.now(), 0) + 1;
    this.#deadline = setTimeout(() => this.#onDeadline(), restMs).unref();
  }

  #onDeadline(): void {
    if (this.isOver) return;
    // What is not read by then nobody reads any more.
    if (this.#stream.pendingBytes > 0) this.#stream.reset(ErrorCode.CANCEL);
    else this.#refuse(new StoreError("DEADLINE_EXCEEDED", "the deadline has passed"));
    this.#endNow();
  }

  #endNow(): void {
    if (this.isOver) return;
    this.isOver = true;
    const listeners = this.#overListeners;
    this.#overListeners = undefined;
    for (const listener of listeners ?? []) listener();
  }
}

/** What a call is told of its connection. */
export interface CallConnection {
  readonly peer: Peer;
  readonly peerName: string;
  readonly certificateName: string | undefined;
  readonly unread: UnreadAnswers;
}

/** Whose call it is. */
export interface WireCallOwner {
  readonly connection: CallConnection;
  readonly tools: WireTools;
  /** Whether it has taken a place, which it leaves at its end. */
  readonly hasPlace: boolean;
}

function writePrefix(message: Buffer): void {
  prefix.writeUInt32BE(message.length, 1);
}
