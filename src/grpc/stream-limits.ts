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
import { StoreError } from "../errors.ts";
import type { Limits } from "../limits.ts";
import { toCallStatus } from "./error-status.ts";
import type { Peer, Peers } from "./peers.ts";
import type { CountRefusal } from "./refusal-counts.ts";
import type { RetryPace } from "./retry-pace.ts";
import { createTurns } from "./turns.ts";

/** The limits that are kept here. */
export type StreamLimits = Pick<
  Limits,
  "callsMax" | "callsPerPeerMax" | "compressedCallsMax" | "headerBytes" | "retryDelayMs"
>;

/** Probes must not fail for want of room; a watch of health is a stream like any other. */
const HEALTH: ReadonlySet<string | undefined> = new Set([
  "/grpc.health.v1.Health/Check",
  "/grpc.health.v1.Health/List",
]);

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

/** Too large headers cost more than their refusal: a connection that goes on sending them is closed. */
const LARGE_HEADERS_MAX = 10;

/** Keeps the calls to a server within the limits; those of an answer that nobody has read yet count. */
export function limitStreams(server: Http2Server, limiting: StreamLimiting): void {
  const { limits, countRefusal, peers, watch } = limiting;
  const handlers = server.listeners("stream") as OnStream[];
  server.removeAllListeners("stream");
  const callers = new WeakMap<Http2Session, Caller>();
  const refusals = createRefusals(limiting);
  const turns = createTurns(begin);
  let [calls, compressedCalls] = [0, 0];

  /** Kept for each connection: Node looks its address up anew each time. */
  function callerOf(session: Http2Session): Caller {
    const known = callers.get(session);
    if (known) return known;
    const peer = peers.at(session.socket.remoteAddress);
    const caller: Caller = {
      peer,
      largeHeaders: 0,
      leave() {
        calls -= 1;
        peer.calls -= 1;
        peers.forget(peer);
        watch.onClosed(this);
      },
    };
    callers.set(session, caller);
    return caller;
  }

  /** Who has less than its share is let in though others have taken all of the room. */
  function findExceeded(peer: Peer, isCompressed: boolean): keyof typeof MESSAGES | undefined {
    if (isCompressed && compressedCalls >= limits.compressedCallsMax) return "compressedCallsMax";
    if (peer.calls >= limits.callsPerPeerMax) return "callsPerPeerMax";
    const isFull = calls >= limits.callsMax && peer.calls >= limits.callsMax / peers.count;
    return isFull ? "callsMax" : undefined;
  }

  function countCompressed(stream: ServerHttp2Stream): void {
    compressedCalls += 1;
    stream.on("close", () => {
      compressedCalls -= 1;
    });
  }

  function onUncountedClosed(this: ServerHttp2Stream): void {
    watch.onClosed(this);
  }

  function begin({ stream, headers, flags, rawHeaders }: Call): void {
    watch.onCall(stream, headers[":path"] ?? "", headers);
    for (const handle of handlers) handle(stream, headers, flags, rawHeaders);
  }

  function refuse(stream: ServerHttp2Stream, limit: keyof typeof MESSAGES): void {
    countRefusal(limit);
    respond(stream, refusals.headersOf(limit));
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
    if (HEALTH.has(headers[":path"])) {
      stream.on("close", onUncountedClosed);
      begin(call);
      return;
    }
    const { peer, leave } = callerOf(session);
    const isCompressed = (headers["grpc-encoding"] ?? IDENTITY) !== IDENTITY;
    const exceeded = findExceeded(peer, isCompressed);
    if (exceeded) return refuse(stream, exceeded);
    if (isCompressed) countCompressed(stream);
    calls += 1;
    peer.calls += 1;
    // One listener for all that is to be done: each costs every call.
    stream.on("close", leave);
    turns.take(peer, call);
  }) satisfies OnStream);
}

/** What is said when a limit refuses. */
const MESSAGES = {
  headerBytes: "the metadata of the call is too large",
  callsMax: "the server has too many calls at once",
  callsPerPeerMax: "this host has too many calls at once",
  compressedCallsMax: "the server has too many calls with compressed requests at once",
} as const;

/** Delays are whole numbers of these, so that few answers are to be kept ready. */
const DELAY_STEP_MS = 50;

/** What refused calls are answered with, before gRPC has looked at them. */
function createRefusals({ limits: { retryDelayMs }, errorDomain, pace }: StreamLimiting) {
  const known = new Map<string, IncomingHttpHeaders>();

  function make(limit: keyof typeof MESSAGES, delayMs: number | undefined): IncomingHttpHeaders {
    const details = delayMs === undefined ? {} : { retryDelayMs: delayMs };
    const error = new StoreError("OVERLOADED", MESSAGES[limit], details);
    const status = toCallStatus(error, errorDomain);
    return {
      ":status": "200",
      "content-type": "application/grpc+proto",
      "grpc-status": String(status.code),
      "grpc-message": encodeURI(status.details),
      ...status.metadata.toHttp2Headers(),
    } as IncomingHttpHeaders;
  }

  return {
    headersOf(limit: keyof typeof MESSAGES): IncomingHttpHeaders {
      const factor = pace.refuse(performance.now());
      const isUsual = factor === 1;
      const pacedMs = Math.ceil((retryDelayMs * factor) / DELAY_STEP_MS) * DELAY_STEP_MS;
      const delayMs = limit === "headerBytes" ? undefined : isUsual ? retryDelayMs : pacedMs;
      const key = `${limit} ${delayMs}`;
      const made = known.get(key) ?? make(limit, delayMs);
      known.set(key, made);
      return made;
    },
  };
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
