// Wires a service together: database, schema check, handlers, health, server.
// Is the only place where the layers meet.

import { statSync } from "node:fs";
import { DatabaseService } from "../gen/protostore/v1/database_service_pb.ts";
import type { Config } from "./config.ts";
import { openSqlite } from "./database/sqlite/sqlite-database.ts";
import { StoreError } from "./errors.ts";
import { loadFixtures } from "./fixtures.ts";
import { reflectionServices } from "./grpc/reflection.ts";
import { startServer } from "./grpc/server.ts";
import {
  assembleService,
  createHandlerTools,
  type OwnService,
  type ResourceService,
} from "./handlers/services.ts";
import { databaseService } from "./health/database-service.ts";
import { createHealthMonitor } from "./health/monitor.ts";
import { createSchemaProbe } from "./health/schema-probe.ts";
import { type QueueLengths, readServerStatus } from "./health/server-status.ts";
import { healthService } from "./health/service.ts";
import { createListCosts } from "./list-costs.ts";
import { refuseUnmanaged } from "./migrate/detect.ts";
import { readMigrationFiles } from "./migrate/files.ts";
import { migrateUp } from "./migrate/migrate.ts";
import { nameDatabase, openDatabase } from "./migrate/target.ts";
import { watchEventLoop } from "./observe/event-loop.ts";
import type { Log } from "./observe/log.ts";
import { planResources } from "./schema/plan.ts";
import { registryOf } from "./schema/registry.ts";

/** What is served. */
export interface Served {
  readonly resources: readonly ResourceService[];
  readonly services?: readonly OwnService[];
}

/** A service that answers. */
export interface RunningService {
  readonly port: number;
  /** Ends all calls in order, then closes the database. */
  stop(): Promise<void>;
}

/**
 * Serves what is given as `config` says; creates and migrates the database if there is none.
 * @throws StoreError with an operator code if it cannot.
 */
export async function serve(
  config: Config,
  { resources, services: others = [] }: Served,
  log: Log,
): Promise<RunningService> {
  const plans = planResources(resources);
  const registry = registryOf(resources.map(({ resource }) => resource));
  const { database: path, limits, readOnly, fixtures } = config;
  await prepareFile(config);

  const metrics = watchEventLoop();
  const database = openSqlite({ path, readOnly, plans, registry, limits });
  const schema = createSchemaProbe(database.connection, plans, readMigrationFiles());
  const monitor = createHealthMonitor({
    services: [...resources, ...others].map(({ service }) => service.typeName),
    alwaysServing: [DatabaseService.typeName],
    probe: async () => schema.look(),
    limits,
    log,
  });
  const stop = async () => {
    monitor.stop();
    await database.close();
    metrics.stop();
  };
  try {
    schema.refuseDifferences();
    if (fixtures !== undefined && schema.look().serving && (await isUntouched(database))) {
      const count = await loadFixtures(database, plans, registry, fixtures);
      log.info({ count }, "loaded the fixtures");
    }
    const costs = createListCosts(database, plans, limits);
    if (schema.look().serving) {
      for (const field of costs.findUnindexed()) log.warn(field);
    }
    const tools = createHandlerTools(database, plans, registry, limits, costs.extras);
    const services = [
      ...[...resources, ...others].map((entry) => assembleService(entry, tools)),
      databaseService(
        async () => ({
          ...(await database.status()),
          schema: schema.describe(),
          server: readServerStatus(metrics, queueLengths()),
        }),
        costs.explain,
      ),
      healthService(monitor),
    ];
    await monitor.start();
    const server = await startServer({
      services: [...services, ...reflectionServices(services.map(({ desc }) => desc))],
      address: config.address,
      limits,
      log,
      gate: monitor.gate,
      onStopping: monitor.stop,
    });
    return { port: server.port, stop: () => server.stop().then(stop) };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Commits and reads are run in this thread, as they come: nothing waits for them in a queue. */
function queueLengths(): QueueLengths {
  return { queuedCommits: 0, queuedReads: 0 };
}

/** Makes a new file; an old one must be ours, and is migrated only by the operator's command. */
async function prepareFile({ database: path, readOnly, limits }: Config): Promise<void> {
  const file = statSync(path, { throwIfNoEntry: false });
  const isNew = !file || (file.isFile() && file.size === 0);
  if (isNew && !readOnly) {
    await migrateUp(path, { lockTimeoutMs: limits.migrationLockTimeoutMs });
    return;
  }
  if (file && !file.isFile()) {
    throw new StoreError("DATABASE_UNAVAILABLE", `${path} is not a file`);
  }
  const connection = openDatabase(path, { readOnly: true });
  try {
    refuseUnmanaged(connection, path);
  } catch (error) {
    throw nameDatabase(path, error);
  } finally {
    connection.close();
  }
}

/** True if nothing was ever committed. */
async function isUntouched(database: {
  status(): Promise<{ revision: bigint }>;
}): Promise<boolean> {
  return (await database.status()).revision === 0n;
}
