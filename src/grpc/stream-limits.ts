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
import type { CountRefusal } from "./refusal-counts.ts";

/** The limits that are kept here. */
export type StreamLimits = Pick<
  Limits,
  "callsMax" | "callsPerPeerMax" | "headerBytes" | "retryDelayMs"
>;

/** Probes must not fail for want of room; a watch of health is a stream like any other. */
const HEALTH: ReadonlySet<string | undefined> = new Set([
  "/grpc.health.v1.Health/Check",
  "/grpc.health.v1.Health/List",
]);

/** As HTTP/2 counts it: each header has 32 bytes beside its name and value. */
const HEADER_OVERHEAD_BYTES = 32;

/** A host that has connections. */
interface Peer {
  calls: number;
  connections: number;
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

/** Keeps the calls to a server within the limits; those of an answer that nobody has read yet count. */
export function limitStreams(
  server: Http2Server,
  limits: StreamLimits,
  errorDomain: string,
  countRefusal: CountRefusal,
  watch: StreamWatch,
): void {
  const handlers = server.listeners("stream") as OnStream[];
  server.removeAllListeners("stream");
  const byAddress = new Map<string, Peer>();
  const peers = new WeakMap<Http2Session, Peer>();
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

  /** Kept for each connection: Node looks its address up anew each time. */
  function peerOf(session: Http2Session): Peer {
    const known = peers.get(session);
    if (known) return known;
    const address = session.socket.remoteAddress ?? "";
    const peer: Peer = byAddress.get(address) ?? {
      calls: 0,
      connections: 0,
      leave() {
        calls -= 1;
        peer.calls -= 1;
        watch.onClosed(this);
      },
    };
    peer.connections += 1;
    byAddress.set(address, peer);
    peers.set(session, peer);
    session.once("close", () => {
      peer.connections -= 1;
      if (peer.connections === 0) byAddress.delete(address);
    });
    return peer;
  }

  function enter(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, raw: readonly string[]) {
    if (sizeOf(raw) > limits.headerBytes) return "headerBytes";
    if (HEALTH.has(headers[":path"]) || !stream.session) {
      stream.on("close", onUncountedClosed);
      return undefined;
    }
    if (calls >= limits.callsMax) return "callsMax";
    const peer = peerOf(stream.session);
    if (peer.calls >= limits.callsPerPeerMax) return "callsPerPeerMax";
    calls += 1;
    peer.calls += 1;
    // One listener for all that is to be done: each costs every call.
    stream.on("close", peer.leave);
    return undefined;
  }

  function onUncountedClosed(this: ServerHttp2Stream): void {
    watch.onClosed(this);
  }

  server.on("stream", ((stream, headers, flags, rawHeaders) => {
    const exceeded = enter(stream, headers, rawHeaders);
    if (exceeded) {
      countRefusal(exceeded);
      refuse(stream, refusals[exceeded]);
      return;
    }
    watch.onCall(stream, headers[":path"] ?? "", headers);
    for (const handle of handlers) handle(stream, headers, flags, rawHeaders);
  }) satisfies OnStream);
}

function sizeOf(rawHeaders: readonly string[]): number {
  let bytes = (rawHeaders.length / 2) * HEADER_OVERHEAD_BYTES;
  for (const text of rawHeaders) bytes += text.length;
  return bytes;
}

function refuse(stream: ServerHttp2Stream, headers: Record<string, unknown>): void {
  if (stream.destroyed) return;
  stream.on("error", () => {});
  stream.respond(headers as IncomingHttpHeaders, { endStream: true });
  // What the client still sends is not waited for.
  stream.close(constants.NGHTTP2_NO_ERROR);
}
