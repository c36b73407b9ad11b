// Refuses calls before gRPC looks at them, where that is cheap: those with too large headers, and those
// that are one too many of all or of a host.
// Must not know methods, but that health answers always.

import {
  constants,
  type Http2Server,
  type Http2Session,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from "node:http2";
import type { Limits } from "../limits.ts";
import {
  ALWAYS_LET_IN,
  type CallLimit,
  createCallPlaces,
  createRefusals,
  LARGE_HEADERS_MAX,
} from "./call-places.ts";
import { type CallStatus, STATUS_DETAILS_KEY } from "./error-status.ts";
import type { Peer, Peers } from "./peers.ts";
import type { CountRefusal } from "./refusal-counts.ts";
import type { RetryPace } from "./retry-pace.ts";
import { createTurns } from "./turns.ts";

/** The limits that are kept here. */
export type StreamLimits = Pick<
  Limits,
  "callsMax" | "callsPerPeerMax" | "compressedCallsMax" | "headerBytes" | "retryDelayMs"
>;

/** As HTTP/2 counts it: each header has 32 bytes beside its name and value. */
const HEADER_OVERHEAD_BYTES = 32;

/** Who calls by a session. */
interface Caller {
  readonly peer: Peer;
  /** How often its headers were too large. */
  largeHeaders: number;
  /** One of its calls, the stream that it is the listener of, is over. */
  readonly leave: (this: ServerHttp2Stream) => void;
}

type OnStream = (
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  flags: number,
  rawHeaders: readonly string[],
) => void;

/** Is told of the calls that are let in. */
export interface StreamWatch {
  onCall(stream: ServerHttp2Stream, path: string, headers: IncomingHttpHeaders): void;
  onClosed(stream: ServerHttp2Stream): void;
}

/** A call that is let in. */
interface Call {
  readonly stream: ServerHttp2Stream;
  readonly headers: IncomingHttpHeaders;
  readonly flags: number;
  readonly rawHeaders: readonly string[];
}

/** What calls are kept within the limits with. */
export interface StreamLimiting {
  readonly limits: StreamLimits;
  readonly errorDomain: string;
  readonly countRefusal: CountRefusal;
  readonly peers: Peers;
  readonly pace: RetryPace;
  readonly watch: StreamWatch;
}

/** The encoding of what is not compressed. */
const IDENTITY = "identity";

/** Keeps the calls to a server within the limits; those of an answer that nobody has read yet count. */
export function limitStreams(server: Http2Server, limiting: StreamLimiting): void {
  const { limits, countRefusal, peers, watch } = limiting;
  const handlers = server.listeners("stream") as OnStream[];
  server.removeAllListeners("stream");
  const callers = new WeakMap<Http2Session, Caller>();
  const places = createCallPlaces(limits, peers);
  const refusalBy = createRefusals(limiting, headersOf);
  const turns = createTurns(begin, { onWait, isOver, onLate });

  /** Kept for each connection: Node looks its address up anew each time. */
  function callerOf(session: Http2Session): Caller {
    const known = callers.get(session);
    if (known) return known;
    const peer = peers.at(session.socket.remoteAddress);
    const caller: Caller = {
      peer,
      largeHeaders: 0,
      leave() {
        places.leave(peer);
        watch.onClosed(this);
      },
    };
    callers.set(session, caller);
    return caller;
  }

  function onUncountedClosed(this: ServerHttp2Stream): void {
    watch.onClosed(this);
  }

  function begin({ stream, headers, flags, rawHeaders }: Call): void {
    watch.onCall(stream, headers[":path"] ?? "", headers);
    for (const handle of handlers) handle(stream, headers, flags, rawHeaders);
  }

  function refuse(stream: ServerHttp2Stream, limit: CallLimit): void {
    countRefusal(limit);
    respond(stream, refusalBy(limit));
  }

  function refuseLarge(stream: ServerHttp2Stream, session: Http2Session): void {
    refuse(stream, "headerBytes");
    const caller = callerOf(session);
    caller.largeHeaders += 1;
    if (caller.largeHeaders < LARGE_HEADERS_MAX) return;
    session.destroy(undefined, constants.NGHTTP2_ENHANCE_YOUR_CALM);
  }

  server.on("stream", ((stream, headers, flags, rawHeaders) => {
    const { session } = stream;
    if (!session) return;
    if (sizeOf(rawHeaders) > limits.headerBytes) return refuseLarge(stream, session);
    const call = { stream, headers, flags, rawHeaders };
    if (ALWAYS_LET_IN.has(headers[":path"])) {
      stream.on("close", onUncountedClosed);
      begin(call);
      return;
    }
    const { peer, leave } = callerOf(session);
    const isCompressed = (headers["grpc-encoding"] ?? IDENTITY) !== IDENTITY;
    const exceeded = places.take(peer, isCompressed);
    if (exceeded) return refuse(stream, exceeded);
    if (isCompressed) stream.on("close", places.leaveCompressed);
    // One listener for all that is to be done: each costs every call.
    stream.on("close", leave);
    turns.take(peer, call);
  }) satisfies OnStream);
}

/** Nobody else hears yet that it fails. */
function onWait({ stream }: Call): void {
  stream.on("error", () => {});
}

function isOver({ stream }: Call): boolean {
  return stream.closed || stream.destroyed;
}

/** Nobody has heard that there is nothing to read. */
function onLate({ stream }: Call): void {
  if (stream.readableEnded) stream.emit("end");
}

/** What refused calls are answered with, before gRPC has looked at them. */
function headersOf({ code, message, details }: CallStatus): IncomingHttpHeaders {
  return {
    ":status": "200",
    "content-type": "application/grpc+proto",
    "grpc-status": String(code),
    "grpc-message": encodeURI(message),
    [STATUS_DETAILS_KEY]: Buffer.from(details).toString("base64"),
  } as IncomingHttpHeaders;
}

function sizeOf(rawHeaders: readonly string[]): number {
  let bytes = (rawHeaders.length / 2) * HEADER_OVERHEAD_BYTES;
  for (const text of rawHeaders) bytes += text.length;
  return bytes;
}

function respond(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
  if (stream.destroyed) return;
  stream.on("error", () => {});
  stream.respond(headers, { endStream: true });
  // What the client still sends is not waited for.
  stream.close(constants.NGHTTP2_NO_ERROR);
}
