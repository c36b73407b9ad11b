// Wires a service together: database, schema check, handlers, health, server. What is done once and
// what each process does for itself are apart. Is the only place where the layers meet.

import { statSync } from "node:fs";
import { create } from "@bufbuild/protobuf";
import { DatabaseService, DatabaseStatusSchema } from "../gen/protostore/v1/database_service_pb.ts";
import { StoreService } from "../gen/protostore/v1/store_service_pb.ts";
import { openAdmission } from "./admission.ts";
import { systemClock } from "./clock.ts";
import type { Config } from "./config.ts";
import { type Connection, readPragma } from "./database/sqlite/connection/connection.ts";
import { createDescriptorCheck } from "./database/sqlite/descriptors/descriptors.ts";
import { createSchemaProbe } from "./database/sqlite/inspect/schema-probe.ts";
import { refuseUnmanaged } from "./database/sqlite/migrate/detect.ts";
import { readMigrationFiles } from "./database/sqlite/migrate/files.ts";
import { type MigrateOptions, migrateUp, readSkipped } from "./database/sqlite/migrate/migrate.ts";
import {
  nameDatabase,
  openDatabase,
  requireWritable,
  requireWriteAheadLog,
} from "./database/sqlite/migrate/target.ts";
import { openSqlite, type SqliteDatabase } from "./database/sqlite/sqlite-database.ts";
import type { Definition } from "./definition.ts";
import { StoreError } from "./errors.ts";
import { loadFixtures } from "./fixtures.ts";
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
import { watchEventLoop } from "./observe/event-loop.ts";
import type { Log } from "./observe/log.ts";
import { explainList } from "./repositories/list.ts";
import { planResources, type ResourcePlan } from "./schema/plan.ts";
import { registryOf } from "./schema/registry.ts";
import { serviceNameOf } from "./schema/resource-name.ts";

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

type Migrations = Pick<MigrateOptions, "files" | "foreign">;

/** An open database and what is known of it. */
type Store = Awaited<ReturnType<typeof openStore>>;

/**
 * `makeReady` runs once the plans are made: what cannot be planned leaves no file behind. The connection
 * that it returns stays open until there is another: to close the last one copies the whole log, and
 * the next would have to read it again.
 */
async function openStore(
  config: Config,
  definition: Definition,
  log: Log,
  makeReady?: (config: Config, migrations: Migrations, log: Log) => Promise<Connection | undefined>,
) {
  const { resources, definitions, foreign, clock = systemClock } = definition;
  const plans = planResources(resources);
  const registry = registryOf(resources.map(({ resource }) => resource));
  const files = readMigrationFiles(config.migrations ?? definition.migrations);
  if (!config.readOnly) requireWritable(config.database, "to serve it as it is, add --read-only");
  const first = await makeReady?.(config, { files, foreign }, log);
  const metrics = watchEventLoop();
  let database: SqliteDatabase;
  try {
    if (!config.readOnly) {
      await requireWriteAheadLog(config.database, config.limits.migrationLockTimeoutMs);
    }
    database = openSqlite({
      ...config,
      path: config.database,
      definitions,
      registry,
      log,
      onStatement: metrics.recordStatement,
    });
  } catch (error) {
    metrics.stop();
    throw error;
  } finally {
    first?.close();
  }
  const schema = createSchemaProbe(database.connection, plans, files);
  const { readOnly, limits } = config;
  const batchRows = limits.derivationRows;
  const source = { database, plans, registry, readOnly, log, clock, batchRows };
  const checkDescriptors = createDescriptorCheck(source);
  return { plans, registry, database, schema, checkDescriptors, metrics };
}

async function closeStore({ database, metrics }: Store): Promise<void> {
  await database.close();
  metrics.stop();
}

async function closeIfFailed<T>(store: Store, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    await closeStore(store);
    throw error;
  }
}

/** Refuses tables and rows that do not fit, derives rows anew, and loads the fixtures. */
async function prepareStore(
  store: Store,
  { fixtures }: Config,
  { linkFixtures }: Definition,
  log: Log,
): Promise<void> {
  const { database, plans, registry, schema, checkDescriptors } = store;
  schema.refuseDifferences();
  if (schema.look().serving) await checkDescriptors();
  if (fixtures !== undefined && schema.look().serving && (await isUntouched(database))) {
    const count = await loadFixtures(database, plans, registry, fixtures, linkFixtures);
    log.info({ count }, "loaded the fixtures");
  }
}

/** Tells the operator which fields no index serves; never rejects. */
async function tellOfUnindexed({ database, plans, schema }: Store, log: Log): Promise<void> {
  if (!schema.look().serving) return;
  try {
    for await (const field of database.findUnindexed(plans)) log.warn(field);
  } catch (error) {
    log.error({ err: error }, "the indexes cannot be looked at");
  }
}

async function serveStore(
  store: Store,
  config: Config,
  { resources, methods = [] }: Definition,
  log: Log,
  signal: AbortSignal,
): Promise<RunningService> {
  const { readOnly, limits, strictReads = false, reflection = "on" } = config;
  const { plans, registry, database, schema, checkDescriptors, metrics } = store;
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
  const admission = openAdmission(config, resources, plans, log);
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
          try {
            return { ...(await database.status()), schema: schema.describe(), ...passes, server };
          } catch (error) {
            // Why it is not served is told all the more if nothing else can be.
            if (refusal) return create(DatabaseStatusSchema, { server });
            throw error;
          }
        },
        (request) => explainList(database, plans, request),
      ),
      healthService(monitor),
    ];
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
    scrubber = startScrubber({ database, plans, limits, log });
    const version = () => readPragma(database.connection, "data_version");
    if (!readOnly) filler = startFiller({ database, version, plans, limits, log });
    const stop = async () => {
      await Promise.all([scrubber?.stop(), filler?.stop(), server.stop()]);
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

/**
 * Makes a new file; an old one must be ours, and is migrated only by the operator's command. Returns
 * the connection with which an old one was looked at.
 */
async function prepareFile(
  { database: path, readOnly, limits }: Config,
  migrations: Migrations,
  log: Log,
): Promise<Connection | undefined> {
  const file = statSync(path, { throwIfNoEntry: false });
  if (file && !file.isFile()) {
    throw new StoreError("DATABASE_UNAVAILABLE", `${path} is not a file`);
  }
  const isThere = file !== undefined && file.size > 0;
  const connection = isThere ? openUnlessEmpty(path, migrations, log) : undefined;
  if (connection || readOnly) return connection;
  const lockTimeoutMs = limits.migrationLockTimeoutMs;
  const { notices } = await migrateUp(path, { ...migrations, lockTimeoutMs });
  for (const notice of notices) log.warn(notice);
  return undefined;
}

/** Undefined if nothing is in it: a first migration that failed, or was killed, leaves such a file. */
function openUnlessEmpty(
  path: string,
  { files, foreign }: Migrations,
  log: Log,
): Connection | undefined {
  const connection = openDatabase(path, { readOnly: true });
  try {
    const kind = refuseUnmanaged(connection, path, foreign);
    for (const name of readSkipped(connection, files)) {
      log.warn({ migration: name }, "this migration arrived below the version and is not run");
    }
    if (kind === "managed") return connection;
  } catch (error) {
    connection.close();
    throw nameDatabase(path, error);
  }
  connection.close();
  return undefined;
}

/** True if nothing was ever committed. */
async function isUntouched(database: {
  status(): Promise<{ revision: bigint }>;
}): Promise<boolean> {
  return (await database.status()).revision === 0n;
}
