// An open database of a service, made ready: schema check, rows derived anew, fixtures.
// Must not know who calls, or how.

import type { Registry } from "@bufbuild/protobuf";
import type { DatabaseStatus_Schema } from "../gen/protostore/v1/database_service_pb.ts";
import type { Config } from "./config.ts";
import type { ProbeResult } from "./database/database.ts";
import type { ServedDatabase } from "./database/served-database.ts";
import type { SqliteDatabase } from "./database/sqlite/sqlite-database.ts";
import type { Definition } from "./definition.ts";
import { loadFixtures } from "./fixtures.ts";
import type { EventLoopMetrics } from "./observe/event-loop.ts";
import type { Log } from "./observe/log.ts";
import type { ResourcePlan } from "./schema/plan.ts";
import type { Telemetry } from "./telemetry/open-telemetry.ts";

/** What a database's tables are, beside what the messages need. */
export interface SchemaState {
  look(): ProbeResult | Promise<ProbeResult>;
  describe(): DatabaseStatus_Schema | Promise<DatabaseStatus_Schema>;
  /** @throws StoreError SCHEMA_MISMATCH if all migrations are applied and the tables still differ. */
  refuseDifferences(): void | Promise<void>;
}

/** An open database and what is known of it. */
export interface Store {
  readonly plans: readonly ResourcePlan[];
  readonly registry: Registry;
  readonly database: ServedDatabase;
  /** The same, if it is in a file, with what only files need. */
  readonly file: SqliteDatabase | undefined;
  readonly schema: SchemaState;
  /** Makes the rows those of the messages as this server knows them. */
  readonly checkDescriptors: () => Promise<void>;
  readonly metrics: EventLoopMetrics & { stop(): void };
  readonly telemetry: Telemetry | undefined;
}

/** Closes the database, once all that is under way is done. */
export async function closeStore({ database, metrics, telemetry }: Store): Promise<void> {
  await database.close();
  metrics.stop();
  await telemetry?.flush();
}

/** What `action` returns; if it fails, the store is closed. */
export async function closeIfFailed<T>(store: Store, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    await closeStore(store);
    throw error;
  }
}

/** Refuses tables and rows that do not fit, derives rows anew, and loads the fixtures. */
export async function prepareStore(
  store: Store,
  { fixtures }: Config,
  { linkFixtures }: Definition,
  log: Log,
): Promise<void> {
  const { database, plans, registry, schema, checkDescriptors } = store;
  await schema.refuseDifferences();
  const { serving } = await schema.look();
  if (!serving) return;
  await checkDescriptors();
  if (fixtures !== undefined && (await isUntouched(database))) {
    const count = await loadFixtures(database, plans, registry, fixtures, linkFixtures);
    log.info({ count }, "loaded the fixtures");
  }
}

/** Tells the operator which fields no index serves; never rejects. */
export async function tellOfUnindexed({ database, plans, schema }: Store, log: Log): Promise<void> {
  if (!(await schema.look()).serving) return;
  try {
    for await (const field of database.findUnindexed(plans)) log.warn(field);
  } catch (error) {
    log.error({ err: error }, "the indexes cannot be looked at");
  }
}

/** True if nothing was ever committed. */
async function isUntouched(database: {
  status(): Promise<{ revision: bigint }>;
}): Promise<boolean> {
  return (await database.status()).revision === 0n;
}
