// How often each limit has refused somebody.
// Must not know the limits, but for their names.

import type { Limits } from "../limits.ts";

/** The limits that refuse connections, calls and answers. */
export type RefusingLimit = Extract<
  keyof Limits,
  | "readQueueMax"
  | "commitQueueMax"
  | "commitQueueBytes"
  | "connectionsMax"
  | "connectionsPerPeerMax"
  | "connectionSetupTimeoutMs"
  | "callsMax"
  | "callsPerPeerMax"
  | "compressedCallsMax"
  | "callsPerSecond"
  | "headerBytes"
  | "requestTimeoutMs"
  | "unreadTimeoutMs"
  | "unreadAnswerBytes"
  | "connectionUnreadBytes"
  | "unreadRequestBytes"
  | "resetsPerSecond"
  | "idleFramesPerSecond"
>;

/** Notes that the limit has refused somebody. */
export type CountRefusal = (limit: RefusingLimit) => void;

/** How often each has, since the start of the process. */
export interface RefusalCounts {
  readonly count: CountRefusal;
  readonly counts: ReadonlyMap<RefusingLimit, number>;
}

/** Counts from nothing. */
export function createRefusalCounts(): RefusalCounts {
  const counts = new Map<RefusingLimit, number>();
  return { count: (limit) => void counts.set(limit, (counts.get(limit) ?? 0) + 1), counts };
}
