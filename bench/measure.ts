// One measurement: a fresh copy of a seeded database, a server on it, the load client against that,
// what the server took. It decides nothing about what is measured, and prints nothing.

import { spawnSync } from "node:child_process";
import { closeSync, copyFileSync, existsSync, fsyncSync, openSync, rmSync } from "node:fs";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import Database from "better-sqlite3";
import { PROGRAMS } from "./build.ts";
import type { Mode, Variant } from "./plan.ts";
import type { BenchPostgres } from "./postgres.ts";
import {
  cpuSeconds,
  freePort,
  memoryMb,
  type RunningServer,
  runProgram,
  startServer,
} from "./processes.ts";
import type { ExportResult, LoadReport, Sample } from "./results.ts";

const SERVER_CORE = 0;
const CLIENT_CORE = 1;
const MEMORY_INTERVAL_MS = 100;

/** Where things are and how long they take. */
export interface Bench {
  /** The checkout whose server is measured. */
  readonly serverRoot: string;
  /** What our servers are started with beside the flags of a variant. */
  readonly serverFlags: readonly string[];
  /** Where the databases are. */
  readonly directory: string;
  /** Present if any of them is on it. */
  readonly postgres?: BenchPostgres | undefined;
  readonly warmUpSeconds: number;
  readonly seconds: number;
}

/** A database with customers of the ids `first` to `last`. */
export interface SeededDatabase {
  /** A path or, on PostgreSQL, a URL. */
  readonly location: string;
  readonly first: number;
  readonly last: number;
}

/** The core that a server has in a mode; undefined for all. */
export const serverCore = (mode: Mode): number | undefined =>
  mode === "pinned" ? SERVER_CORE : undefined;

/** True if the server of the checkout knows the flag. */
export function knowsFlag(serverRoot: string, flag: string): boolean {
  const help = [mainOf(serverRoot), "serve", "--help"];
  const { status, stdout, stderr } = spawnSync(process.execPath, help, { encoding: "utf8" });
  if (status !== 0) throw new Error(`the server of ${serverRoot} does not start: ${stderr}`);
  return stdout.includes(flag);
}

/** Makes a database for the variant's program with that many customers. */
export async function seed(bench: Bench, variant: Variant, rows: number): Promise<SeededDatabase> {
  const { program, storage } = variant;
  const name = `seeded_${program}_${rows}`;
  const postgres = storage === "postgres" ? requirePostgres(bench) : undefined;
  const location = (await postgres?.create(name)) ?? join(bench.directory, `${name}.db`);
  const report = await withServer(bench, variant, "unpinned", location, ({ load }) =>
    load(["seed", "-rows", String(rows)]),
  );
  await postgres?.settle(location);
  return { location, ...(report as { first: number; last: number }) };
}

function requirePostgres({ postgres }: Bench): BenchPostgres {
  if (!postgres) throw new Error("there is no PostgreSQL server");
  return postgres;
}

/**
 * The same database as if another program had written its customers, after the server has given them
 * bytes.
 */
export async function fill(
  bench: Bench,
  variant: Variant,
  database: SeededDatabase,
): Promise<SeededDatabase> {
  const path = `${database.location}-filled`;
  copyFileSync(database.location, path);
  const sql = new Database(path);
  sql.exec("UPDATE customers SET wire = NULL, checksum = NULL, revision = NULL");
  const countBare = sql.prepare("SELECT count(*) FROM customers WHERE checksum IS NULL").pluck();
  const fast = { ...variant, flags: [...variant.flags, "--fill-rows", "100000"] };
  await withServer(bench, fast, "unpinned", path, async () => {
    while (countBare.get() !== 0) await delay(MEMORY_INTERVAL_MS);
  });
  sql.close();
  return { ...database, location: path };
}

