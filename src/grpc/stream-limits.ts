// Refuses calls before gRPC looks at them, where that is cheap: those with too large headers, and those
// that are one too many of all or of a host. Ends streams whose client no longer reads.
// Must not know methods, but that health answers always.

import {
  constants,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from "node:http2";
import { StoreError } from "../errors.ts";
import type { Limits } from "../limits.ts";
import { toCallStatus } from "./error-status.ts";
import type { CountRefusal } from "./refusal-counts.ts";

/** The limits that are kept here. */
export type StreamLimits = Pick<
  Limits,
  | "callsMax"
  | "callsPerPeerMax"
  | "headerBytes"
  | "unreadTimeoutMs"
  | "readBytesPerSecond"
  | "retryDelayMs"
>;

/** Probes must not fail for want of room. */
const HEALTH = "/grpc.health.v1.Health/";

/** As HTTP/2 counts it: each header has 32 bytes beside its name and value. */
const HEADER_OVERHEAD_BYTES = 32;

type OnStream = (
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  flags: number,
  rawHeaders: readonly string[],
) => void;

/** Keeps the calls to a server within the limits; those of an answer that nobody has read yet count. */
export function limitStreams(
  server: Http2Server,
  limits: StreamLimits,
  errorDomain: string,
  countRefusal: CountRefusal,
  onCall?: (path: string) => void,
): void {
  const handlers = server.listeners("stream") as OnStream[];
  server.removeAllListeners("stream");
  const watch = endUnread(server, limits, countRefusal);
  const byPeer = new Map<string, number>();
  let calls = 0;
  const refusals = {
    headerBytes: refusalOf("the metadata of the call is too large", undefined),
    callsMax: refusalOf("the server has too many calls at once", limits.retryDelayMs),
    callsPerPeerMax: refusalOf("this host has too many calls at once", limits.retryDelayMs),
  };

  function refusalOf(message: string, retryDelayMs: number | undefined) {
    const details = retryDelayMs === undefined ? {} : { retryDelayMs };
    const status = toCallStatus(new StoreError("OVERLOADED", message, details), errorDomain);
    return {
      ":status": 200,
      "content-type": "application/grpc+proto",
      "grpc-status": String(status.code),
      "grpc-message": encodeURI(status.details),
      ...status.metadata.toHttp2Headers(),
    };
  }

  function enter(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, raw: readonly string[]) {
    if (sizeOf(raw) > limits.headerBytes) return "headerBytes";
    if (headers[":path"]?.startsWith(HEALTH)) return undefined;
    if (calls >= limits.callsMax) return "callsMax";
    const peer = stream.session?.socket.remoteAddress ?? "";
    const ofPeer = byPeer.get(peer) ?? 0;
    if (ofPeer >= limits.callsPerPeerMax) return "callsPerPeerMax";
    calls += 1;
    byPeer.set(peer, ofPeer + 1);
    stream.once("close", () => {
      calls -= 1;
      const left = (byPeer.get(peer) ?? 1) - 1;
      if (left === 0) byPeer.delete(peer);
      else byPeer.set(peer, left);
    });
    return undefined;
  }

  server.on("stream", ((stream, headers, flags, rawHeaders) => {
    const exceeded = enter(stream, headers, rawHeaders);
    if (exceeded) {
      countRefusal(exceeded);
      refuse(stream, refusals[exceeded]);
      return;
    }
    watch(stream);
    onCall?.(headers[":path"] ?? "");
    for (const handle of handlers) handle(stream, headers, flags, rawHeaders);
  }) satisfies OnStream);
}

function sizeOf(rawHeaders: readonly string[]): number {
  let bytes = (rawHeaders.length / 2) * HEADER_OVERHEAD_BYTES;
  for (const text of rawHeaders) bytes += text.length;
  return bytes;
}

function refuse(stream: ServerHttp2Stream, headers: Record<string, unknown>): void {
  stream.on("error", () => {});
  // What the client still sends is thrown away.
  stream.resume();
  stream.respond(headers as IncomingHttpHeaders, { endStream: true });
}

/** Ends the streams that a client reads nothing of, or next to nothing; the result ends that. */
function endUnread(
  server: Http2Server,
  { unreadTimeoutMs, readBytesPerSecond }: StreamLimits,
  countRefusal: CountRefusal,
) {
  const unread = new Set<Unread>();
  const look = () => {
    const nowMs = performance.now();
    for (const { stream, untilMs } of unread) {
      if (nowMs < untilMs) continue;
      countRefusal("unreadTimeoutMs");
      stream.close(constants.NGHTTP2_CANCEL);
    }
  };
  const timer = setInterval(look, unreadTimeoutMs / 10).unref();
  server.once("close", () => clearInterval(timer));

  /** Node tells nobody how much of a message has been read; that all of it has, it tells who wrote it. */
  return (stream: ServerHttp2Stream) => {
    const write = stream.write as Write;
    stream.write = ((message, onWritten) => {
      const readMs = (message.length / readBytesPerSecond) * 1_000;
      const one = { stream, untilMs: performance.now() + unreadTimeoutMs + readMs };
      unread.add(one);
      return write.call(stream, message, (error) => {
        unread.delete(one);
        onWritten(error);
      });
    }) satisfies Write as typeof stream.write;
  };
}

/** A message that is not read yet, and when its stream is ended if it is not by then. */
interface Unread {
  readonly stream: ServerHttp2Stream;
  readonly untilMs: number;
}

/** How grpc-js writes. */
type Write = (
  this: ServerHttp2Stream,
  message: Uint8Array,
  onWritten: (error?: Error | null) => void,
) => boolean;
