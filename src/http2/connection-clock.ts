// What of a connection goes by time: its beginning, its keepalive, and when it is asked to go.
// Must not write frames: it says what is to be done.

import type { ConnectionLimits } from "./limits.ts";

/** What is to be done with a connection. */
export type Due =
  | "nothing"
  /** Ask whether it is still there. */
  | "ping"
  /** Ask it to go. */
  | "leave"
  /** It has not even begun, or does not go on with a header block. */
  | "end: silent"
  /** It does not answer, or was asked to go and has not. */
  | "end";

/** What there is of a connection when it is looked at. */
export interface Glance {
  readonly nowMs: number;
  readonly hasSettings: boolean;
  readonly streams: number;
  /** Since when the end of a header block is waited for. */
  readonly blockSinceMs: number | undefined;
}

/** The share of a connection's age by which it may be shorter or longer, so that not all end at once. */
const AGE_JITTER = 0.1;

/** The times of a connection; it has begun when this is made. */
export class ConnectionClock {
  /** To be set whenever something comes. */
  hasHeard = false;
  readonly #limits: ConnectionLimits;
  readonly #beganMs = performance.now();
  readonly #ageMs: number;
  #heardMs = this.#beganMs;
  #pingedMs: number | undefined;
  #idleSinceMs = this.#beganMs;
  #leftMs: number | undefined;

  constructor(limits: ConnectionLimits) {
    this.#limits = limits;
    this.#ageMs = limits.ageMs * (1 - AGE_JITTER + 2 * AGE_JITTER * Math.random());
  }

  /** What is due now; it is taken as done. */
  look({ nowMs, hasSettings, streams, blockSinceMs }: Glance): Due {
    const { setupTimeoutMs, idleMs, ageGraceMs } = this.#limits;
    if (nowMs - (hasSettings ? (blockSinceMs ?? nowMs) : this.#beganMs) >= setupTimeoutMs) {
      return "end: silent";
    }
    if (!hasSettings) return "nothing";
    if (streams > 0) this.#idleSinceMs = nowMs;
    const keepalive = this.#keepalive(nowMs);
    if (keepalive !== "nothing") return keepalive;
    if (this.#leftMs !== undefined) return nowMs - this.#leftMs >= ageGraceMs ? "end" : "nothing";
    const isOver = nowMs - this.#beganMs >= this.#ageMs || nowMs - this.#idleSinceMs >= idleMs;
    if (!isOver) return "nothing";
    this.#leftMs = nowMs;
    return "leave";
  }

  #keepalive(nowMs: number): Due {
    const { keepaliveTimeMs, keepaliveTimeoutMs } = this.#limits;
    if (this.hasHeard) {
      this.hasHeard = false;
      this.#heardMs = nowMs;
      this.#pingedMs = undefined;
    }
    if (this.#pingedMs !== undefined) {
      return nowMs - this.#pingedMs >= keepaliveTimeoutMs ? "end" : "nothing";
    }
    if (nowMs - this.#heardMs < keepaliveTimeMs) return "nothing";
    this.#pingedMs = nowMs;
    return "ping";
  }
}
