// Opens the file of a service and makes it ready: a new one is made and migrated, an old one must be ours.
// Must not know who calls, or how.

import { statSync } from "node:fs";
import { systemClock } from "./clock.ts";
import type { Config } from "./config.ts";
import { readMigrationFiles } from "./database/migrations/files.ts";
import type { Connection } from "./database/sqlite/connection/connection.ts";
import { createDescriptorCheck } from "./database/sqlite/descriptors/check.ts";
import { createSchemaProbe } from "./database/sqlite/inspect/schema-probe.ts";
import { refuseUnmanaged } from "./database/sqlite/migrate/detect.ts";
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
import { watchEventLoop } from "./observe/event-loop.ts";
import type { Log } from "./observe/log.ts";
import { planResources } from "./schema/plan.ts";
import { registryOf } from "./schema/registry.ts";
import type { Store } from "./store.ts";
import { findTelemetry } from "./telemetry/presence.ts";

type Migrations = Pick<MigrateOptions, "files" | "foreign">;

/**
 * Opens the file. The connection with which it is looked at first stays open until there is another: to
 * close the last one copies the whole log, and the next would have to read it again.
 */
export async function openSqliteStore(
  config: Config,
  definition: Definition,
  log: Log,
  isFirst: boolean,
): Promise<Store> {
  const { resources, definitions, foreign, clock = systemClock } = definition;
  const plans = planResources(resources);
  const registry = registryOf(resources.map(({ resource }) => resource));
  const files = readMigrationFiles(config.migrations ?? definition.migrations);
  if (!config.readOnly) requireWritable(config.database, "to serve it as it is, add --read-only");
  const first = isFirst ? await prepareFile(config, { files, foreign }, log) : undefined;
  const telemetry = await findTelemetry(config.database, "sqlite");
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
      isMeasured: config.metricsAddress !== undefined,
      onStatement: metrics.recordStatement,
      onEveryStatement: telemetry?.onStatement,
      isNoted: config.callLog !== undefined || telemetry !== undefined,
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
  const options = { plans, registry, readOnly, log, clock, batchRows };
  const checkDescriptors = createDescriptorCheck(database, options);
  return {
    plans,
    registry,
    database,
    file: database,
    schema,
    checkDescriptors,
    metrics,
    telemetry,
  };
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
