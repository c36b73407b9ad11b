// A connection of gRPC: which of its requests are calls that may begin, and what the others are answered.
// Must not know how a call is answered.

import type { Socket } from "node:net";
import type { TLSSocket } from "node:tls";
import { StoreError } from "../../errors.ts";
import { Connection } from "../../http2/connection.ts";
import type { Abuse } from "../../http2/connection-error.ts";
import type { Request } from "../../http2/request.ts";
import type { Http2Stream } from "../../http2/stream.ts";
import type { RequestHandler } from "../../http2/streams.ts";
import { ALWAYS_LET_IN, type CallLimit, LARGE_HEADERS_MAX } from "../call-places.ts";
import type { Peer } from "../peers.ts";
import type { RefusingLimit } from "../refusal-counts.ts";
import { encodingFailureBlock, failureOnlyBlock, httpBlock } from "./answer-blocks.ts";
import { connectionLimits } from "./connection-limits.ts";
import { type Problem, type RequestHead, readRequestHead } from "./request-head.ts";
import type { WireTools } from "./tools.ts";
import { type CallConnection, WireCall } from "./wire-call.ts";

/** Which limit each abuse is against. */
const LIMIT_OF_ABUSE: Readonly<Record<Exclude<Abuse, "too large headers">, RefusingLimit>> = {
  silence: "connectionSetupTimeoutMs",
  "idle frames": "idleFramesPerSecond",
  "unread output": "idleFramesPerSecond",
  "early ends": "resetsPerSecond",
  "header blocks": "headerBytes",
};

/** A connection. */
export class WireConnection implements RequestHandler<RequestHead>, CallConnection {
  readonly peer: Peer;
  /** `host:port`, or `unix:` for one through a socket of the machine. */
  readonly peerName: string;
  /** Its answers that are not read yet. */
  readonly unread = { bytes: 0 };
  readonly #tools: WireTools;
  readonly #connection: Connection<RequestHead>;
  #certificateName: string | null | undefined;
  #largeHeaders = 0;

  constructor(socket: Socket, tools: WireTools, onClose: (connection: WireConnection) => void) {
    const { remoteAddress, remotePort } = socket;
    this.peer = tools.peers.at(remoteAddress);
    this.peerName = remoteAddress === undefined ? "unix:" : `${remoteAddress}:${remotePort}`;
    this.#tools = tools;
    this.#connection = new Connection<RequestHead>(socket, {
      handler: this,
      limits: connectionLimits(tools.limits),
      onAbuse: (abuse) => {
        // Each of those was counted.
        if (abuse !== "too large headers") tools.countRefusal(LIMIT_OF_ABUSE[abuse]);
      },
      onFailure: tools.onFailure,
      onClose: () => onClose(this),
    });
  }

  /** The common name of the client's certificate; a subject that has several has none. */
  get certificateName(): string | undefined {
    if (this.#certificateName === undefined) {
      const { getPeerCertificate } = this.#connection.socket as Partial<TLSSocket>;
      const subject = getPeerCertificate?.call(this.#connection.socket).subject;
      const name = subject?.CN as string | string[] | undefined;
      this.#certificateName = typeof name === "string" ? name : null;
    }
    return this.#certificateName ?? undefined;
  }

  leave(): void {
    this.#connection.leave();
  }

  look(nowMs: number): void {
    for (const { listener } of this.#connection.streams()) {
      if (listener instanceof WireCall) listener.look(nowMs);
    }
    this.#connection.look(nowMs);
  }

  readHead(request: Request): RequestHead {
    return readRequestHead(request, this.#tools.methods);
  }

  onRequest(stream: Http2Stream, head: RequestHead) {
    const { limits, places, turns, countRefusal } = this.#tools;
    if (head.bytes > limits.headerBytes) return this.onTooLarge(stream);
    if (head.problem) return this.#refuseProblem(stream, head.problem);
    const { method } = head;
    if (!method) return this.#refuseUnknown(stream, head);
    const hasPlace = !ALWAYS_LET_IN.has(head.path);
    if (hasPlace) {
      const exceeded = places.take(this.peer, head.encoding !== "identity");
      if (exceeded) {
        countRefusal(exceeded);
        return this.#refuse(stream, exceeded);
      }
    }
    const call = new WireCall(stream, head, method, {
      connection: this,
      tools: this.#tools,
      hasPlace,
    });
    stream.listener = call;
    const { kind } = method.answering;
    if (kind === "client_streaming" || kind === "bidi_streaming") turns.take(this.peer, call);
  }

  onTooLarge(stream: Http2Stream): void {
    this.#tools.countRefusal("headerBytes");
    this.#refuse(stream, "headerBytes");
    this.#largeHeaders += 1;
    if (this.#largeHeaders >= LARGE_HEADERS_MAX) this.#connection.refuse("too large headers");
  }

  #refuse(stream: Http2Stream, limit: CallLimit): void {
    stream.end(this.#tools.refusalBy(limit));
  }

  #refuseProblem(stream: Http2Stream, problem: Problem): void {
    switch (problem.kind) {
      case "http":
        stream.end(httpBlock(problem.status));
        return;
      case "timeout":
        stream.end(failureOnlyBlock(this.#tools.malformedTimeout));
        return;
      case "encoding": {
        const message = "the compression of the request is not supported";
        const status = this.#tools.statusOf(new StoreError("NOT_SUPPORTED", message));
        stream.end(encodingFailureBlock(status));
      }
    }
  }

  #refuseUnknown(stream: Http2Stream, head: RequestHead): void {
    const { path, authority, metadata } = head;
    this.#tools.onUnknown?.({ path, authority, metadata, peer: this.peerName });
    const error = new StoreError("NOT_SUPPORTED", "there is no such method");
    stream.end(failureOnlyBlock(this.#tools.statusOf(error)));
  }
}
