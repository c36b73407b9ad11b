// When those should come again who are refused for want of room: the later, the more of them there are, and
// not all at once. To refuse costs nearly as much as to answer. Must not know why they are refused.

/** With more refusals in a second than this, they are sent away for longer. */
const PER_SECOND_MAX = 200;
/** Times the usual delay. */
const FACTOR_MAX = 32;
const WINDOW_MS = 250;
/** Those who were sent away must have had the time to come again before it is said that there are few: so long for each of the factor. */
const CALM_MS = 400;

/** Tells it. */
export interface RetryPace {
  /** Counts a refusal; how much longer than usual its caller should stay away: 1 is as usual. */
  refuse(nowMs: number): number;
}

/** Nobody has been refused; `random` is from 0 to 1. */
export function createRetryPace(random: () => number = Math.random): RetryPace {
  let factor = 1;
  let count = 0;
  let sinceMs = Number.NEGATIVE_INFINITY;
  let calmMs = sinceMs;

  function endWindow(nowMs: number): void {
    const perSecond = (count * 1_000) / (nowMs - sinceMs);
    sinceMs = nowMs;
    count = 0;
    if (perSecond > PER_SECOND_MAX) {
      factor = Math.min((factor * perSecond) / PER_SECOND_MAX, FACTOR_MAX);
      calmMs = nowMs;
    }
    for (; factor > 1 && nowMs - calmMs > factor * CALM_MS; factor = Math.max(factor / 2, 1)) {
      calmMs += factor * CALM_MS;
    }
  }

  return {
    refuse(nowMs) {
      if (nowMs - sinceMs >= WINDOW_MS) endWindow(nowMs);
      count += 1;
      return factor === 1 ? 1 : factor * (0.5 + random());
    },
  };
}
