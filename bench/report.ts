// The results as tables, for the terminal and as Markdown for docs/performance.md: the same cells,
// drawn in two ways. It measures nothing and reads no file.

import {
  COMPARISONS,
  EXPORT_GROWTH_MB_MAX,
  type Mode,
  PEAK_MEMORY_MB_MAX,
  VARIANTS,
  WORKLOADS,
} from "./plan.ts";
import {
  type CallFigures,
  type Cell,
  findCell,
  type RawFigures,
  type Results,
  ratiosOf,
  type Sample,
  type Spread,
  spreadOf,
} from "./results.ts";

interface Table {
  readonly title: string;
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

const MODES: readonly Mode[] = ["pinned", "unpinned"];

const RAW_LABELS: Readonly<Record<keyof RawFigures, string>> = {
  read: "read one row",
  readPage: "read 1000 rows",
  insertNormal: "insert, NORMAL",
  insertFull: "insert, FULL",
  insertGroupFull: "insert 64 at a time, FULL; rows",
};

/** Prints all tables for people at a terminal. */
export function printTables(results: Results): void {
  for (const { title, head, rows } of tablesOf(results)) {
    const widths = head.map((name, i) =>
      Math.max(name.length, ...rows.map((row) => row[i]?.length ?? 0)),
    );
    const line = (row: readonly string[]) =>
      row.map((cell, i) => (i === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[i] ?? 0)));
    console.log(`\n${title}\n`);
    for (const row of [head, ...rows]) console.log(line(row).join("  ").trimEnd());
  }
  for (const what of results.skipped) console.log(`\nleft out, ${what}`);
}

/** Prints all tables as Markdown. */
export function printMarkdown(results: Results): void {
  for (const { title, head, rows } of tablesOf(results)) {
    const rule = head.map((_, i) => (i === 0 ? "---" : "---:"));
    console.log(`### ${title}\n`);
    for (const row of [head, rule, ...rows]) console.log(`| ${row.join(" | ")} |`);
    console.log("");
  }
  for (const what of results.skipped) console.log(`Left out, ${what}.\n`);
}

function tablesOf(results: Results): Table[] {
  return [
    machineTable(results),
    ratioTable(results),
    limitTable(results),
    ...MODES.filter((mode) => results.cells.some((cell) => cell.mode === mode)).map((mode) =>
      figureTable(results, mode),
    ),
    loopTable(results),
  ].filter(({ rows }) => rows.length > 0);
}

function machineTable({ date, machine, settings }: Results): Table {
  const { rounds, seconds, warmUpSeconds, rows } = settings;
  const run = `${rounds} rounds, ${seconds} s each after ${warmUpSeconds} s, ${rows} rows`;
  return {
    title: "Machine",
    head: ["what", "value"],
    rows: [["date", date.slice(0, 10)], ["run", run], ...Object.entries(machine)],
  };
}

function ratioTable(results: Results): Table {
  const ratios = MODES.flatMap((mode) => ratiosOf(results, mode));
  const rows = COMPARISONS.map((comparison) => {
    const cells = MODES.map((mode) => {
      const ratio = ratios.find((r) => r.mode === mode && r.comparison.label === comparison.label);
      if (!ratio) return ["", ""];
      const target = ratio.target === undefined ? "" : `≥ ${ratio.target}`;
      return [`${show(ratio, 2)}${verdict(ratio)}`, target];
    });
    return [comparison.label, ...cells.flat()];
  });
  const measured = rows.filter((row) => row.slice(1).some((cell) => cell !== ""));
  const peaks = MODES.map((mode) => peakMemoryMb(results, mode));
  if (peaks.some((peak) => peak > 0)) {
    const cells = peaks.flatMap((peak) =>
      peak === 0 ? ["", ""] : atMost(peak, PEAK_MEMORY_MB_MAX),
    );
    measured.push(["peak memory of a process, MB", ...cells]);
  }
  if (results.export) {
    const { growthMb, rows: exported } = results.export;
    const label = `growth while exporting ${exported} rows to a slow reader, MB`;
    measured.push([label, "", "", ...atMost(growthMb, EXPORT_GROWTH_MB_MAX)]);
  }
  return {
    title: "Ratios, more is better",
    head: ["what", "pinned", "target", "unpinned", "target"],
    rows: measured,
  };
}

