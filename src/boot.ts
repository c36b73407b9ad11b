// Wires a service together: an open store, handlers, health, server. What is done once and what each
// process does for itself are apart. Is the only place where the layers meet.

import { create } from "@bufbuild/protobuf";
import { HealthCheckResponse_ServingStatus as Serving } from "../gen/health/v1/health_pb.ts";
import { DatabaseService, DatabaseStatusSchema } from "../gen/protostore/v1/database_service_pb.ts";
import { StoreService } from "../gen/protostore/v1/store_service_pb.ts";
import { checkAccess, openAdmission } from "./admission.ts";
import { createBackups } from "./backups.ts";
import { systemClock } from "./clock.ts";
import type { Config } from "./config.ts";
import { readPragma } from "./database/sqlite/connection/connection.ts";
import { watchNewestWrite } from "./database/sqlite/inspect/newest-write.ts";
import type { SqliteDatabase } from "./database/sqlite/sqlite-database.ts";
import type { Definition } from "./definition.ts";
import { StoreError } from "./errors.ts";
import { tryPlace } from "./grpc/address.ts";
import type { RunningServer } from "./grpc/server.ts";
import { createRowFaults } from "./handlers/row-faults.ts";
import { assembleServices, createHandlerTools, implement } from "./handlers/services.ts";
import { storeMethods } from "./handlers/store-service.ts";
import { findConditions, freeBytesAt } from "./health/conditions.ts";
import { databaseService } from "./health/database-service.ts";
import { type Filler, startFiller } from "./health/filler.ts";
import { maintainFor } from "./health/maintenance.ts";
import { createHealthMonitor } from "./health/monitor.ts";
import { type Scrubber, startScrubber } from "./health/scrubber.ts";
import { readServerStatus } from "./health/server-status.ts";
import { healthService } from "./health/service.ts";
import type { FigureSource } from "./metrics/server-figures.ts";
import type { Log } from "./observe/log.ts";
import { tellAll } from "./observe/tell-all.ts";
import { openStore } from "./open-store.ts";
import { explainList } from "./repositories/list.ts";
import { prepareSchedules } from "./schedules.ts";
import type { ResourcePlan } from "./schema/plan.ts";
import { serviceNameOf } from "./schema/resource-name.ts";
import { closeIfFailed, closeStore, prepareStore, type Store, tellOfUnindexed } from "./store.ts";

/** A service that answers. */
export interface RunningService {
  readonly port: number;
  /** That of the figures, if they are told over HTTP by this process. */
  readonly metricsPort?: number | undefined;
  /**
   * Goes on with what `next` says of limits, backups, maintenance and the log of calls, as far as that can
   * be changed while it runs; the rest of `next` changes nothing.
   * @throws StoreError INVALID_CONFIG if it cannot be used: then nothing has changed.
   */
  reload(next: Config): Promise<void>;
  /** Ends all calls in order, then closes the database. */
  stop(): Promise<void>;
}

/** One that is measured tells its figures. */
interface MeasuredService extends RunningService {
  readonly figures: FigureSource | undefined;
}

/**
 * Serves what is given as `config` says; creates and migrates the database if there is none.
 * @throws StoreError with an operator code if it cannot; the reason of `signal` if that aborts before.
 */
export async function serve(
  config: Config,
  definition: Definition,
  log: Log,
  signal: AbortSignal = NEVER,
): Promise<RunningService> {
  // Before a file is made for nothing; it is bound only when there is something to answer with.
  await tryPlace(config);
  await checkAccess(config, log);
  const metrics = await startMetrics(config, log);
  try {
    const store = await openStore(config, definition, log, true);
    return await closeIfFailed(store, async () => {
      signal.throwIfAborted();
      await prepareStore(store, config, definition, log);
      signal.throwIfAborted();
      const running = await serveStore(store, config, definition, log, signal);
      const { figures } = running;
      if (figures) {
        metrics?.use({ ...figures, families: async () => [await figures.families()] });
      }
      const told = tellOfUnindexed(store, log);
      const stop = async () => {
        await told;
        await running.stop();
        metrics?.close();
      };
      return { port: running.port, metricsPort: metrics?.port, reload: running.reload, stop };
    });
  } catch (error) {
    metrics?.close();
    throw error;
  }
}

