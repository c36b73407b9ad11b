// A store of the contract tests in a PostgreSQL database: each is a copy of one that was migrated once.

import { onTestFinished } from "vitest";
import { CHINOOK_POSTGRES_MIGRATIONS } from "../../src/chinook/migrations.ts";
import { RESOURCES } from "../../src/chinook/resources.ts";
import { readMigrationFiles } from "../../src/database/migrations/files.ts";
import { migrateUp } from "../../src/database/postgres/migrate/migrate.ts";
import {
  openPostgres,
  type PostgresDatabase,
} from "../../src/database/postgres/postgres-database.ts";
import { DEFAULT_LIMITS } from "../../src/limits.ts";
import { registryOf } from "../../src/schema/registry.ts";
import { postgresServer } from "../support/postgres.ts";
import { type MakeStore, type OpenOptions, PLANS, type Store, type WhenOver } from "./support.ts";

const REGISTRY = registryOf(RESOURCES.map(({ resource }) => resource));
const TEMPLATE = "contract_template";

let template: Promise<void> | undefined;

async function makeTemplate(): Promise<void> {
  const server = await postgresServer();
  await server.create(TEMPLATE);
  await migrate(server.urlOf(TEMPLATE));
}

/** Makes the tables of an empty database. */
export async function migrate(url: string): Promise<void> {
  const files = readMigrationFiles(CHINOOK_POSTGRES_MIGRATIONS);
  await migrateUp(url, { files, lockTimeoutMs: 5_000 });
}

/** Opens the database at an address; it is closed when the test is over, or before. */
export function openPostgresAt(
  url: string,
  {
    limits,
    readOnly = false,
    replicas,
  }: OpenOptions & { readonly replicas?: readonly string[] } = {},
  whenOver: WhenOver = onTestFinished,
): PostgresDatabase {
  const database = openPostgres({
    url,
    replicas,
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
  return { url, open: (options) => openPostgresAt(url, options, whenOver) };
}

export const makePostgresStore: MakeStore = (whenOver = onTestFinished) =>
  makePostgresDatabase(whenOver);
