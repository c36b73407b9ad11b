// The form of bench/results/latest.json, which the tables and the plot are made from, and what is
// computed from it: medians, spreads, ratios. It runs nothing and prints nothing.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
  COMPARISONS,
  type Comparison,
  type Mode,
  type VariantId,
  type WorkloadId,
} from "./plan.ts";

export const RESULTS_PATH = join(import.meta.dirname, "results", "latest.json");

/** Calls and their latencies. */
export interface CallFigures {
  readonly callsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
}

/** What the load client prints. */
export interface LoadReport extends CallFigures {
  /** The cores that the client has used; near those that it may use, the client is measured. */
  readonly clientCores: number;
  /** The other clients of a mixed load. */
  readonly others?: Readonly<Record<string, CallFigures>>;
}

/** One measurement. */
export interface Sample extends LoadReport {
  /** The cores that the server has used, all its processes together. */
  readonly serverCores: number;
  /** The cores that PostgreSQL has used, where there is one. */
  readonly databaseCores?: number;
  /** The peak of each of the server's processes, the first one first. */
  readonly peakMemoryMb: readonly number[];
  /** `server` of GetDatabaseStatus, where a server has it. */
  readonly server?: unknown;
}

/** All rounds of one workload on one variant. */
export interface Cell {
  readonly mode: Mode;
  readonly workload: WorkloadId;
  readonly variant: VariantId;
  readonly rounds: Sample[];
}

/** Operations a second of SQLite alone, in this process. */
export interface RawFigures {
  readonly read: number;
  readonly readPage: number;
  readonly insertNormal: number;
  readonly insertFull: number;
  readonly insertGroupFull: number;
}

/** An export to a slow reader. */
export interface ExportResult {
  readonly rows: number;
  readonly messages: number;
  readonly bytes: number;
  readonly slowBytes: number;
  readonly slowSeconds: number;
  readonly seconds: number;
  /** Memory of all processes before the export, and how much it grew at most, in megabytes. */
  readonly beforeMb: number;
  readonly growthMb: number;
}

export interface Results {
  readonly date: string;
  /** What the figures depend on: a name and a value each. */
  readonly machine: Readonly<Record<string, string>>;
  readonly settings: Readonly<Record<string, number>>;
  readonly cells: Cell[];
  readonly raw: Partial<Record<Mode, RawFigures[]>>;
  export?: ExportResult;
  /** What was left out, and why. */
  readonly skipped: string[];
}

/** A median with its least and its greatest value. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** A ratio, with the target that it has in its mode. */
export interface Ratio extends Spread {
  readonly comparison: Comparison;
  readonly mode: Mode;
  readonly target: number | undefined;
}

/** Reads the results of the last run. */
export function readResults(path = RESULTS_PATH): Results {
  return JSON.parse(readFileSync(path, "utf8")) as Results;
}

/** Undefined if there are no values. */
export function spreadOf(values: readonly number[]): Spread | undefined {
  const sorted = values.toSorted((a, b) => a - b);
  const [min, max] = [sorted[0], sorted.at(-1)];
  if (min === undefined || max === undefined) return undefined;
  const middle = (sorted.length - 1) / 2;
  const [low, high] = [sorted[Math.floor(middle)] ?? min, sorted[Math.ceil(middle)] ?? max];
  return { median: (low + high) / 2, min, max };
}

export function findCell(
  results: Results,
  mode: Mode,
  workload: WorkloadId,
  variant: VariantId,
): Cell | undefined {
  return results.cells.find(
    (cell) => cell.mode === mode && cell.workload === workload && cell.variant === variant,
  );
}

/** The ratios of a mode that were measured; each round is divided by the same round. */
export function ratiosOf(results: Results, mode: Mode): Ratio[] {
  return COMPARISONS.flatMap((comparison) => {
    const { figure } = comparison;
    const ours = findCell(results, mode, ...comparison.ours)?.rounds ?? [];
    const theirs = findCell(results, mode, ...comparison.theirs)?.rounds ?? [];
    const ratios = ours.flatMap((sample, round) => {
      const other = theirs[round];
      if (!other) return [];
      return figure === "p99Ms" ? other.p99Ms / sample.p99Ms : sample[figure] / other[figure];
    });
    const spread = spreadOf(ratios);
    return spread ? [{ ...spread, comparison, mode, target: comparison.targets[mode] }] : [];
  });
}
