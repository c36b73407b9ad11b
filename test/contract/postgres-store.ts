// A store of the contract tests in a PostgreSQL database: each is a copy of one that was migrated once.

import { onTestFinished } from "vitest";
import { RESOURCES } from "../../src/chinook/resources.ts";
import { migrateUp } from "../../src/database/postgres/migrate/migrate-up.ts";
import { openPostgres } from "../../src/database/postgres/postgres-database.ts";
import { openSession } from "../../src/database/postgres/session.ts";
import { readMigrationFiles } from "../../src/database/sqlite/migrate/files.ts";
import { DEFAULT_LIMITS } from "../../src/limits.ts";
import { registryOf } from "../../src/schema/registry.ts";
import { postgresServer } from "../support/postgres.ts";
import { REPO_ROOT } from "../support/tools.ts";
import { type MakeStore, PLANS, type Store, type WhenOver } from "./support.ts";

const REGISTRY = registryOf(RESOURCES.map(({ resource }) => resource));
const TEMPLATE = "contract_template";

let template: Promise<void> | undefined;

async function makeTemplate(): Promise<void> {
  const server = await postgresServer();
  await server.create(TEMPLATE);
  const session = await openSession({ url: server.urlOf(TEMPLATE), connectTimeoutMs: 5_000 });
  await migrateUp(session, readMigrationFiles(`${REPO_ROOT}/migrations/postgres`));
  await session.close();
}

let stores = 0;

/** A store, and where its database is. */
export interface PostgresStore extends Store {
  readonly url: string;
}

export async function makePostgresDatabase(whenOver: WhenOver): Promise<PostgresStore> {
  template ??= makeTemplate();
  await template;
  const server = await postgresServer();
  stores += 1;
  const name = `contract_${stores}`;
  await server.create(name, TEMPLATE);
  whenOver(() => server.drop(name));
  const url = server.urlOf(name);
  return {
    url,
    open({ limits, readOnly = false } = {}) {
      const database = openPostgres({
        url,
        readOnly,
        plans: PLANS,
        registry: REGISTRY,
        limits: { ...DEFAULT_LIMITS, ...limits },
      });
      let closed: Promise<void> | undefined;
      const close = () => {
        closed ??= database.close();
        return closed;
      };
      whenOver(close);
      return { ...database, close };
    },
  };
}

export const makePostgresStore: MakeStore = (whenOver = onTestFinished) =>
  makePostgresDatabase(whenOver);
