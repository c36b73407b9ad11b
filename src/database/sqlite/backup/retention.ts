// Which backups of a schedule are kept, and the end of the others. Those that somebody has asked for by
// name are his; and what has no manifest is nobody's to remove.

import { rmSync } from "node:fs";
import type { BackupRetention, KeptPer } from "../../../config.ts";
import { flush } from "../../../flush.ts";
import { backupFiles, nameByTime, withBackupFolder } from "./backup-folder.ts";
import { type BackupManifest, dataPathOf, listBackups } from "./manifest.ts";

/** What a backup of a schedule is called that is made at this time. */
export function scheduledName(timeMs: number): string {
  return `auto-${nameByTime(timeMs)}`;
}

const SCHEDULED = /^auto-\d{8}t\d{9}z$/;

/** True for a backup that a schedule has made. */
export function isScheduled({ name }: Pick<BackupManifest, "name">): boolean {
  return SCHEDULED.test(name);
}

/** The beginning, in RFC 3339, of each period: what is the same in two times of one. */
const PREFIX: Readonly<Record<Exclude<KeptPer, "week">, number>> = {
  hour: "2026-01-01T00".length,
  day: "2026-01-01".length,
  month: "2026-01".length,
};

const WEEK_MS = 7 * 24 * 3_600_000;
/** The epoch was a Thursday; weeks begin on Mondays. */
const MONDAY_MS = 4 * 24 * 3_600_000;

function periodOf(timeMs: number, per: KeptPer): string {
  if (per === "week") return String(Math.floor((timeMs - MONDAY_MS) / WEEK_MS));
  return new Date(timeMs).toISOString().slice(0, PREFIX[per]);
}

/**
 * The times that need not be kept, of backups made at `times`. Each rule keeps the newest one of each of
 * its periods (in UTC) that is young enough; the newest of all is kept always, and what is not yet.
 */
export function findExpired(
  times: readonly number[],
  rules: readonly BackupRetention[],
  nowMs: number,
): readonly number[] {
  if (rules.length === 0) return [];
  const sorted = [...times].sort((a, b) => b - a);
  const kept = new Set(sorted.slice(0, 1));
  for (const time of sorted) if (time > nowMs) kept.add(time);
  for (const { ageMs, per } of rules) {
    const seen = new Set<string>();
    for (const time of sorted) {
      const period = periodOf(time, per);
      if (time > nowMs || nowMs - time > ageMs || seen.has(period)) continue;
      seen.add(period);
      kept.add(time);
    }
  }
  return sorted.filter((time) => !kept.has(time));
}

/** Removes the backups of a schedule that `rules` do not keep; the names of those. */
export async function removeExpired(
  folder: string,
  rules: readonly BackupRetention[],
  nowMs: number,
): Promise<readonly string[]> {
  if (rules.length === 0) return [];
  return await withBackupFolder(folder, async () => {
    const scheduled = (await listBackups(folder)).filter(isScheduled);
    const timeOf = ({ createTime }: BackupManifest) => Date.parse(createTime);
    const expired = new Set(findExpired(scheduled.map(timeOf), rules, nowMs));
    const removed = scheduled.filter((each) => expired.has(timeOf(each)));
    for (const each of removed) {
      // Where there is a backup there is its manifest.
      rmSync(dataPathOf(folder, each));
      rmSync(backupFiles(folder, each.name).manifest);
    }
    flush(folder);
    return removed.map(({ name }) => name);
  });
}
