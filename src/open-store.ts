// Opens the database of a service, in a file or on a server.
// Must not know what is done with it.

import type { Config } from "./config.ts";
import { isPostgresUrl } from "./database/postgres/url.ts";
import type { Definition } from "./definition.ts";
import { StoreError } from "./errors.ts";
import type { Log } from "./observe/log.ts";
import { openSqliteStore } from "./sqlite-store.ts";
import type { Store } from "./store.ts";

/**
 * Opens the database that `config` names. `isFirst` says that no other process has made it ready: what
 * cannot be planned leaves nothing behind.
 */
export async function openStore(
  config: Config,
  definition: Definition,
  log: Log,
  isFirst = false,
): Promise<Store> {
  const isInFile = !isPostgresUrl(config.database);
  if (isInFile && config.databaseReplicas) {
    throw new StoreError("INVALID_CONFIG", "database-replica: is for a database on PostgreSQL");
  }
  if (isInFile) return openSqliteStore(config, definition, log, isFirst);
  const { openPostgresStore } = await import("./postgres-store.ts");
  return openPostgresStore(config, definition, log, isFirst);
}
