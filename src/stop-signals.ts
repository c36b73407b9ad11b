// SIGINT, SIGTERM and SIGHUP of a process that serves: heard from its first moment, whatever it is doing.
// Must not know what is stopped; imports nothing of the service, since it comes before all else.

import cluster from "node:cluster";

/** A signal that tells a server to stop. */
export type StopSignal = "SIGHUP" | "SIGINT" | "SIGTERM";

const SIGNAL_NUMBERS: Readonly<Record<StopSignal, number>> = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 };

/**
 * A signal that follows so soon is the same one: a terminal sends it to all processes of its group,
 * and npm, which is one of them, passes it on.
 */
const SAME_SIGNAL_MS = 1_000;

/** How long a start that is to end may take to its next step. */
const START_GRACE_MS = 3_500;

const stopping = new AbortController();
const lastActions = new Set<() => void>();
let firstMs: number | undefined;

/** Aborts when the process is told to stop. */
export const stopSignal: AbortSignal = stopping.signal;

/**
 * From here on the signal aborts `stopSignal`, and another one, a second later, ends the process at
 * once. Without a handler the kernel would not even deliver it to the first process of a container.
 */
export function catchStopSignals(names: readonly StopSignal[] = ["SIGINT", "SIGTERM"]): void {
  for (const name of names) process.on(name, cluster.isWorker ? obeyPrimary : receive);
}

let onHangUp: (() => void) | undefined;
let isHungUp = false;

/**
 * From here on SIGHUP is what `whenHungUp` says, once that is said. In a child it is nothing: what the
 * first process does is enough.
 */
export function catchHangUp(): void {
  process.on("SIGHUP", () => {
    if (cluster.isWorker) return;
    if (onHangUp) onHangUp();
    else isHungUp = true;
  });
}

/** Runs `action` for each SIGHUP from now on, and for one that has come before. */
export function whenHungUp(action: () => void): void {
  onHangUp = action;
  if (isHungUp) action();
}

/** Runs `action` before the process is ended at once; what it starts is not waited for. */
export function beforeEndAtOnce(action: () => void): void {
  lastActions.add(action);
}

/**
 * What `start` returns, or undefined if it has given up since `signal` has aborted. A start that
 * does not give up soon is ended with the process: in the database that is as good as a rollback.
 */
export async function startUnlessStopped<T>(
  signal: AbortSignal,
  start: (signal: AbortSignal) => Promise<T>,
): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const watch = () => {
    timer = setTimeout(() => endAtOnce("SIGTERM"), START_GRACE_MS);
  };
  if (signal.aborted) return undefined;
  signal.addEventListener("abort", watch);
  try {
    return await start(signal);
  } catch (error) {
    if (signal.aborted && error === signal.reason) return undefined;
    throw error;
  } finally {
    signal.removeEventListener("abort", watch);
    clearTimeout(timer);
  }
}

/**
 * Ends the process, which has stopped. By itself Node.js would first give up its handlers, and a signal
 * that comes late, for example by way of npm, would kill it.
 */
export function endStopped(): never {
  process.exit();
}

function receive(name: NodeJS.Signals): void {
  const nowMs = performance.now();
  firstMs ??= nowMs;
  if (nowMs - firstMs > SAME_SIGNAL_MS) endAtOnce(name as StopSignal);
  stopping.abort();
}

/** A terminal sends SIGINT to the children too, but the primary says when they stop, or end. */
function obeyPrimary(name: NodeJS.Signals): void {
  if (name === "SIGTERM") stopping.abort();
}

/** Whatever is going on, the file is whole: it is what a crash would leave. */
function endAtOnce(name: StopSignal): never {
  for (const action of lastActions) action();
  process.exit(128 + SIGNAL_NUMBERS[name]);
}
