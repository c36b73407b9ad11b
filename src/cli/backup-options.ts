// The options that say where a server keeps its backups, when it makes them, and how long it keeps them.
// Turns their texts into a BackupConfig; makes nothing.

import { resolve } from "node:path";
import { InvalidArgumentError, Option } from "commander";
import type { BackupConfig, BackupRetention, KeptPer } from "../config.ts";
import { readBackupKey } from "../database/sqlite/backup/backup-key.ts";
import { StoreError } from "../errors.ts";
import { parseTimeMs, variableOf } from "./shared-options.ts";

/** Their values, as commander has them. */
export interface BackupServeOptions {
  readonly backupDir?: string;
  readonly backupKeyFile?: string;
  readonly backupInterval?: number;
  readonly backupSchedule?: string;
  readonly backupKeep?: readonly BackupRetention[];
}

/** The options themselves. */
export function backupOptions(): readonly Option[] {
  return [
    backupDirOption("where to keep backups: those asked for, and the schedule's"),
    backupKeyOption(),
    new Option(
      "--backup-interval <time>",
      "make one so long after another, for example 6h",
    ).argParser(parseTime),
    new Option("--backup-schedule <cron>", 'make one at these times, for example "0 3 * * *"'),
    new Option(
      "--backup-keep <rules>",
      "which of the schedule's to keep, for example 24h:hourly,30d:daily; all if absent",
    ).argParser(parseKeep),
  ].map((option) => option.env(variableOf(option.name())));
}

/** The option that names the folder of backups. */
export function backupDirOption(description: string): Option {
  return new Option("--backup-dir <folder>", description).env(variableOf("backup-dir"));
}

/** The option that names the key of encrypted backups. */
export function backupKeyOption(): Option {
  return new Option(
    "--backup-key-file <file>",
    "the key that backups are encrypted with, as protostore backup key makes it",
  ).env(variableOf("backup-key-file"));
}

/** @throws StoreError INVALID_CONFIG if they do not fit together, or the key is none. */
export function readBackups(options: BackupServeOptions): { readonly backups?: BackupConfig } {
  const { backupDir, backupKeyFile, backupInterval, backupSchedule, backupKeep } = options;
  if (backupDir === undefined) {
    if (backupInterval ?? backupSchedule ?? backupKeep) {
      throw new StoreError("INVALID_CONFIG", "a schedule of backups needs --backup-dir");
    }
    return {};
  }
  if (backupInterval !== undefined && backupSchedule !== undefined) {
    const message = "--backup-interval and --backup-schedule exclude each other";
    throw new StoreError("INVALID_CONFIG", message);
  }
  if (backupKeyFile !== undefined) readBackupKey(backupKeyFile);
  return {
    backups: {
      folder: resolve(backupDir),
      ...(backupKeyFile !== undefined && { keyFile: resolve(backupKeyFile) }),
      ...(backupInterval !== undefined && { intervalMs: backupInterval }),
      ...(backupSchedule !== undefined && { schedule: backupSchedule }),
      ...(backupKeep !== undefined && { keep: backupKeep }),
    },
  };
}

function parseTime(text: string): number {
  const timeMs = parseTimeMs(text);
  if (timeMs !== undefined && timeMs > 0) return timeMs;
  throw new InvalidArgumentError("It must be a number and s, m, h or d, for example 6h.");
}

const PERIODS: ReadonlyMap<string, KeptPer> = new Map([
  ["hourly", "hour"],
  ["daily", "day"],
  ["weekly", "week"],
  ["monthly", "month"],
]);

function parseKeep(text: string): readonly BackupRetention[] {
  return text.split(",").map((rule) => {
    const [age = "", period = "", ...more] = rule.trim().split(":");
    const per = PERIODS.get(period);
    if (per !== undefined && more.length === 0) return { ageMs: parseTime(age), per };
    const periods = [...PERIODS.keys()].join(", ");
    throw new InvalidArgumentError(`Each rule must be a time and one of ${periods}: 30d:daily.`);
  });
}
