// What serves the connections that a listener lets in: grpc-js, or our own.
// Must not know where anybody listens, nor when a server stops.

import type { Socket } from "node:net";
import type { UnknownCall } from "../handlers/finished-call.ts";
import type { Handler } from "../handlers/handler.ts";
import type { Limits } from "../limits.ts";
import type { Log } from "../observe/log.ts";
import type { Answering } from "./answer.ts";
import type { Peers } from "./peers.ts";
import type { CountRefusal } from "./refusal-counts.ts";
import type { RetryPace } from "./retry-pace.ts";

/** Serves connections. */
export interface Transport {
  /** Takes a connection; with TLS, after its handshake. */
  serve(socket: Socket): void;
  /** Asks the clients to go; what they have called for goes on. */
  close(): void;
  /** Ends what is left. */
  destroy(): void;
}

/** A method with what answers its calls. */
export interface Method {
  readonly handler: Handler;
  readonly answering: Answering;
}

/** What a transport is made with. */
export interface TransportConfig {
  readonly methods: readonly Method[];
  readonly limits: Limits;
  readonly log: Log;
  /** Whose the reasons of errors are. */
  readonly errorDomain: string;
  readonly countRefusal: CountRefusal;
  readonly peers: Peers;
  readonly pace: RetryPace;
  /** Is told of each call of a method that there is not. */
  readonly onUnknown?: ((call: UnknownCall) => void) | undefined;
}