/** Probes are answered from the start on. */
async function startMetrics({ metricsAddress, insecure = false }: Config, log: Log) {
  if (metricsAddress === undefined) return undefined;
  const { startMetricsServer } = await import("./metrics/metrics-server.ts");
  return startMetricsServer({ metricsAddress, insecure }, log);
}

/**
 * Does all that `serve` does before it serves: what is done once, however many processes serve.
 * @throws StoreError with an operator code if the database cannot be served.
 */
export async function prepare(
  config: Config,
  definition: Definition,
  log: Log,
  signal: AbortSignal = NEVER,
): Promise<void> {
  // Before a file is made for nothing; it is bound only when there is something to answer with.
  await tryPlace(config);
  await checkAccess(config, log);
  const store = await openStore(config, definition, log, true);
  await closeIfFailed(store, async () => {
    signal.throwIfAborted();
    await prepareStore(store, config, definition, log);
    await tellOfUnindexed(store, log);
  });
  await closeStore(store);
}

/**
 * Serves a database that `prepare` has prepared, perhaps in another process.
 * @throws StoreError with an operator code if it cannot.
 */
export async function servePrepared(
  config: Config,
  definition: Definition,
  log: Log,
  signal: AbortSignal = NEVER,
): Promise<MeasuredService> {
  const store = await openStore(config, definition, log);
  return closeIfFailed(store, () => serveStore(store, config, definition, log, signal));
}

/** For who cannot be told to stop while it starts. */
const NEVER: AbortSignal = new AbortController().signal;

