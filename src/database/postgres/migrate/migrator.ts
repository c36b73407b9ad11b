// The commands that migrate a PostgreSQL database.
// Connects for each of them; what they do is in migrate.ts.

import type { Migrator } from "../../migrations/migrator.ts";
import {
  forceVersion,
  type MigrateOptions,
  migrateDown,
  migrateUp,
  planMigrations,
  readListing,
} from "./migrate.ts";
import { withSession } from "./target.ts";

/** The commands for the database at `url`. */
export function createPostgresMigrator(url: string, options: MigrateOptions): Migrator {
  return {
    up: (how) => migrateUp(url, { ...options, ...how }),
    down: (how) => migrateDown(url, { ...options, ...how }),
    plan: () => planMigrations(url, options),
    force: (version) => forceVersion(url, version, options),
    status: () => withSession(url, (session) => readListing(session, options.files)),
  };
}
