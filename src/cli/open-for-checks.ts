// Opens a database, in a file or on a server, for a command that checks all of it.
// Must not know what is checked.

import type { Database } from "../database/database.ts";
import { readMigrationFiles } from "../database/migrations/files.ts";
import { isPostgresUrl } from "../database/postgres/url.ts";
import { createSchemaProbe } from "../database/sqlite/inspect/schema-probe.ts";
import { refuseUnmanaged } from "../database/sqlite/migrate/detect.ts";
import { requireDatabase } from "../database/sqlite/migrate/target.ts";
import { openSqlite } from "../database/sqlite/sqlite-database.ts";
import { StoreError } from "../errors.ts";
import { DEFAULT_LIMITS } from "../limits.ts";
import type { ResourcePlan } from "../schema/plan.ts";
import { registryOf } from "../schema/registry.ts";
import type { Program } from "./program.ts";

/** A database, and how its tables are looked at. */
export interface Opened {
  readonly database: Database;
  /** @throws StoreError if its tables are not those that are needed. */
  requireSchema(): Promise<void>;
}

interface CheckedDatabase {
  /** Its path or address. */
  readonly database: string;
  /** The folder of its migrations; the program's if absent. */
  readonly migrations?: string | undefined;
  readonly readOnly: boolean;
}

/** Opens the database, whose reads may take as long as they take: whoever waits can end them. */
export function openForChecks(
  program: Program,
  plans: readonly ResourcePlan[],
  checked: CheckedDatabase,
): Promise<Opened> {
  const open = isPostgresUrl(checked.database) ? openOnServer : openInFile;
  return open(program, plans, checked);
}

async function openInFile(
  { resources, definitions, foreign, ...program }: Program,
  plans: readonly ResourcePlan[],
  { database: path, migrations, readOnly }: CheckedDatabase,
): Promise<Opened> {
  requireDatabase(path);
  const registry = registryOf(resources.map(({ resource }) => resource));
  const limits = { ...DEFAULT_LIMITS, readTimeoutMs: Number.POSITIVE_INFINITY };
  const database = openSqlite({ path, readOnly, registry, definitions, limits });
  return {
    database,
    async requireSchema() {
      refuseUnmanaged(database.connection, path, foreign);
      const files = readMigrationFiles(migrations ?? program.migrations);
      const { error } = createSchemaProbe(database.connection, plans, files).look();
      if (error) throw error;
    },
  };
}

/** A read is of some rows, and PostgreSQL wants to know when to end it. */
const DAY_MS = 24 * 60 * 60 * 1_000;

async function openOnServer(
  { resources, postgresMigrations }: Program,
  plans: readonly ResourcePlan[],
  { database: url, migrations = postgresMigrations, readOnly }: CheckedDatabase,
): Promise<Opened> {
  const { openPostgres } = await import("../database/postgres/postgres-database.ts");
  const { createSchemaProbe } = await import("../database/postgres/schema-probe.ts");
  const { watchStoredTypes } = await import("../database/postgres/descriptors.ts");
  const { explainPostgresError } = await import("../database/postgres/errors.ts");
  if (migrations === undefined) throw new StoreError("INVALID_CONFIG", "give --migrations");
  const files = readMigrationFiles(migrations);
  const registry = registryOf(resources.map(({ resource }) => resource));
  const limits = { ...DEFAULT_LIMITS, readTimeoutMs: DAY_MS };
  const database = openPostgres({ url, readOnly, plans, registry, limits });
  return {
    database,
    async requireSchema() {
      try {
        await database.session();
      } catch (error) {
        throw explainPostgresError(error);
      }
      const learnTypes = watchStoredTypes(registry, database.session);
      const probe = createSchemaProbe(database.session, plans, files, learnTypes);
      const { error } = await probe.look();
      if (error) throw error;
    },
  };
}
