// What a command line is of: the definition that it serves, and its own words.
// Types only.

import type { Command } from "commander";
import type { Definition } from "../definition.ts";

/** How the command of each name is loaded. */
export type Commands = Readonly<Record<string, () => Promise<Command>>>;

/** A program that `run` makes a command line of. */
export interface Program extends Definition {
  /** The database file, if no other is named. */
  readonly database: string;
  /** The folder of its sample rows. */
  readonly fixtures: string;
  /** The lines to try on a server that has just been started, with the flags that grpcurl needs for it. */
  readonly examples: (address: string, flags: string) => readonly string[];
  /** The commands that it has beside those of every program. */
  readonly commands: Commands;
}
