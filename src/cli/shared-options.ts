// The options that several commands have, and what options are made with.
// Must not load what the commands run: a server that starts waits for what it imports.

import { InvalidArgumentError, Option } from "commander";
import { DEFAULT_ADDRESS } from "../config.ts";
import { DEFAULT_LIMITS } from "../limits.ts";
import { parseDatabasePath } from "./database-path.ts";
import type { Program } from "./program.ts";

/** The option that names the database file. */
export function databaseOption(
  program: Program,
  description = "the database file",
  parse: (text: string) => string = parseDatabasePath,
): Option {
  return new Option("--database <file>", description)
    .env("PROTOSTORE_DATABASE")
    .default(program.database)
    .argParser(parse);
}

/** The option that names the folder of the migrations. */
export function migrationsOption(): Option {
  return new Option(
    "--migrations <folder>",
    "the folder of the migrations (default: the package's own)",
  ).env("PROTOSTORE_MIGRATIONS");
}

/** The option that says how long to wait for other processes. */
export function lockTimeoutOption(): Option {
  return new Option("--lock-timeout <ms>", "how long to wait for other processes, in milliseconds")
    .env("PROTOSTORE_LOCK_TIMEOUT_MS")
    .default(DEFAULT_LIMITS.migrationLockTimeoutMs)
    .argParser(parseCount);
}

/** The option that names where a server listens. */
export function addressOption(): Option {
  return new Option("--address <host:port>", "where the server listens, also unix:PATH")
    .env("PROTOSTORE_ADDRESS")
    .default(DEFAULT_ADDRESS);
}

/** The option that names the file of settings. */
export function configOption(): Option {
  return new Option("--config <file>", "read settings from a file in YAML, by these names").env(
    "PROTOSTORE_CONFIG",
  );
}

/** A number from 0 on. */
export function parseCount(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("It is not a whole number.");
}

const UNITS_MS: Readonly<Record<string, number>> = {
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** The milliseconds of a text such as `6h`; undefined if it is none with one of these units. */
export function parseTimeMs(text: string, units = "smhd"): number | undefined {
  const [, count, unit = ""] = /^(\d{1,6})([a-z])$/.exec(text) ?? [];
  const unitMs = units.includes(unit) ? UNITS_MS[unit] : undefined;
  return unitMs === undefined ? undefined : Number(count) * unitMs;
}

/** The variable of the environment that stands for the option `--NAME`. */
export function variableOf(name: string): string {
  return `PROTOSTORE_${name.toUpperCase().replaceAll("-", "_")}`;
}

const MEANINGS: ReadonlyMap<string, boolean> = new Map([
  ["true", true],
  ["1", true],
  ["yes", true],
  ["on", true],
  ["false", false],
  ["0", false],
  ["no", false],
  ["off", false],
]);

/**
 * The option `--NAME`, which alone means on. Commander itself would take any value of its variable,
 * `false` too, for on.
 */
export function switchOption(name: string, description: string, isOn = false): Option {
  return new Option(`--${name} [on|off]`, description)
    .env(variableOf(name))
    .default(isOn, isOn ? "on" : "off")
    .argParser(parseSwitch);
}

/** Nothing, as in `PROTOSTORE_READ_ONLY=`, leaves it as it was. */
export function parseSwitch(text: string, previous: boolean): boolean {
  if (text === "") return previous;
  const meaning = MEANINGS.get(text.toLowerCase());
  if (meaning !== undefined) return meaning;
  throw new InvalidArgumentError(`It must be one of ${[...MEANINGS.keys()].join(", ")}.`);
}
