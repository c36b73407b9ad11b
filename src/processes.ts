// Several server processes on one port: the primary starts them, replaces those that end, and stops
// them. Must not know what they serve: the database is all that they share.

import cluster, { type Worker } from "node:cluster";
import { randomBytes } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import type { BackupConfig, Config } from "./config.ts";
import { type ErrorCode, StoreError } from "./errors.ts";
import type { FigureSource } from "./metrics/server-figures.ts";
import type { Log } from "./observe/log.ts";
import { beforeEndAtOnce, endStopped, startUnlessStopped, stopSignal } from "./stop-signals.ts";

/** What serves on a port until it is stopped. */
interface Running {
  readonly port: number;
  readonly metricsPort?: number | undefined;
  readonly figures?: FigureSource | undefined;
  /** @throws StoreError INVALID_CONFIG, as the service's own. */
  reload(next: Config): Promise<void>;
  stop(): Promise<void>;
}

/** What the primary tells a child whose settings have changed. */
interface Change {
  readonly settings: Config;
}

/** What a child tells the primary once: that it serves, or why it cannot. */
type Report = { readonly port: number } | { readonly code: ErrorCode; readonly message: string };

interface Child {
  readonly worker: Worker;
  /** Resolves with its port when it serves, rejects if it cannot. */
  readonly serving: Promise<number>;
  /** Resolves with its exit code, the signal that killed it, or why it was never there. */
  readonly ended: Promise<number | string>;
}

const FIRST_RESTART_MS = 100;
const LAST_RESTART_MS = 10_000;
/** How long after a child's exit the end of its channel is waited for. */
const CHANNEL_END_MS = 500;
/** Uptime after which the restart delay of a child is reset. */
const STABLE_MS = 30_000;
/** Set for children: the settings of all, where they listen, and the seed of what they share beside the database. */
const CONFIG_VARIABLE = "PROTOSTORE_CHILD_CONFIG";
const ADDRESS_VARIABLE = "PROTOSTORE_CHILD_ADDRESS";
const SEED_VARIABLE = "PROTOSTORE_CHILD_SECRET_SEED";
/** Which of the children it is, from 0 on: what only one of them does is done by the first. */
const PLACE_VARIABLE = "PROTOSTORE_CHILD_PLACE";
const SEED_BYTES = 32;

/** True in a process that `startServerProcesses` has started. */
export function isServerChild({ processes }: Config): boolean {
  return processes > 1 && cluster.isWorker;
}

/**
 * Runs this command `config.processes` times as children that share the port, and keeps up their
 * number; resolves when all of them serve.
 * @throws StoreError as the first child that could not start; the reason of `told` if that aborts before.
 */
export async function startServerProcesses(
  config: Config,
  log: Log,
  told: AbortSignal,
): Promise<Running> {
  told.throwIfAborted();
  // Said because it is not the default everywhere: connections are few and live long.
  cluster.schedulingPolicy = cluster.SCHED_RR;
  const children = new Set<Child>();
  /** Those that have come so far that no signal ends them by chance. */
  const serving = new Set<Worker>();
  const stopping = new AbortController();
  const { signal } = stopping;
  const seed = randomBytes(SEED_BYTES).toString("hex");
  let { address } = config;
  let current = config;
  let port: number | undefined;
  const metrics = await startMetrics(config, log);

  function start(place: number): Child {
    const own = {
      // Not read again by each: the file of settings may be another by the time one is replaced.
      [CONFIG_VARIABLE]: JSON.stringify(current),
      [ADDRESS_VARIABLE]: address,
      [SEED_VARIABLE]: seed,
      [PLACE_VARIABLE]: String(place),
    };
    const child = startChild(own, log);
    children.add(child);
    void child.ended.then(() => children.delete(child));
    const addServing = () => {
      serving.add(child.worker);
      metrics?.add(child.worker);
    };
    child.serving.then(addServing).catch(() => {});
    void child.ended.then(() => serving.delete(child.worker));
    return child;
  }

  /**
   * Children share a port under the address that each asks for. If that lets the system choose one,
   * the choice is lost when all have died: from then on the port is asked for by its number.
   */
  function checkPort({ serving, worker }: Child): void {
    const check = (found: number) => {
      if (found === port) return;
      address = address.replace(/:0+$/, `:${port}`);
      worker.process.kill("SIGKILL");
    };
    serving.then(check, (err: unknown) => log.error({ err }, "a server process cannot start"));
  }

  async function keepServing(first: Child, place: number): Promise<void> {
    let child = first;
    let pauseMs = 0;
    for (;;) {
      const startedMs = Date.now();
      const ended = await child.ended;
      if (signal.aborted) return;
      const isStable = Date.now() - startedMs >= STABLE_MS;
      pauseMs = isStable || pauseMs === 0 ? FIRST_RESTART_MS : pauseMs * 2;
      pauseMs = Math.min(pauseMs, LAST_RESTART_MS);
      const facts = { child: child.worker.process.pid, ended, pauseMs };
      log.error(facts, "a server process has ended; another will take its place");
      await delay(pauseMs, undefined, { signal }).catch(() => {});
      if (signal.aborted) return;
      child = start(place);
      checkPort(child);
    }
  }

  async function reload(next: Config): Promise<void> {
    current = next;
    const change: Change = { settings: next };
    for (const worker of serving) worker.send(change, () => {});
  }

  async function stop(): Promise<void> {
    stopping.abort();
    kill("SIGTERM");
    log.info("stopping");
    await Promise.all([...children].map(({ ended }) => ended));
    metrics?.close();
    log.info("stopped");
  }

  function kill(name: NodeJS.Signals): void {
    for (const { worker } of children) worker.process.kill(name);
  }

  beforeEndAtOnce(() => kill("SIGKILL"));
  process.on("SIGUSR2", () => {
    for (const worker of serving) worker.process.kill("SIGUSR2");
  });
  const first = Array.from({ length: config.processes }, (_, place) => start(place));
  const giveUp = () => kill("SIGTERM");
  told.addEventListener("abort", giveUp);
  try {
    [port] = await Promise.all(first.map(({ serving }) => serving));
    told.throwIfAborted();
  } catch (error) {
    await stop();
    throw told.aborted ? told.reason : error;
  } finally {
    told.removeEventListener("abort", giveUp);
  }
  for (const [place, child] of first.entries()) void keepServing(child, place);
  return { port: port as number, metricsPort: metrics?.port, reload, stop };
}