// The largest of all processes of ours under all workloads; 0 if there are none.
function peakMemoryMb({ cells }: Results, mode: Mode): number {
  const ours = cells.filter((cell) => cell.mode === mode && cell.variant.startsWith("ours"));
  return Math.max(0, ...ours.flatMap(({ rounds }) => rounds.flatMap((r) => r.peakMemoryMb)));
}

function atMost(value: number, target: number): [string, string] {
  return [`${value}${value <= target ? "" : " (missed)"}`, `≤ ${target}`];
}

function limitTable({ raw }: Results): Table {
  const rows = Object.entries(RAW_LABELS).map(([key, label]) => {
    const cells = MODES.map((mode) =>
      show(spreadOf((raw[mode] ?? []).map((figures) => figures[key as keyof RawFigures]))),
    );
    return [label, ...cells];
  });
  return {
    title: "SQLite alone, operations a second",
    head: ["what", ...MODES],
    rows: Object.keys(raw).length > 0 ? rows : [],
  };
}

function figureTable(results: Results, mode: Mode): Table {
  const rows = WORKLOADS.flatMap((workload) =>
    VARIANTS.flatMap((variant) => {
      const cell = findCell(results, mode, workload.id, variant.id);
      return cell ? figureRows(cell, workload.label, variant.label) : [];
    }),
  );
  return {
    title: `Figures, ${mode}`,
    head: [
      "workload",
      "server",
      "calls a second",
      "p50 ms",
      "p99 ms",
      "max ms",
      "server's cores",
      "CPU µs a call",
      "database's cores",
      "client's cores",
      "peak MB",
    ],
    rows,
  };
}

// A row for what is measured, and one for each of the other clients that there were meanwhile.
function figureRows({ rounds }: Cell, workload: string, variant: string): string[][] {
  const timesOf = (reports: readonly CallFigures[]) => [
    show(spreadOf(reports.map(({ callsPerSecond }) => callsPerSecond))),
    medianOf(reports, ({ p50Ms }) => p50Ms, 2),
    medianOf(reports, ({ p99Ms }) => p99Ms, 2),
    medianOf(reports, ({ maxMs }) => maxMs, 1),
  ];
  const processes = Math.max(...rounds.map(({ peakMemoryMb }) => peakMemoryMb.length));
  const peaks = Array.from({ length: processes }, (_, i) =>
    Math.max(...rounds.map(({ peakMemoryMb }) => peakMemoryMb[i] ?? 0)),
  );
  const others = Object.keys(rounds[0]?.others ?? {}).map((name) => [
    `${workload}: ${name}`,
    variant,
    ...timesOf(rounds.flatMap((round) => round.others?.[name] ?? [])),
    ...["", "", "", "", ""],
  ]);
  const costs = [
    medianOf(rounds, ({ serverCores }) => serverCores, 2),
    // With other calls beside it, what one call costs cannot be told.
    others.length > 0 ? "" : medianOf(rounds, cpuMicroseconds, 0),
    medianOf(
      rounds.filter((round) => round.databaseCores !== undefined),
      ({ databaseCores = 0 }) => databaseCores,
      2,
    ),
    medianOf(rounds, ({ clientCores }) => clientCores, 2),
    peaks.join(" + "),
  ];
  return [[workload, variant, ...timesOf(rounds), ...costs], ...others];
}

const cpuMicroseconds = ({ serverCores, callsPerSecond }: Sample) =>
  (serverCores / callsPerSecond) * 1e6;

function medianOf<T>(reports: readonly T[], of: (report: T) => number, digits: number): string {
  return spreadOf(reports.map(of))?.median.toFixed(digits) ?? "";
}

// What a server tells of its own process, of the last round; no table if none does.
function loopTable(results: Results): Table {
  const rows = results.cells.flatMap(({ mode, workload, variant, rounds }) => {
    const server = rounds.at(-1)?.server;
    return server === undefined ? [] : [[`${workload}, ${variant}, ${mode}`, flat(server)]];
  });
  return { title: "What the server tells of itself", head: ["measurement", "server"], rows };
}

function flat(value: unknown): string {
  return JSON.stringify(value).replaceAll(/[{}"]/g, "").replaceAll(",", ", ").replaceAll(":", " ");
}

function show(spread: Spread | undefined, digits = 0): string {
  if (!spread) return "";
  const [median, min, max] = [spread.median, spread.min, spread.max].map((n) => n.toFixed(digits));
  return min === max ? `${median}` : `${median} (${min}–${max})`;
}

function verdict({ median, target }: { median: number; target: number | undefined }): string {
  return target === undefined || median >= target ? "" : " (missed)";
}