async function serveStore(
  store: Store,
  config: Config,
  definition: Definition,
  log: Log,
  signal: AbortSignal,
): Promise<MeasuredService> {
  const { resources, methods = [], clock = systemClock } = definition;
  const { readOnly, limits, strictReads = false, reflection = "on" } = config;
  const { plans, registry, database, file, schema, checkDescriptors, metrics, telemetry } = store;
  const backups = createBackups(config, definition);
  const newestWrite = file && watchNewestWrite(file.connection, plans, config.database);
  const own = [...methods, implement(StoreService, storeMethods)];
  const monitor = createHealthMonitor({
    services: [...new Set([...resources, ...own].map(({ service }) => service.typeName))],
    alwaysServing: [DatabaseService.typeName],
    probe: async () => {
      const error = file?.checkFiles();
      if (error) return { serving: false, error };
      newestWrite?.look();
      if (file) tellOfHold(file, log);
      const found = await schema.look();
      // The migrations may have come while the server ran.
      if (found.serving) await checkDescriptors();
      return found;
    },
    ...(file && { glance: file.checkFile }),
    limits,
    log,
  });
  const admission = await openAdmission(config, resources, plans, log);
  let current = config;
  let serving: RunningServer | undefined;
  let scrubber: Scrubber | undefined;
  let filler: Filler | undefined;
  try {
    // Loaded while the writer thread starts.
    const { startServer } = await import("./grpc/server.ts");
    const { reflectionServices } = await import("./grpc/reflection.ts");
    const faults = createRowFaults(strictReads);
    const tools = createHandlerTools(database, plans, registry, limits, faults);
    const readStatus = async () => {
      const refusal = monitor.gate();
      const reason = refusal ?? database.writeRefusal();
      const { refusals, isPublic = false } = serving ?? {};
      const server = readServerStatus(metrics, database, faults.count, reason, refusals);
      const backup = await backups.newest();
      const rest = { server, ...(backup && { backup }) };
      const passes = { scrub: scrubber?.status(), fill: filler?.status() };
      try {
        const surroundings = {
          freeBytes: file ? await freeBytesAt(config.database) : Number.POSITIVE_INFINITY,
          nowMs: clock(),
          newestWriteMs: newestWrite?.timeMs(),
        };
        const parts = { ...passes, ...rest, schema: await schema.describe() };
        const status = create(DatabaseStatusSchema, { ...(await database.status()), ...parts });
        status.conditions = findConditions(status, { ...current, isPublic }, surroundings);
        return status;
      } catch (error) {
        // Why it is not served is told all the more if nothing else can be.
        if (refusal) return create(DatabaseStatusSchema, rest);
        throw error;
      }
    };
    const services = [
      ...assembleServices(resources, own, tools),
      databaseService({
        readStatus,
        explainQuery: (request) => explainList(database, plans, request),
        checkpoint: file ? file.checkpoint : refuseForFile,
        backUp: file ? backups.make : refuseForFile,
        maintain: (order, signal) => (file ? maintainFor(file, order, signal) : refuseForFile()),
      }),
      healthService(monitor),
    ];
    const schedules = await prepareSchedules(config, file, backups, log);
    await database.opened();
    signal.throwIfAborted();
    await monitor.start();
    const isReflected = reflection !== "off";
    const reflecting = isReflected ? reflectionServices(services.map(({ desc }) => desc)) : [];
    const measuring = config.metricsAddress === undefined ? undefined : await loadFigures();
    const calls = measuring?.createCallFigures();
    const { logCallsTo } = await import("./grpc/call-log.ts");
    const logCallsOf = ({ callLog }: Config) => callLog && logCallsTo(log, callLog, limits);
    let logCall = logCallsOf(config);
    const server = await startServer({
      services: [...services, ...reflecting],
      ...config,
      log,
      errorDomain: errorDomainOf(plans),
      ...admission,
      meterOf: calls?.meterOf,
      traceOf: telemetry?.traceOf,
      onUnknown: tellAll([calls?.onUnknown, telemetry?.onUnknown]),
      onFinished: tellAll([admission.onFinished, calls?.onFinished, (call) => logCall?.(call)]),
      gate: monitor.gate,
      onStopping: monitor.stop,
    });
    serving = server;
    schedules.start();
    scrubber = startScrubber({ database, plans, limits, log });
    // A server of its own does not tell whether anybody has written.
    const version = () => (file ? readPragma(file.connection, "data_version") : {});
    if (!readOnly) filler = startFiller({ database, version, plans, limits, log });
    const reload = async (next: Config) => {
      await schedules.change(next);
      const { backups: _, ...others } = config;
      current = next.backups ? { ...others, backups: next.backups } : others;
      logCall = logCallsOf(next);
    };
    const stop = async () => {
      const passes = [schedules, scrubber, filler];
      await Promise.all([...passes.map((pass) => pass?.stop()), server.stop()]);
      admission.close();
      await closeStore(store);
    };
    const isReady = () => monitor.status("") === Serving.SERVING;
    const inFile = file && {
      path: config.database,
      pageCount: () => Number(readPragma(file.connection, "page_count")),
    };
    const figures =
      calls &&
      measuring?.figuresOf({
        isReady,
        calls,
        refusals: () => server.refusals,
        delay: metrics.delay,
        database: () => measuring.databaseFamilies(database, inFile),
        backup: backups.newest,
      });
    return { port: server.port, figures, reload, stop };
  } catch (error) {
    admission.close();
    monitor.stop();
    throw error;
  }
}

/** Loaded only if figures are asked for. */
async function loadFigures() {
  const { createCallFigures } = await import("./metrics/call-figures.ts");
  const { databaseFamilies } = await import("./metrics/database-figures.ts");
  const { figuresOf } = await import("./metrics/server-figures.ts");
  return { createCallFigures, databaseFamilies, figuresOf };
}

/** @throws StoreError NOT_SUPPORTED */
function refuseForFile(): never {
  throw new StoreError(
    "NOT_SUPPORTED",
    "the database is in no file: PostgreSQL has its own way for this",
  );
}

/** The reasons of errors are of the service that the resource types name. */
function errorDomainOf([plan]: readonly ResourcePlan[]): string {
  return plan ? serviceNameOf(plan.resource) : "protostore.v1";
}

/** Says when a read transaction begins, and ends, to keep the write-ahead log from being cut. */
function tellOfHold({ logHold }: SqliteDatabase, log: Log): void {
  const change = logHold.look();
  if (change === "began") {
    log.warn({ ...logHold.hold }, "the log grows: a read transaction keeps it from being cut");
  } else if (change === "ended") log.info("the log can be cut again");
}
