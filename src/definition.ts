// What a program serves, as one value: its resources, the methods written for them by hand, its
// migrations, and what is its own beside them. Opens nothing, and imports types only: threads load it.

import type { Clock } from "./clock.ts";
import type { Database, Operation } from "./database/database.ts";
import type { Finding } from "./database/finding.ts";
import type { ForeignFiles } from "./database/sqlite/migrate/detect.ts";
import type { OwnMethods, ResourceService } from "./handlers/services.ts";
import type { ResourcePlan } from "./schema/plan.ts";

/** The resources, and where threads find them. */
export interface Resources {
  /** The URL of the module that exports this value: threads import the module. */
  readonly definitions: string;
  readonly resources: readonly ResourceService[];
  /** Where the times of commits come from; the machine's clock if absent. */
  readonly clock?: Clock;
}

/** All that a program serves. */
export interface Definition extends Resources {
  /** Methods that are not answered from descriptors alone. */
  readonly methods?: readonly OwnMethods[];
  /** The folder of the migrations. */
  readonly migrations: string;
  /** The folder of those for PostgreSQL, with the same numbers; it cannot be served from there if absent. */
  readonly postgresMigrations?: string;
  /** Sample rows of tables that no resource is stored in, from the folder of the fixtures. */
  readonly linkFixtures?: (plans: readonly ResourcePlan[], directory: string) => Operation[];
  /** What becomes of files that it did not make; they are refused if absent. */
  readonly foreign?: ForeignFiles;
  /** What is stored a second time in a form of its own, for `verify` to check. */
  readonly indexes?: readonly DerivedIndex[];
}

/** An index that the database does not keep by itself, such as one for searches. */
export interface DerivedIndex {
  /** For example `search index`. */
  readonly name: string;
  /** What it is kept in, and made of rows. */
  readonly table: string;
  check(database: Database): Promise<readonly Finding[]>;
  rebuild(database: Database): Promise<unknown>;
}

/**
 * The resources of a program, for `serve`, from the module that exports the result: `module` is its
 * `import.meta.url`. The module must not do more than that, since threads import it too.
 */
export function defineResources(
  module: string,
  resources: readonly ResourceService[],
  options: Pick<Resources, "clock"> = {},
): Resources {
  return { ...options, definitions: module, resources };
}
