// A database as a server has it open: what its figures and its status are read from, beside the contract.
// Types only.

import type { StoreError } from "../errors.ts";
import type { ChangeCount } from "./change.ts";
import type { Database, QueueLengths } from "./database.ts";
import type { MaintenanceRuns, WorkFigures } from "./figures.ts";

/** A database that is served, in a file or by a server of its own. */
export interface ServedDatabase extends Database {
  /** How much waits in front of it. */
  queues(): QueueLengths;
  /** How much it has changed since it was opened. */
  changes(): readonly ChangeCount[];
  /** What it has measured of its work, if it does. */
  work(): WorkFigures | undefined;
  /** What has become of its maintenance, if it has any. */
  maintenanceRuns(): MaintenanceRuns | undefined;
  /** Why nothing can be written now though all can be read. */
  writeRefusal(): StoreError | undefined;
  /** Resolves when the database can be written, if it is to be. @throws StoreError */
  opened(): Promise<void>;
}