function startChild(environment: Readonly<Record<string, string>>, log: Log): Child {
  const worker = cluster.fork(environment);
  const ended = new Promise<number | string>((resolve) => {
    worker.once("exit", (code, signal) => {
      const end = () => resolve(signal ?? code);
      if (!worker.isConnected()) return end();
      // What it has reported may be read after its exit, but before the end of its channel, for which
      // nothing else would keep this process waiting.
      worker.once("disconnect", end);
      setTimeout(end, CHANNEL_END_MS);
    });
    worker.on("error", (error) => {
      log.error({ err: error, child: worker.process.pid }, "a server process cannot be reached");
      // One that could not be made has no exit.
      if (worker.process.pid === undefined) resolve(error.message);
    });
  });
  const serving = new Promise<number>((resolve, reject) => {
    worker.once("message", (report: Report) => {
      if ("port" in report) resolve(report.port);
      else reject(new StoreError(report.code, report.message));
    });
    void ended.then((how) =>
      reject(new StoreError("INTERNAL", `a server process ended at its start (${how})`)),
    );
  });
  return { worker, serving, ended };
}

/** In a child: the settings that the primary has given it. */
export function childConfig(): Config | undefined {
  const text = cluster.isWorker ? process.env[CONFIG_VARIABLE] : undefined;
  return text === undefined ? undefined : Object.freeze(JSON.parse(text) as Config);
}

/** What one of the children does with the settings of all: what only one of them does is done by the first. */
function ownSettings(config: Config): Config {
  if (process.env[PLACE_VARIABLE] === "0") return config;
  const off = { scrubRowsPerSecond: 0, fillRowsPerSecond: 0, checkpointIntervalMs: 0 };
  const { maintenance, ...others } = config;
  // Any of them makes a backup that it is asked for.
  const backups = config.backups && { backups: withoutSchedule(config.backups) };
  return { ...others, ...backups, limits: { ...config.limits, ...off } };
}

/**
 * In a child: serves until the primary says stop, or is gone. `start` gets the config with what
 * the children have in common.
 */
export async function runServerChild(
  config: Config,
  start: (config: Config, signal: AbortSignal) => Promise<Running>,
  log: Log,
): Promise<void> {
  // Otherwise a child exits at once, in the middle of its calls, when the primary is gone.
  if (cluster.worker) cluster.worker.exitedAfterDisconnect = true;
  const orphaned = new AbortController();
  process.once("disconnect", () => orphaned.abort());
  const signal = AbortSignal.any([stopSignal, orphaned.signal]);
  const told = new Promise<void>((stop) => signal.addEventListener("abort", () => stop()));
  try {
    const { [ADDRESS_VARIABLE]: address = config.address, [SEED_VARIABLE]: secretSeed = "" } =
      process.env;
    const own = { ...ownSettings(config), address, secretSeed };
    const service = await startUnlessStopped(signal, () => start(own, signal));
    if (service) {
      obeyChanges(service, log);
      if (service.figures) await answer(service.figures);
      await report({ port: service.port });
      if (!signal.aborted) await told;
      await service.stop();
    }
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    await report({ code: error.code, message: error.message });
    process.exitCode = 1;
  }
  if (process.connected) process.disconnect();
  endStopped();
}

function obeyChanges(service: Running, log: Log): void {
  process.on("message", ({ settings }: Partial<Change>) => {
    if (!settings) return;
    // The primary has found them to be of use.
    service.reload(ownSettings(settings)).catch((err: unknown) => {
      log.error({ err }, "the settings cannot be used; they stay as they were");
    });
  });
}

function withoutSchedule(backups: BackupConfig): BackupConfig {
  const { intervalMs: _intervalMs, schedule: _schedule, keep: _keep, ...asked } = backups;
  return asked;
}

/** The figures of all children, told by the primary. */
async function startMetrics({ metricsAddress, insecure = false }: Config, log: Log) {
  if (metricsAddress === undefined) return undefined;
  const { startMetricsServer } = await import("./metrics/metrics-server.ts");
  const { createChildFigures } = await import("./metrics/child-figures.ts");
  const server = await startMetricsServer({ metricsAddress, insecure }, log);
  const figures = createChildFigures();
  server.use(figures);
  return { port: server.port, add: figures.add, close: server.close };
}

async function answer(figures: FigureSource): Promise<void> {
  const { answerPrimary } = await import("./metrics/child-figures.ts");
  answerPrimary(figures);
}

async function report(report: Report): Promise<void> {
  // That the primary is gone is told by `disconnect`, not by this.
  await new Promise((resolve) => process.send?.(report, undefined, undefined, resolve));
}
