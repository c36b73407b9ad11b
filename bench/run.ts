// `npm run bench`: measures this service beside what the field would build instead, in turn, and
// keeps the results. What is measured is in plan.ts, one measurement in measure.ts.

import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { parseArgs } from "node:util";
import { buildPrograms, PROGRAMS } from "./build.ts";
import { describeMachine } from "./machine.ts";
import {
  type Bench,
  fill,
  knowsFlag,
  measure,
  measureExport,
  type SeededDatabase,
  seed,
  serverCore,
} from "./measure.ts";
import { type Mode, VARIANTS, type Variant, WORKLOADS, type Workload } from "./plan.ts";
import { POSTGRES_SETTINGS, startBenchPostgres } from "./postgres.ts";
import { canPin, runProgram } from "./processes.ts";
import { printMarkdown, printTables } from "./report.ts";
import { type Cell, findCell, RESULTS_PATH, type Results, readResults } from "./results.ts";

const ROOT = join(import.meta.dirname, "..");

// Enough for the pages that the server is warmed up with.
const EXPORT_TRIAL_ROWS = 5_000;

const USAGE = `npm run bench -- [flags]

--quick               one short round, small tables
--rounds N            rounds (5)
--seconds S           how long each measurement takes (5)
--warm-up S           how long each server is warmed up before (3)
--rows N              customers in the table (50000)
--export-rows N       customers in the table that is exported; 0 leaves the export out (1000000)
--export-seconds S    how long the reader of the export is slow (30)
--export-rate KB      how many kilobytes a second it takes meanwhile (1024)
--mode MODE           pinned or unpinned; both if absent
--servers A,B         these servers: ${VARIANTS.map(({ id }) => id).join(", ")}
--only A,B            these workloads: ${WORKLOADS.map(({ id }) => id).join(", ")}, export
--server FOLDER       the checkout whose server is measured (this one)
--flag FLAG           given to our servers beside their own, as --flag=--limit --flag=readerThreads=4
--directory FOLDER    where the databases are made, on the disk to measure (data/)
--markdown            measures nothing; prints the tables of the last results as Markdown
`;

const { values: flags } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    rounds: { type: "string" },
    seconds: { type: "string" },
    "warm-up": { type: "string" },
    rows: { type: "string" },
    "export-rows": { type: "string" },
    "export-seconds": { type: "string" },
    "export-rate": { type: "string", default: "1024" },
    mode: { type: "string" },
    servers: { type: "string" },
    only: { type: "string" },
    server: { type: "string", default: ROOT },
    flag: { type: "string", multiple: true, default: [] },
    directory: { type: "string", default: join(ROOT, "data") },
    markdown: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});

const settings = {
  rounds: Number(flags.rounds ?? (flags.quick ? 1 : 5)),
  seconds: Number(flags.seconds ?? (flags.quick ? 1 : 5)),
  warmUpSeconds: Number(flags["warm-up"] ?? (flags.quick ? 1 : 3)),
  rows: Number(flags.rows ?? (flags.quick ? 5_000 : 50_000)),
  exportRows: Number(flags["export-rows"] ?? (flags.quick ? 20_000 : 1_000_000)),
  exportSeconds: Number(flags["export-seconds"] ?? (flags.quick ? 3 : 30)),
  exportRateKb: Number(flags["export-rate"]),
};

if (flags.help) console.log(USAGE);
else if (flags.markdown) printMarkdown(readResults());
else await run();

async function run(): Promise<void> {
  const only = flags.only?.split(",");
  const workloads = WORKLOADS.filter(({ id }) => only?.includes(id) ?? true);
  buildPrograms();
  mkdirSync(flags.directory, { recursive: true });
  const directory = mkdtempSync(join(flags.directory, "bench-"));
  // Where PostgreSQL runs as another user, that one must reach its own folder in it.
  chmodSync(directory, 0o711);
  process.once("exit", () => rmSync(directory, { recursive: true, force: true, maxRetries: 10 }));
  for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(1));
  const serverRoot = resolve(flags.server);
  const postgres = wantedVariants().some(({ storage }) => storage === "postgres")
    ? await startBenchPostgres(directory)
    : undefined;
  const bench: Bench = { serverRoot, directory, postgres, serverFlags: flags.flag, ...settings };
  const results: Results = {
    date: new Date().toISOString(),
    machine: {
      ...describeMachine(serverRoot, directory, PROGRAMS.peer),
      ...(postgres && { PostgreSQL: `${postgres.version}, ${POSTGRES_SETTINGS.join(", ")}` }),
    },
    settings,
    cells: [],
    raw: {},
    skipped: [],
  };
  if (workloads.length > 0) await measureAll(bench, results, workloads);
  if (!flags.servers && (only?.includes("export") ?? true)) await measureSlowExport(bench, results);
  mkdirSync(dirname(RESULTS_PATH), { recursive: true });
  writeFileSync(RESULTS_PATH, `${JSON.stringify(results, rounded, 2)}\n`);
  printTables(results);
}

