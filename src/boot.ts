// Wires a service together: an open store, handlers, health, server. What is done once and what each
// process does for itself are apart. Is the only place where the layers meet.

import { create } from "@bufbuild/protobuf";
import { DatabaseService, DatabaseStatusSchema } from "../gen/protostore/v1/database_service_pb.ts";
import { StoreService } from "../gen/protostore/v1/store_service_pb.ts";
import { openAdmission } from "./admission.ts";
import { createBackups } from "./backups.ts";
import type { Config } from "./config.ts";
import { readPragma } from "./database/sqlite/connection/connection.ts";
import type { SqliteDatabase } from "./database/sqlite/sqlite-database.ts";
import type { Definition } from "./definition.ts";
import { tryPlace } from "./grpc/address.ts";
import { createRowFaults } from "./handlers/row-faults.ts";
import { assembleServices, createHandlerTools, implement } from "./handlers/services.ts";
import { storeMethods } from "./handlers/store-service.ts";
import { databaseService } from "./health/database-service.ts";
import { type Filler, startFiller } from "./health/filler.ts";
import { createHealthMonitor } from "./health/monitor.ts";
import { type Scrubber, startScrubber } from "./health/scrubber.ts";
import { readServerStatus } from "./health/server-status.ts";
import { healthService } from "./health/service.ts";
import type { Log } from "./observe/log.ts";
import { explainList } from "./repositories/list.ts";
import type { ResourcePlan } from "./schema/plan.ts";
import { serviceNameOf } from "./schema/resource-name.ts";
import {
  closeIfFailed,
  closeStore,
  openStore,
  prepareFile,
  prepareStore,
  type Store,
  tellOfUnindexed,
} from "./store.ts";

/** A service that answers. */
export interface RunningService {
  readonly port: number;
  /** Ends all calls in order, then closes the database. */
  stop(): Promise<void>;
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
  const store = await openStore(config, definition, log, prepareFile);
  return closeIfFailed(store, async () => {
    signal.throwIfAborted();
    await prepareStore(store, config, definition, log);
    signal.throwIfAborted();
    const { port, stop } = await serveStore(store, config, definition, log, signal);
    const told = tellOfUnindexed(store, log);
    return { port, stop: () => told.then(stop) };
  });
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
  const store = await openStore(config, definition, log, prepareFile);
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
): Promise<RunningService> {
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
): Promise<RunningService> {
  const { resources, methods = [] } = definition;
  const { readOnly, limits, strictReads = false, reflection = "on" } = config;
  const { plans, registry, database, schema, checkDescriptors, metrics } = store;
  const backups = createBackups(config, definition);
  const own = [...methods, implement(StoreService, storeMethods)];
  const monitor = createHealthMonitor({
    services: [...new Set([...resources, ...own].map(({ service }) => service.typeName))],
    alwaysServing: [DatabaseService.typeName],
    probe: async () => {
      const error = database.checkFiles();
      if (error) return { serving: false, error };
      tellOfHold(database, log);
      const found = schema.look();
      // The migrations may have come while the server ran.
      if (found.serving) await checkDescriptors();
      return found;
    },
    glance: database.checkFile,
    limits,
    log,
  });
  const admission = await openAdmission(config, resources, plans, log);
  let scrubber: Scrubber | undefined;
  let filler: Filler | undefined;
  try {
    // Loaded while the writer thread starts.
    const { startServer } = await import("./grpc/server.ts");
    const { reflectionServices } = await import("./grpc/reflection.ts");
    const faults = createRowFaults(strictReads);
    const tools = createHandlerTools(database, plans, registry, limits, faults);
    const services = [
      ...assembleServices(resources, own, tools),
      databaseService(
        async () => {
          const refusal = monitor.gate();
          const reason = refusal ?? database.writeRefusal();
          const server = readServerStatus(metrics, database, faults.count, reason);
          const passes = { scrub: scrubber?.status(), fill: filler?.status() };
          const backup = await backups.newest();
          const rest = { ...passes, server, ...(backup && { backup }) };
          try {
            return { ...(await database.status()), schema: schema.describe(), ...rest };
          } catch (error) {
            // Why it is not served is told all the more if nothing else can be.
            if (refusal) return create(DatabaseStatusSchema, { server, ...(backup && { backup }) });
            throw error;
          }
        },
        (request) => explainList(database, plans, request),
        backups.make,
      ),
      healthService(monitor),
    ];
    const startSchedule = await backups.prepareSchedule(log);
    await database.opened();
    signal.throwIfAborted();
    await monitor.start();
    const isReflected = reflection !== "off";
    const reflecting = isReflected ? reflectionServices(services.map(({ desc }) => desc)) : [];
    const server = await startServer({
      services: [...services, ...reflecting],
      ...config,
      log,
      errorDomain: errorDomainOf(plans),
      ...admission,
      gate: monitor.gate,
      onStopping: monitor.stop,
    });
    const schedule = startSchedule?.();
    scrubber = startScrubber({ database, plans, limits, log });
    const version = () => readPragma(database.connection, "data_version");
    if (!readOnly) filler = startFiller({ database, version, plans, limits, log });
    const stop = async () => {
      await Promise.all([schedule?.stop(), scrubber?.stop(), filler?.stop(), server.stop()]);
      admission.close();
      await closeStore(store);
    };
    return { port: server.port, stop };
  } catch (error) {
    admission.close();
    monitor.stop();
    throw error;
  }
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
