// What all connections of the transport share.
// Only types: it is put together in wire-transport.ts.

import type { UnknownCall } from "../../handlers/finished-call.ts";
import type { Limits } from "../../limits.ts";
import type { CallLimit, CallPlaces } from "../call-places.ts";
import type { CallStatus } from "../error-status.ts";
import type { Peers } from "../peers.ts";
import type { CountRefusal } from "../refusal-counts.ts";
import type { Method } from "../transport.ts";
import type { Turns } from "../turns.ts";
import type { RequestMemory } from "./request-memory.ts";

/** A call that waits for its turn to begin. */
export interface BeginningCall {
  readonly isOver: boolean;
  begin(): void;
}

/** What connections and calls are served with. */
export interface WireTools {
  readonly limits: Limits;
  /** By their paths. */
  readonly methods: ReadonlyMap<string, Method>;
  readonly peers: Peers;
  readonly places: CallPlaces;
  readonly turns: Turns<BeginningCall>;
  readonly memory: RequestMemory;
  readonly countRefusal: CountRefusal;
  /** The whole answer to a call that a limit refuses. */
  readonly refusalBy: (limit: CallLimit) => Buffer;
  /** The status of what is wrong with a request before it has a handler. */
  readonly statusOf: (error: unknown) => CallStatus;
  /** That of a `grpc-timeout` that is none. */
  readonly malformedTimeout: CallStatus;
  readonly onUnknown: ((call: UnknownCall) => void) | undefined;
  /** Something is wrong with the transport. */
  readonly onFailure: (error: unknown) => void;
}