/** Runs a command of the load client on a fresh copy of the database. */
export async function measure(
  bench: Bench,
  variant: Variant,
  mode: Mode,
  database: SeededDatabase,
  command: readonly string[],
): Promise<Sample> {
  const postgres = variant.storage === "postgres" ? requirePostgres(bench) : undefined;
  if (mode === "pinned") postgres?.pin(String(CLIENT_CORE));
  else postgres?.pin(`0-${availableParallelism() - 1}`);
  const location = (await postgres?.copy(database.location)) ?? copyFile(bench, database);
  return withServer(bench, variant, mode, location, async ({ load, server, address }) => {
    const began = performance.now();
    const cpuBefore = cpuSeconds(server.pids());
    const databaseBefore = cpuSeconds(postgres?.pids() ?? []);
    const report = (await load([
      ...command,
      ...["-first", String(database.first), "-last", String(database.last)],
      ...["-warm-up", `${bench.warmUpSeconds}s`, "-measured", `${bench.seconds}s`],
    ])) as LoadReport;
    const pids = server.pids();
    const databaseSeconds = cpuSeconds(postgres?.pids() ?? []) - databaseBefore;
    const elapsedSeconds = (performance.now() - began) / 1_000;
    const status = variant.program === "ours" ? await serverStatus(bench, address) : undefined;
    return {
      ...report,
      serverCores: (cpuSeconds(pids) - cpuBefore) / elapsedSeconds,
      ...(postgres && { databaseCores: databaseSeconds / elapsedSeconds }),
      peakMemoryMb: pids.map((pid) => Math.round(memoryMb(pid, "VmHWM"))),
      ...(status !== undefined && { server: status }),
    };
  });
}

/** Exports all customers to a slow reader and watches the server's memory. */
export async function measureExport(
  bench: Bench,
  variant: Variant,
  database: SeededDatabase,
  slow: { readonly seconds: number; readonly rateKb: number },
): Promise<ExportResult> {
  return withServer(bench, variant, "unpinned", database.location, async ({ load, server }) => {
    // A heap that has had nothing to do would grow by being used at all.
    await load(["list", "-page-size", "1000", "-warm-up", "0s", "-measured", "3s"]);
    const memoryNow = () => sum(server.pids().map((pid) => memoryMb(pid, "VmRSS")));
    const beforeMb = memoryNow();
    let peakMb = beforeMb;
    const timer = setInterval(() => {
      peakMb = Math.max(peakMb, memoryNow());
    }, MEMORY_INTERVAL_MS);
    try {
      const flags = ["-measured", `${slow.seconds}s`, "-rate", String(slow.rateKb)];
      const report = (await load(["export", ...flags])) as ExportResult;
      return { ...report, beforeMb: Math.round(beforeMb), growthMb: Math.round(peakMb - beforeMb) };
    } finally {
      clearInterval(timer);
    }
  });
}

interface Session {
  readonly server: RunningServer;
  readonly address: string;
  /** Runs the load client against the server; returns what it prints. */
  load(command: readonly string[]): Promise<unknown>;
}

async function withServer<T>(
  bench: Bench,
  variant: Variant,
  mode: Mode,
  location: string,
  use: (session: Session) => Promise<T>,
): Promise<T> {
  const address = `127.0.0.1:${await freePort()}`;
  const core = serverCore(mode);
  const server = startServer(
    variant.program === "ours"
      ? {
          program: process.execPath,
          args: [
            ...[mainOf(bench.serverRoot), "serve", "--fixtures"],
            ...["--database", location, "--address", address],
            ...[...variant.flags, ...bench.serverFlags],
          ],
          core,
        }
      : {
          program: PROGRAMS.peer,
          args: ["-database", location, "-address", address, ...variant.flags],
          core,
        },
    join(bench.directory, "server.log"),
  );
  const load = async ([command = "", ...args]: readonly string[]) => {
    const text = await runProgram({
      program: PROGRAMS.load,
      args: [command, "-address", address, ...args],
      core: mode === "pinned" ? CLIENT_CORE : undefined,
    });
    return text === "" ? undefined : JSON.parse(text);
  };
  try {
    await load(["wait"]);
    return await use({ server, address, load });
  } finally {
    await server.stop();
  }
}

// The copy is synced, or else the first commits would pay for it.
function copyFile(bench: Bench, { location: path }: SeededDatabase): string {
  const copy = join(bench.directory, "measured.db");
  for (const suffix of ["", "-wal", "-shm"]) {
    rmSync(`${copy}${suffix}`, { force: true });
  }
  // A server that stops takes its log into the file, so that the file is all there is.
  if (existsSync(`${path}-wal`)) throw new Error(`${path} was not closed properly`);
  copyFileSync(path, copy);
  const file = openSync(copy, "r+");
  fsyncSync(file);
  closeSync(file);
  return copy;
}

// The part of GetDatabaseStatus that is about the process; a server may not have it yet.
async function serverStatus(bench: Bench, address: string): Promise<unknown> {
  const text = await runProgram({
    program: process.execPath,
    args: [mainOf(bench.serverRoot), "status", "--json", "--address", address],
  });
  return (JSON.parse(text) as { readonly server?: unknown }).server;
}

function mainOf(serverRoot: string): string {
  return join(serverRoot, "src", "main.ts");
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
