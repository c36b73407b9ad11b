// How long calls wait for the main thread: the delay of its event loop, and the database statements
// that it runs itself. Measures only; whoever reports it asks.

import { createHistogram, monitorEventLoopDelay } from "node:perf_hooks";

/** How often the event loop's delay is sampled: a shorter block is seen only by chance. */
const RESOLUTION_MS = 10;

/** The distribution of durations in nanoseconds; all zero as long as there are none. */
export interface Delays {
  readonly p50Ns: number;
  readonly p99Ns: number;
  readonly maxNs: number;
  readonly count: number;
}

/** What is measured of the main thread since the measuring began. */
export interface EventLoopMetrics {
  /** How late the loop was, each time that it was sampled. */
  delay(): Delays;
  /** How long the statements took that blocked the loop. */
  statements(): Delays;
  /** Counts a statement that has blocked the loop. */
  recordStatement(run: { readonly durationNs: number }): void;
  /** How long the measuring has gone on, in milliseconds. */
  uptimeMs(): number;
  stop(): void;
}

/** Begins to measure; it keeps no process alive. */
export function watchEventLoop(): EventLoopMetrics {
  const startedMs = performance.now();
  const loop = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  const statements = createHistogram();
  loop.enable();
  return {
    // What is sampled is the time between two timers, of which the resolution is no delay.
    delay: () => summarize(loop, RESOLUTION_MS * 1e6),
    statements: () => summarize(statements, 0),
    recordStatement: ({ durationNs }) => statements.record(Math.max(1, Math.round(durationNs))),
    uptimeMs: () => performance.now() - startedMs,
    stop: () => loop.disable(),
  };
}

interface Histogram {
  readonly count: number;
  readonly max: number;
  percentile(percentile: number): number;
}

function summarize(histogram: Histogram, baseNs: number): Delays {
  const above = (ns: number) => Math.max(0, ns - baseNs);
  return {
    p50Ns: above(histogram.percentile(50)),
    p99Ns: above(histogram.percentile(99)),
    maxNs: above(histogram.max),
    count: histogram.count,
  };
}
