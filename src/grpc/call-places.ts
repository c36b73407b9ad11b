// How many calls there may be at a time, of all and of a host, and what those are answered that are too many.
// Must not know by which transport they come.

import { StoreError } from "../errors.ts";
import type { Limits } from "../limits.ts";
import { type CallStatus, toCallStatus } from "./error-status.ts";
import type { Peer, Peers } from "./peers.ts";
import type { RetryPace } from "./retry-pace.ts";

/** The limits that are kept here. */
type PlaceLimits = Pick<Limits, "callsMax" | "callsPerPeerMax" | "compressedCallsMax">;

/** Probes must not fail for want of room; a watch of health is a stream like any other. */
export const ALWAYS_LET_IN: ReadonlySet<string | undefined> = new Set([
  "/grpc.health.v1.Health/Check",
  "/grpc.health.v1.Health/List",
]);

/** Too large headers cost more than their refusal: a connection that goes on sending them is closed. */
export const LARGE_HEADERS_MAX = 10;

/** The places of calls. */
export interface CallPlaces {
  /** Takes a place, unless the result says which limit there is against it. */
  take(peer: Peer, isCompressed: boolean): PlaceLimit | undefined;
  leave(peer: Peer): void;
  /** To be called too for one that was compressed. */
  leaveCompressed(): void;
}

/** A limit that may be against another call. */
export type PlaceLimit = keyof PlaceLimits;

/** No calls. */
export function createCallPlaces(limits: PlaceLimits, peers: Peers): CallPlaces {
  let [calls, compressedCalls] = [0, 0];

  /** Who has less than its share is let in though others have taken all of the room. */
  function findExceeded(peer: Peer, isCompressed: boolean): PlaceLimit | undefined {
    if (isCompressed && compressedCalls >= limits.compressedCallsMax) return "compressedCallsMax";
    if (peer.calls >= limits.callsPerPeerMax) return "callsPerPeerMax";
    const isFull = calls >= limits.callsMax && peer.calls >= limits.callsMax / peers.count;
    return isFull ? "callsMax" : undefined;
  }

  return {
    take(peer, isCompressed) {
      const exceeded = findExceeded(peer, isCompressed);
      if (exceeded) return exceeded;
      if (isCompressed) compressedCalls += 1;
      calls += 1;
      peer.calls += 1;
      return undefined;
    },
    leave(peer) {
      calls -= 1;
      peer.calls -= 1;
      peers.forget(peer);
    },
    leaveCompressed() {
      compressedCalls -= 1;
    },
  };
}

/** What is said when a limit refuses. */
const MESSAGES = {
  headerBytes: "the metadata of the call is too large",
  callsMax: "the server has too many calls at once",
  callsPerPeerMax: "this host has too many calls at once",
  compressedCallsMax: "the server has too many calls with compressed requests at once",
} as const;

/** A limit that refuses calls before their handler is known. */
export type CallLimit = keyof typeof MESSAGES;

/** Delays are whole numbers of these, so that few answers are to be kept ready. */
const DELAY_STEP_MS = 50;

/** What refusals are made with. */
export interface RefusalOptions {
  readonly limits: Pick<Limits, "retryDelayMs">;
  readonly errorDomain: string;
  readonly pace: RetryPace;
}

/** What a call is answered with that a limit refuses, in the form that `make` gives a status; few are made. */
export function createRefusals<Form>(
  { limits: { retryDelayMs }, errorDomain, pace }: RefusalOptions,
  make: (status: CallStatus) => Form,
): (limit: CallLimit) => Form {
  const known = new Map<string, Form>();

  return (limit) => {
    const factor = pace.refuse(performance.now());
    const isUsual = factor === 1;
    const pacedMs = Math.ceil((retryDelayMs * factor) / DELAY_STEP_MS) * DELAY_STEP_MS;
    const delayMs = limit === "headerBytes" ? undefined : isUsual ? retryDelayMs : pacedMs;
    const key = `${limit} ${delayMs}`;
    const found = known.get(key);
    if (found) return found;
    const details = delayMs === undefined ? {} : { retryDelayMs: delayMs };
    const error = new StoreError("OVERLOADED", MESSAGES[limit], details);
    const made = make(toCallStatus(error, errorDomain));
    known.set(key, made);
    return made;
  };
}
