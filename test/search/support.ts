// A service, and beside it what another program does to the file of the service meanwhile.

import { onTestFinished } from "vitest";
import { CHINOOK_RESOURCES, RESOURCES } from "../../src/chinook/resources.ts";
import {
  type Connection,
  openConnection,
} from "../../src/database/sqlite/connection/connection.ts";
import { openSqlite, type SqliteDatabase } from "../../src/database/sqlite/sqlite-database.ts";
import { DEFAULT_LIMITS } from "../../src/limits.ts";
import { registryOf } from "../../src/schema/registry.ts";
import { runService, type TestService, type TestServiceOptions } from "../support/service.ts";

/** A service and its file. */
export interface TestStore extends TestService {
  /** The file as a second server has it open. */
  readonly other: SqliteDatabase;
  /** Runs SQL as another program would. */
  execute(sql: string, options?: ExecuteOptions): void;
  /** The rows of a query. */
  query(sql: string): Record<string, unknown>[];
}

export interface ExecuteOptions {
  readonly foreignKeys?: boolean;
  /** Lets the SQL change the tables in which FTS5 keeps an index. */
  readonly unsafe?: boolean;
}

/** A store that is stopped when the running test is over. */
export async function startStore(options: TestServiceOptions = {}): Promise<TestStore> {
  const store = await runStore(options);
  onTestFinished(() => store.stop());
  return store;
}

/** A store that the caller stops. */
export async function runStore(options: TestServiceOptions = {}): Promise<TestStore> {
  const service = await runService(options);
  const registry = registryOf(RESOURCES.map(({ resource }) => resource));
  const limits = DEFAULT_LIMITS;
  const path = service.database;
  const other = openSqlite({
    path,
    readOnly: false,
    registry,
    definitions: CHINOOK_RESOURCES.definitions,
    limits,
  });
  return {
    ...service,
    other,
    execute: (sql, { foreignKeys = true, unsafe = false } = {}) =>
      withConnection(path, (connection) => {
        connection.pragma(`foreign_keys = ${foreignKeys ? "ON" : "OFF"}`);
        connection.unsafeMode(unsafe);
        connection.exec(sql);
      }),
    query: (sql) =>
      withConnection(path, (connection) =>
        connection.prepare<[], Record<string, unknown>>(sql).all(),
      ),
    async stop() {
      await other.close();
      await service.stop();
    },
  };
}

/** Calls `action` with a connection of its own, which is closed afterwards. */
export function withConnection<T>(path: string, action: (connection: Connection) => T): T {
  const connection = openConnection(path, { busyTimeoutMs: 5_000 });
  try {
    return action(connection);
  } finally {
    connection.close();
  }
}
