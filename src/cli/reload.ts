// What SIGHUP does: reads the file of settings again, and tells which of them have changed, and which of
// those need a restart. Must not change anything itself.

import { Command } from "commander";
import { StoreError } from "../errors.ts";
import { dueByCron } from "../health/due-times.ts";
import { type LimitName, type Limits, RELOADABLE_LIMITS } from "../limits.ts";
import { applyConfigFile } from "./config-file.ts";
import type { Program } from "./program.ts";
import { type ServeOptions, serveOptions } from "./serve-options.ts";

/** The options that can be changed while a server runs; of `limit`, those in RELOADABLE_LIMITS. */
export const RELOADABLE_OPTIONS: ReadonlySet<string> = new Set([
  "log-level",
  "log-calls",
  "log-calls-sample",
  "backup-dir",
  "backup-interval",
  "backup-schedule",
  "backup-keep",
  "maintenance",
  "max-scan-rows",
  "limit",
]);

/** The settings as they are now. */
export interface ReadAgain {
  /** Those that a server goes on with. */
  readonly options: ServeOptions;
  /** The names of those that it does otherwise from now on. */
  readonly changed: readonly string[];
  /** The names of those that are other than those that it runs with, and will be when it is started again. */
  readonly needRestart: readonly string[];
}

/**
 * Reads again where the options of `command` come from; `running` are those that the server runs with.
 * @throws StoreError INVALID_CONFIG with the position of what is wrong.
 */
export async function readAgain(
  command: Command,
  program: Program,
  running: ServeOptions,
): Promise<ReadAgain> {
  const fresh = new Command("serve");
  for (const option of serveOptions(program)) fresh.addOption(option);
  for (const option of command.options) {
    const key = option.attributeName();
    const source = command.getOptionValueSource(key);
    if (source !== "cli" && source !== "env") continue;
    fresh.setOptionValueWithSource(key, command.getOptionValue(key), source);
  }
  const positions = applyConfigFile(fresh);
  const found: Readonly<Record<string, unknown>> = fresh.opts();
  await checkSchedules(fresh.opts(), positions);
  const before = running as unknown as Readonly<Record<string, unknown>>;
  const options: Record<string, unknown> = { ...before };
  const [changed, needRestart]: string[][] = [[], []];
  for (const option of fresh.options) {
    const key = option.attributeName();
    const name = option.name();
    if (name === "limit" || isSame(before[key], found[key])) continue;
    if (RELOADABLE_OPTIONS.has(name)) {
      options[key] = found[key];
      changed?.push(name);
    } else needRestart?.push(name);
  }
  const limits: Partial<Record<LimitName, number>> = { ...running.limit };
  const next = (found.limit ?? {}) as Partial<Limits>;
  const names = new Set([...Object.keys(limits), ...Object.keys(next)]) as Set<LimitName>;
  for (const name of names) {
    if (limits[name] === next[name]) continue;
    if (!RELOADABLE_LIMITS.has(name)) needRestart?.push(`limit ${name}`);
    else {
      changed?.push(`limit ${name}`);
      if (next[name] === undefined) delete limits[name];
      else limits[name] = next[name];
    }
  }
  return {
    options: { ...options, limit: limits } as unknown as ServeOptions,
    changed: changed ?? [],
    needRestart: needRestart ?? [],
  };
}

function isSame(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

/**
 * Finds cron expressions of no use before anything is started with them.
 * @throws StoreError INVALID_CONFIG with the position, if they stand in the file.
 */
export async function checkSchedules(
  { backupSchedule, maintenance }: Pick<ServeOptions, "backupSchedule" | "maintenance">,
  positions: ReadonlyMap<string, string>,
): Promise<void> {
  const schedules = { backupSchedule, maintenance };
  const options = { backupSchedule: "--backup-schedule", maintenance: "--maintenance" };
  for (const key of ["backupSchedule", "maintenance"] as const) {
    const { [key]: expression } = schedules;
    if (expression === undefined) continue;
    try {
      await dueByCron(expression, options[key]);
    } catch (error) {
      const position = positions.get(key);
      if (!(error instanceof StoreError) || position === undefined) throw error;
      throw new StoreError("INVALID_CONFIG", `${position}: ${error.message}`, { cause: error });
    }
  }
}
