// Knows whether the database can be served: looks on a timer, answers at once from the last look.
// Must not know how to look; it is given a probe.

import { setTimeout as delay } from "node:timers/promises";
import { HealthCheckResponse_ServingStatus as Serving } from "../../gen/health/v1/health_pb.ts";
import type { ProbeResult } from "../database/database.ts";
import { StoreError } from "../errors.ts";
import type { Limits } from "../limits.ts";
import type { Log } from "../observe/log.ts";

/** A status of `grpc.health.v1`. */
export type ServingStatus = (typeof Serving)[keyof typeof Serving];

/** What probes ask for who tell a server that must be started anew from one that gets no calls for now. */
const LIVENESS = "liveness";
const READINESS = "readiness";

/** What a monitor is made of. */
export interface MonitorConfig {
  /** The full names of the services that can be served only while the probe says so. */
  readonly services: readonly string[];
  /** The full names of those that are served until the server stops. */
  readonly alwaysServing?: readonly string[];
  readonly probe: () => Promise<ProbeResult>;
  /** What calls ask before they begin, in microseconds: why they must not, if they must not. */
  readonly glance?: () => StoreError | undefined;
  readonly limits: Pick<Limits, "probeIntervalMs" | "glanceIntervalMs">;
  readonly log: Log;
}

/** The health of each service; `""` is the server as a whole. */
export interface HealthMonitor {
  /** Takes the first look and then one every `probeIntervalMs`; resolves after the first. */
  start(): Promise<void>;
  /** Sets every service to NOT_SERVING, though the server is alive, for good, and looks no more. */
  stop(): void;
  /** The status of a service, undefined if there is none of that name. */
  status(service: string): ServingStatus | undefined;
  /** The status of every service by its name. */
  statuses(): Record<string, ServingStatus>;
  /** Resolves at the next change of any status, or when `signal` aborts. */
  changed(signal: AbortSignal): Promise<void>;
  /** How many wait for a change. */
  readonly waiting: number;
  /** What calls must be refused with now, if they must be. */
  gate(): StoreError | undefined;
}

/** A monitor; nothing is served before its first look. */
export function createHealthMonitor(config: MonitorConfig): HealthMonitor {
  const { probe, glance, limits, log } = config;
  const gated = new Set(["", ...config.services]);
  const names = new Set([LIVENESS, READINESS, ...gated, ...(config.alwaysServing ?? [])]);
  const waiters = new Set<() => void>();
  const stopping = new AbortController();
  let result: ProbeResult = notServing("the server is starting");
  let glancedMs = Number.NEGATIVE_INFINITY;

  function status(service: string): ServingStatus | undefined {
    // It answers.
    if (service === LIVENESS) return Serving.SERVING;
    if (service === READINESS) return status("");
    if (!names.has(service)) return undefined;
    const serving = result.serving || !gated.has(service);
    return serving && !stopping.signal.aborted ? Serving.SERVING : Serving.NOT_SERVING;
  }

  function announce(): void {
    for (const wake of [...waiters]) wake();
  }

  async function look(): Promise<void> {
    const found = await Promise.resolve()
      .then(probe)
      .catch((cause: unknown) => notServing("the health probe failed", cause));
    if (!stopping.signal.aborted) take(found);
  }

  function take(found: ProbeResult): void {
    const changed = found.serving !== result.serving || found.error?.code !== result.error?.code;
    result = found;
    if (!changed) return;
    if (found.serving) log.info("healthy");
    else log.error({ err: found.error }, "unhealthy: not serving");
    announce();
  }

  /** One look after the other: a slow one delays the next and never overlaps it. */
  async function lookAgain(): Promise<void> {
    const { signal } = stopping;
    while (!signal.aborted) {
      await delay(limits.probeIntervalMs, undefined, { signal, ref: false }).catch(() => {});
      if (!signal.aborted) await look();
    }
  }

  return {
    async start() {
      await look();
      void lookAgain();
    },
    stop() {
      // The gate stays as it is: calls that arrive before the connection closes are answered.
      stopping.abort();
      announce();
    },
    status,
    statuses: () =>
      Object.fromEntries([...names].map((name) => [name, status(name) ?? Serving.UNKNOWN])),
    changed(signal) {
      return new Promise((resolve) => {
        if (signal.aborted) return resolve();
        const wake = () => {
          waiters.delete(wake);
          signal.removeEventListener("abort", wake);
          resolve();
        };
        waiters.add(wake);
        signal.addEventListener("abort", wake);
      });
    },
    get waiting() {
      return waiters.size;
    },
    gate() {
      const nowMs = performance.now();
      const isDue = result.serving && nowMs - glancedMs >= limits.glanceIntervalMs;
      if (isDue) glancedMs = nowMs;
      const error = isDue ? glance?.() : undefined;
      // The health is what calls are told, and not only after the next look.
      if (error) take({ serving: false, error });
      return result.serving ? undefined : refusal(result.error);
    },
  };
}

/** What a caller is told; tables, migrations and what to do about them are in the log. */
function refusal(error: StoreError | undefined): StoreError {
  if (error?.code === "SCHEMA_MISMATCH") {
    return new StoreError(error.code, "the database does not have the schema that is needed");
  }
  if (error && /^(?:DATABASE|DISK)_/.test(error.code)) return error;
  const metadata = error ? { cause: error.code } : {};
  return new StoreError("DATABASE_UNAVAILABLE", "the database cannot be served", { metadata });
}

function notServing(message: string, cause?: unknown): ProbeResult {
  return { serving: false, error: new StoreError("DATABASE_UNAVAILABLE", message, { cause }) };
}
