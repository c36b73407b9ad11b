// The commands that migrate a database in a file.
// Opens it for each of them; what they do is in migrate.ts and migration-plan.ts.

import type { Migrator } from "../../migrations/migrator.ts";
import {
  forceVersion,
  type MigrateOptions,
  migrateDown,
  migrateUp,
  readListing,
} from "./migrate.ts";
import { planMigrations } from "./migration-plan.ts";
import { nameDatabase, openForReading, requireDatabase } from "./target.ts";

/** The commands for the file at `database`. */
export function createSqliteMigrator(database: string, options: MigrateOptions): Migrator {
  return {
    up: (how) => migrateUp(database, { ...options, ...how }),
    down: (how) => migrateDown(database, { ...options, ...how }),
    plan: () => planMigrations(database, options),
    force: (version) => forceVersion(database, version, options),
    async status() {
      requireDatabase(database);
      const connection = openForReading(database);
      try {
        return readListing(connection, options.files);
      } catch (error) {
        throw nameDatabase(database, error);
      } finally {
        connection.close();
      }
    },
  };
}
