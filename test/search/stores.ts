// A service over each kind of database, and beside it what another program does to its database meanwhile.
// Knows no search: tests say what they do by the driver.

import { onTestFinished } from "vitest";
import { RESOURCES } from "../../src/chinook/resources.ts";
import type { Database } from "../../src/database/database.ts";
import { openPostgres } from "../../src/database/postgres/postgres-database.ts";
import { DEFAULT_LIMITS } from "../../src/limits.ts";
import { registryOf } from "../../src/schema/registry.ts";
import type { Row } from "../../src/schema/sql-value.ts";
import { PLANS } from "../contract/support.ts";
import { makeEmptyDatabase } from "../postgres/empty.ts";
import { runService, type TestService, type TestServiceOptions } from "../support/service.ts";
import { type ExecuteOptions, runStore } from "./support.ts";

export type Driver = Database["driver"];

export const DRIVERS: readonly Driver[] = ["sqlite", "postgres"];

/** A service and its database. */
export interface SearchStore extends TestService {
  /** The database as a second server has it open. */
  readonly other: Database;
  /** Runs SQL as another program would; the options are for a file only. */
  execute(sql: string, options?: ExecuteOptions): Promise<void>;
  /** The rows of a query. */
  query(sql: string): Promise<readonly Row[]>;
}

/** A store that is stopped when the running test is over. */
export async function startSearchStore(
  driver: Driver,
  options: TestServiceOptions = {},
): Promise<SearchStore> {
  const store = await runSearchStore(driver, options);
  onTestFinished(() => store.stop());
  return store;
}

/** A store that the caller stops. */
export function runSearchStore(
  driver: Driver,
  options: TestServiceOptions = {},
): Promise<SearchStore> {
  return driver === "sqlite" ? inFile(options) : onServer(options);
}

async function inFile(options: TestServiceOptions): Promise<SearchStore> {
  const store = await runStore(options);
  return {
    ...store,
    execute: async (sql, executeOptions) => store.execute(sql, executeOptions),
    query: async (sql) => store.query(sql).map((row) => Object.values(row) as Row),
  };
}

async function onServer(options: TestServiceOptions): Promise<SearchStore> {
  const { url, other: session, drop } = await makeEmptyDatabase();
  const service = await runService({ ...options, database: url });
  const registry = registryOf(RESOURCES.map(({ resource }) => resource));
  const limits = DEFAULT_LIMITS;
  const other = openPostgres({ url, readOnly: false, plans: PLANS, registry, limits });
  return {
    ...service,
    other,
    execute: (sql) => session.script(sql),
    query: (sql) => session.all({ sql, parameters: [] }),
    async stop() {
      await other.close();
      await service.stop();
      await drop();
    },
  };
}
