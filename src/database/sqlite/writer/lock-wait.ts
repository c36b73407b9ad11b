// Waits in a thread of its own until another process may have let go of the write lock.
// Must never be called on the main thread: it blocks.

const FIRST_DELAY_MS = 0.1;
const LAST_DELAY_MS = 1;

const never = new Int32Array(new SharedArrayBuffer(4));

/** Blocks the thread before the attempt after `attempt`, which counts from 0. */
export function waitForLock(attempt: number): void {
  const delayMs = Math.min(FIRST_DELAY_MS * 2 ** attempt, LAST_DELAY_MS);
  // The jitter keeps competitors from meeting again.
  Atomics.wait(never, 0, 0, delayMs * (0.5 + Math.random()));
}
