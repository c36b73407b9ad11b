// Opens the database of a service on a PostgreSQL server and makes it ready: an empty one is migrated.
// Must not know who calls, or how.

import { systemClock } from "./clock.ts";
import type { Config } from "./config.ts";
import { type MigrationFile, readMigrationFiles } from "./database/migrations/files.ts";
import { readAddress } from "./database/postgres/address.ts";
import { createDescriptorCheck, watchStoredTypes } from "./database/postgres/descriptors.ts";
import { explainPostgresError } from "./database/postgres/errors.ts";
import { refuseUnmanaged } from "./database/postgres/migrate/detect.ts";
import { migrateUp, readSkipped } from "./database/postgres/migrate/migrate.ts";
import { requireSupported } from "./database/postgres/migrate/supported.ts";
import { openPostgres, type PostgresDatabase } from "./database/postgres/postgres-database.ts";
import { createSchemaProbe } from "./database/postgres/schema-probe.ts";
import { hostsOf, withoutPassword } from "./database/postgres/url.ts";
import type { Definition } from "./definition.ts";
import { StoreError } from "./errors.ts";
import { watchEventLoop } from "./observe/event-loop.ts";
import type { Log } from "./observe/log.ts";
import { planResources } from "./schema/plan.ts";
import { registryOf } from "./schema/registry.ts";
import type { Store } from "./store.ts";
import { findTelemetry } from "./telemetry/presence.ts";

/** Opens the database. @throws StoreError INVALID_CONFIG for settings that are a file's only. */
export async function openPostgresStore(
  config: Config,
  { resources, postgresMigrations, clock = systemClock }: Definition,
  log: Log,
  isFirst: boolean,
): Promise<Store> {
  refuseForFiles(config);
  const plans = planResources(resources);
  const registry = registryOf(resources.map(({ resource }) => resource));
  const { dbname = "" } = readAddress(hostsOf(config.database)[0] as string);
  const files = readMigrationFiles(config.migrations ?? requireMigrations(postgresMigrations));
  const { database: url, databaseReplicas: replicas } = config;
  const { readOnly, durability, limits, secretSeed } = config;
  const telemetry = await findTelemetry(dbname, "postgresql");
  const database = openPostgres({
    url,
    replicas,
    readOnly,
    durability,
    plans,
    registry,
    limits,
    secretSeed,
    clock,
    log,
    isMeasured: config.metricsAddress !== undefined,
    onEveryStatement: telemetry?.onStatement,
  });
  const batchRows = limits.derivationRows;
  const descriptors = { plans, registry, readOnly, log, clock, batchRows };
  const checkDescriptors = createDescriptorCheck(database, descriptors);
  const lookForTypes = watchStoredTypes(registry, database.session);
  const metrics = watchEventLoop();
  try {
    if (isFirst) {
      await warnOfLoss(database, log);
      if (!readOnly) await migrateEmpty(config, database, files, log);
    }
  } catch (error) {
    metrics.stop();
    await database.close();
    throw explainPostgresError(error);
  }
  return {
    plans,
    registry,
    database,
    file: undefined,
    schema: createSchemaProbe(database.session, plans, files, lookForTypes),
    checkDescriptors: async () => {
      await checkDescriptors();
      await lookForTypes();
    },
    metrics,
    telemetry,
  };
}

/** One that was migrated before is brought further by the operator's command only. */
async function migrateEmpty(
  { database: url, limits }: Config,
  database: PostgresDatabase,
  files: readonly MigrationFile[],
  log: Log,
): Promise<void> {
  const session = await database.session();
  await requireSupported(session);
  const kind = await refuseUnmanaged(session, withoutPassword(url));
  for (const name of await readSkipped(session, files)) {
    log.warn({ migration: name }, "this migration arrived below the version and is not run");
  }
  if (kind === "managed") return;
  const lockTimeoutMs = limits.migrationLockTimeoutMs;
  const { migrations, notices } = await migrateUp(url, { files, lockTimeoutMs });
  for (const notice of notices) log.warn(notice);
  log.info({ migrations: migrations.length }, "made the tables");
}

/** What is acknowledged is synced by the server of the database, unless it was told not to. */
async function warnOfLoss(database: PostgresDatabase, log: Log): Promise<void> {
  const session = await database.session();
  const [[fsync] = []] = await session.all({ sql: "SHOW fsync", parameters: [] });
  if (fsync === "off") log.warn("fsync is off at the server: a crash of its machine loses commits");
}

function requireMigrations(folder: string | undefined): string {
  if (folder !== undefined) return folder;
  throw new StoreError(
    "INVALID_CONFIG",
    "there are no migrations for PostgreSQL: give --migrations",
  );
}

/** @throws StoreError INVALID_CONFIG, naming the first that is of no use. */
function refuseForFiles(config: Config): void {
  const given = [
    config.backups && "backups",
    config.maintenance !== undefined && "maintenance",
    config.secureDelete && "secure-delete",
  ].find((name) => typeof name === "string");
  if (given === undefined) return;
  throw new StoreError(
    "INVALID_CONFIG",
    `${given}: is for a database in a file; PostgreSQL has its own`,
  );
}
