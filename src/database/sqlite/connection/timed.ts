// Tells how long a statement has blocked the thread that ran it.
// Must not know statements: what it times may be any function.

/** Told how long a statement took, in nanoseconds. */
export type OnStatement = (ns: number) => void;

/** The result of `work`; the time is told even if it fails. */
export function timed<T>(work: () => T, onStatement: OnStatement | undefined): T {
  const startMs = performance.now();
  try {
    return work();
  } finally {
    onStatement?.((performance.now() - startMs) * 1e6);
  }
}