async function measureAll(
  bench: Bench,
  results: Results,
  workloads: readonly Workload[],
): Promise<void> {
  const variants = availableVariants(bench, results);
  const kindOf = ({ program, storage }: Variant) => `${program} on ${storage}`;
  const databases = new Map<string, SeededDatabase>();
  for (const variant of variants) {
    if (databases.has(kindOf(variant))) continue;
    databases.set(kindOf(variant), await seed(bench, variant, settings.rows));
  }
  const ours = databases.get(kindOf(variantOf("ours")));
  const filled =
    ours && workloads.some((workload) => workload.filled)
      ? await fill(bench, variantOf("ours"), ours)
      : ours;
  const modes = availableModes(results);
  for (let round = 0; round < settings.rounds; round++) {
    for (const mode of modes) {
      const raw = await measureRaw(bench, mode);
      results.raw[mode] = [...(results.raw[mode] ?? []), raw];
      for (const workload of workloads) {
        const chosen = workload.variants
          .map((id) => variants.find((variant) => variant.id === id))
          .filter((variant) => variant !== undefined)
          .filter(({ unpinnedOnly }) => mode === "unpinned" || !unpinnedOnly);
        for (const variant of chosen) {
          const what = `round ${round + 1}, ${mode}, ${workload.label}, ${variant.label}`;
          const database = workload.filled ? filled : databases.get(kindOf(variant));
          if (!database) throw new Error(`${variant.label} has no database`);
          await measureCell(bench, results, { mode, workload, variant, database, what });
        }
      }
    }
  }
}

interface Measurement {
  readonly mode: Mode;
  readonly workload: Workload;
  readonly variant: Variant;
  readonly database: SeededDatabase;
  readonly what: string;
}

async function measureCell(bench: Bench, results: Results, measurement: Measurement) {
  const { mode, workload, variant, database, what } = measurement;
  const sample = await measure(bench, variant, mode, database, workload.command);
  let cell = findCell(results, mode, workload.id, variant.id);
  if (!cell) {
    cell = { mode, workload: workload.id, variant: variant.id, rounds: [] } satisfies Cell;
    results.cells.push(cell);
  }
  cell.rounds.push(sample);
  console.log(
    `${what}: ${sample.callsPerSecond.toFixed(0)}/s, p50 ${sample.p50Ms.toFixed(2)} ms, ` +
      `p99 ${sample.p99Ms.toFixed(2)} ms, ${sample.peakMemoryMb.join(" + ")} MB`,
  );
}

async function measureRaw(bench: Bench, mode: Mode) {
  const args = ["--directory", bench.directory, "--seconds", String(bench.seconds / 5)];
  const program = join(import.meta.dirname, "raw-sqlite.ts");
  const core = serverCore(mode);
  return JSON.parse(
    await runProgram({ program: process.execPath, args: [program, ...args], core }),
  );
}

async function measureSlowExport(bench: Bench, results: Results): Promise<void> {
  if (settings.exportRows === 0) return;
  const ours = variantOf("ours");
  const slow = { seconds: settings.exportSeconds, rateKb: settings.exportRateKb };
  const few = await seed(bench, ours, EXPORT_TRIAL_ROWS);
  try {
    await measureExport(bench, ours, few, { ...slow, seconds: 0 });
  } catch (error) {
    if (!String(error).includes("Unimplemented")) throw error;
    skip(results, "export: the server does not have the method");
    return;
  }
  const database = await seed(bench, ours, settings.exportRows);
  results.export = await measureExport(bench, ours, database, slow);
  console.log(`export: ${JSON.stringify(results.export)}`);
}

function wantedVariants(): Variant[] {
  const wanted = flags.servers?.split(",");
  return VARIANTS.filter(({ id }) => wanted?.includes(id) ?? true);
}

function availableVariants(bench: Bench, results: Results): Variant[] {
  return wantedVariants().filter((variant) => {
    const [flag] = variant.flags;
    if (variant.program === "peer" || flag === undefined || knowsFlag(bench.serverRoot, flag)) {
      return true;
    }
    skip(results, `${variant.label}: the server does not know ${flag}`);
    return false;
  });
}

function availableModes(results: Results): Mode[] {
  const modes = (["pinned", "unpinned"] as const).filter((mode) => (flags.mode ?? mode) === mode);
  if (!modes.includes("pinned") || canPin()) return modes;
  skip(results, "pinned: there is no taskset");
  return modes.filter((mode) => mode !== "pinned");
}

function skip(results: Results, what: string): void {
  results.skipped.push(what);
  console.log(`left out, ${what}`);
}

function variantOf(id: Variant["id"]): Variant {
  const variant = VARIANTS.find((candidate) => candidate.id === id);
  if (!variant) throw new Error(`there is no variant ${id}`);
  return variant;
}

// Four digits behind the point are more than any figure here is good for.
function rounded(_key: string, value: unknown): unknown {
  return typeof value === "number" ? Math.round(value * 10_000) / 10_000 : value;
}
