// Which migrations a command runs, in which order, and what versions they lead to. Pure: what the database
// says has been read before, and whoever asks runs them.

import { StoreError } from "../../errors.ts";
import { type MigrationFile, requireScript } from "./files.ts";
import { findSkipped, type LogEntry } from "./migration-log.ts";
import { NO_VERSION } from "./version.ts";

/** Which way a migration is run. */
export type Direction = "up" | "down";

/** One migration that is to be run, and the versions before and after it. */
export interface Step {
  readonly file: MigrationFile;
  readonly direction: Direction;
  readonly before: bigint;
  readonly after: bigint;
}

/**
 * The version of the last migration to be applied, if `target` is asked for.
 * @throws StoreError MIGRATION_INVALID if no file has it.
 */
export function resolveTarget(
  files: readonly MigrationFile[],
  target: bigint | number | undefined,
): bigint {
  const version = BigInt(target ?? files.at(-1)?.version ?? NO_VERSION);
  if (version > 0n && !files.some((file) => file.version === version)) {
    throw new StoreError("MIGRATION_INVALID", `there is no migration ${version}`);
  }
  return version;
}

/** The way up from the version `from` to `to`. @throws StoreError MIGRATION_MISSING */
export function planUp(files: readonly MigrationFile[], from: bigint, to: bigint): Step[] {
  const pending = files.filter(({ version }) => version > from && version <= to);
  return toSteps(from, pending, "up");
}

/**
 * The way down from the version `from` by as many migrations as `steps` says.
 * @throws StoreError MIGRATION_INVALID if one of them was adopted: its down file would delete rows that
 *   were there before. MIGRATION_MISSING if one has no down file.
 */
export function planDown(
  files: readonly MigrationFile[],
  log: readonly LogEntry[],
  from: bigint,
  steps: number | "all",
): Step[] {
  const skipped = new Set(findSkipped(log, files, from));
  const applied = files.filter((file) => file.version <= from && !skipped.has(file));
  const kept = steps === "all" ? 0 : Math.max(0, applied.length - steps);
  const undone = applied.slice(kept);
  const adopted = log.find(
    (entry) => entry.kind === "adopted" && undone.some(({ name }) => name === entry.name),
  );
  if (adopted) {
    throw new StoreError(
      "MIGRATION_INVALID",
      `${adopted.name} was adopted, not applied: to undo it would delete what was there before`,
    );
  }
  return toSteps(applied[kept - 1]?.version, undone, "down").reverse();
}

/**
 * The versions before and after each of `files`, the first of which comes after `base`.
 * @throws StoreError MIGRATION_MISSING before anything is run, if one lacks its script.
 */
function toSteps(
  base: bigint | undefined,
  files: readonly MigrationFile[],
  direction: Direction,
): Step[] {
  return files.map((file, index) => {
    requireScript(file, direction);
    const lower = files[index - 1]?.version ?? base ?? NO_VERSION;
    return direction === "up"
      ? { file, direction, before: lower, after: file.version }
      : { file, direction, before: file.version, after: lower };
  });
}
