// What a database has measured of its own work since it was opened.
// Types only.

import type { Distribution } from "../observe/distribution.ts";

/** How the statements of one kind went, in all threads. */
export interface StatementFigures {
  /** The verb, such as `SELECT`, or `other`. */
  readonly operation: string;
  /** How long they took, in seconds. */
  readonly durations: Distribution;
  /** How many of them failed. */
  readonly errors: number;
}

/** What is measured. */
export interface WorkFigures {
  readonly statements: readonly StatementFigures[];
  /** How long the commits of the writer took, in seconds: each waits for the disk. */
  readonly commits: Distribution;
  /** How many calls shared each of the writer's transactions. */
  readonly groups: Distribution;
  /** How long the writer waited, each time that another process had the lock, in seconds. */
  readonly lockWaits: Distribution;
}

/** What has become of the maintenance since the database was opened. */
export interface MaintenanceRuns {
  /** How often it was done, and how often it failed or was given up. */
  readonly done: number;
  readonly failed: number;
  /** How long all of them took, in seconds. */
  readonly seconds: number;
  /** When the last one was done, in milliseconds since the epoch. */
  readonly lastMs: number | undefined;
}
