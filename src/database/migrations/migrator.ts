// What can be done with the schema of a database, whatever keeps it: the commands that people give.
// Types only.

import type { Bound, Descent, MigrationReport, RunOptions } from "./migrate.ts";
import type { MigrationPlan } from "./migration-plan.ts";
import type { MigrationListing } from "./migration-status.ts";

/** The commands; they throw StoreError. */
export interface Migrator {
  up(options: Bound & Pick<RunOptions, "beforeFirst">): Promise<MigrationReport>;
  down(options: Descent): Promise<MigrationReport>;
  status(): Promise<MigrationListing>;
  plan(): Promise<MigrationPlan>;
  force(version: bigint): Promise<void>;
}
