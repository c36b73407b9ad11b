// The limits of HTTP/2 out of those of the server.
// Only names: what they bound is in limits.ts, here and there.

import type { ConnectionLimits } from "../../http2/limits.ts";
import type { Limits } from "../../limits.ts";

/** How many times the frames and resets of a second may come at once. */
const IDLE_FRAMES_BURST = 4;
const RESETS_BURST = 30;

/** The limits of a connection that begins now. */
export function connectionLimits(limits: Limits): ConnectionLimits {
  const { idleFramesPerSecond, resetsPerSecond } = limits;
  return {
    concurrentStreams: limits.concurrentStreams,
    headerListBytes: limits.headerBytes,
    idleFrames: { burst: IDLE_FRAMES_BURST * idleFramesPerSecond, perSecond: idleFramesPerSecond },
    earlyEnds: { burst: RESETS_BURST * resetsPerSecond, perSecond: resetsPerSecond },
    setupTimeoutMs: limits.connectionSetupTimeoutMs,
    keepaliveTimeMs: limits.keepaliveTimeMs,
    keepaliveTimeoutMs: limits.keepaliveTimeoutMs,
    idleMs: limits.connectionIdleMs,
    ageMs: limits.connectionAgeMs,
    ageGraceMs: limits.connectionAgeGraceMs,
  };
}
