// Hours in the life of one server: writes at a steady rate, reads, streams, backups, checkpoints. Prints
// how its memory, files and log went, and draws them as docs/soak.svg. Asserts nothing by the clock.

import { existsSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { status } from "@grpc/grpc-js";
import { ArtistService } from "../gen/chinook/v1/artist_pb.ts";
import { Health } from "../gen/health/v1/health_pb.ts";
import { StoreService } from "../gen/protostore/v1/store_service_pb.ts";
import { connect, RpcError } from "../src/client/client.ts";
import { freePort, memoryMb, type RunningServer, startServer } from "./processes.ts";
import { quantile } from "./quantile.ts";
import { drawSoak, type SoakSample, slopeOf } from "./soak-plot.ts";
import { untilServing } from "./until-serving.ts";

const { values: flags } = parseArgs({
  options: {
    minutes: { type: "string", default: "60" },
    "warm-up": { type: "string", default: "10" },
    writes: { type: "string", default: "200" },
    backup: { type: "string", default: "5m" },
    directory: { type: "string", default: tmpdir() },
  },
});

const ROOT = join(import.meta.dirname, "..");
const [minutes, warmUp, writesPerSecond] = [flags.minutes, flags["warm-up"], flags.writes].map(
  Number,
) as [number, number, number];
const SAMPLE_MS = 10_000;
const TICK_MS = 50;
const READS_PER_WRITE = 2;
/** What is written is deleted again, so that the file stays as large as it is. */
const ARTISTS_MAX = 2_000;
/** The artists that are there from the start. */
const FIXTURES = 40;
const WATCHES = 20;
const EXPORTED = { resourceType: "chinook.example.com/Artist" };
const EXPORT_MS = 5_000;
const RETRY_MS = 1_000;

const directory = mkdtempSync(join(flags.directory, "soak-"));
const database = join(directory, "soak.db");
const backups = join(directory, "backups");
const address = `127.0.0.1:${await freePort()}`;
const server = startServer(
  {
    program: process.execPath,
    args: [
      ...[join(ROOT, "src", "main.ts"), "serve", "--fixtures"],
      ...["--database", database, "--address", address],
      ...["--backup-dir", backups, "--backup-interval", flags.backup],
    ],
  },
  join(directory, "server.log"),
);
const connection = connect(address);
const artists = connection.service(ArtistService);

const outcomes = new Map<string, number>();
const writeMs: number[] = [];
const names: string[] = [];
let isOver = false;

await untilServing(connection);
const began = performance.now();
const elapsedMinutes = () => (performance.now() - began) / 60_000;
console.log(`${minutes} minutes, ${writesPerSecond} writes/s, a backup every ${flags.backup}`);
for (let index = 0; index < WATCHES; index++) void watchHealth();
const samples = await Promise.all([takeSamples(server), keepCalling(), keepExporting()]).then(
  ([taken]) => taken,
);
report(samples);
connection.close();
await server.stop();
rmSync(directory, { recursive: true });

function count(outcome: string): void {
  outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
}

function outcomeOf(error: unknown): string {
  return (error instanceof RpcError ? status[error.code] : undefined) ?? String(error);
}

async function call<T>(kind: string, promise: Promise<T>): Promise<T | undefined> {
  try {
    const answer = await promise;
    count(`${kind} OK`);
    return answer;
  } catch (error) {
    count(`${kind} ${outcomeOf(error)}`);
    return undefined;
  }
}

/** Sends what is due by the clock: calls that take long do not make the others fewer. */
async function keepCalling(): Promise<void> {
  let sent = 0;
  while (elapsedMinutes() < minutes) {
    const due = Math.floor(elapsedMinutes() * 60 * writesPerSecond);
    for (; sent < due; sent++) {
      void write(sent);
      for (let index = 0; index < READS_PER_WRITE; index++) void read(sent + index);
    }
    await sleep(TICK_MS);
  }
  isOver = true;
}

async function write(index: number): Promise<void> {
  const startMs = performance.now();
  const oldest = names.length > ARTISTS_MAX ? names.shift() : undefined;
  if (oldest !== undefined) await call("Delete", artists.deleteArtist({ name: oldest }));
  else {
    const displayName = `Artist ${index} of the soak`;
    const made = await call("Create", artists.createArtist({ artist: { displayName } }));
    if (made) names.push(made.name);
  }
  writeMs.push(performance.now() - startMs);
}

async function read(index: number): Promise<void> {
  if (index % 20 === 0) await call("List", artists.listArtists({ pageSize: 100 }));
  else await call("Get", artists.getArtist({ name: `artists/${1 + (index % FIXTURES)}` }));
}

/** A connection has an age: its streams end with it, and are opened again. */
async function watchHealth(): Promise<void> {
  while (!isOver) {
    try {
      for await (const _ of connection.service(Health).watch({})) count("Watch OK");
    } catch (error) {
      if (!isOver) count(`Watch ${outcomeOf(error)}`);
    }
    await sleep(RETRY_MS);
  }
}

async function keepExporting(): Promise<void> {
  const { export: exportAll } = connection.service(StoreService);
  while (!isOver) {
    await call("Export", drain(exportAll(EXPORTED)));
    await sleep(EXPORT_MS);
  }
}

async function drain(answers: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of answers);
}

async function takeSamples({ pids }: RunningServer): Promise<readonly SoakSample[]> {
  const taken: SoakSample[] = [];
  const [pid = 0] = pids();
  while (!isOver) {
    taken.push({
      minute: elapsedMinutes(),
      memoryMb: memoryMb(pid, "VmRSS"),
      descriptors: readdirSync(`/proc/${pid}/fd`).length,
      logMb: sizeMb(`${database}-wal`),
      databaseMb: sizeMb(database),
    });
    await sleep(SAMPLE_MS);
  }
  return taken;
}

function sizeMb(path: string): number {
  return (statSync(path, { throwIfNoEntry: false })?.size ?? 0) / 2 ** 20;
}

function report(taken: readonly SoakSample[]): void {
  const warm = taken.filter(({ minute }) => minute >= warmUp);
  const slope = slopeOf(warm.map(({ minute, memoryMb }) => [minute / 60, memoryMb]));
  const range = (read: (sample: SoakSample) => number, of = warm) => {
    const values = of.map(read);
    return `${Math.min(...values).toFixed(1)} to ${Math.max(...values).toFixed(1)}`;
  };
  const made = existsSync(backups)
    ? readdirSync(backups).filter((name) => name.endsWith(".json")).length
    : 0;
  console.log(`memory after ${warmUp} min: ${range(({ memoryMb }) => memoryMb)} MB`);
  console.log(`its slope: ${slope.toFixed(2)} MB/h`);
  console.log(`descriptors: ${range(({ descriptors }) => descriptors)}`);
  console.log(`log: ${range(({ logMb }) => logMb)} MB, database: ${range((s) => s.databaseMb)} MB`);
  console.log(`backups made: ${made}`);
  for (const q of [0.5, 0.99, 0.999]) {
    console.log(`write p${q * 100}: ${quantile(writeMs, q).toFixed(1)} ms`);
  }
  for (const [outcome, times] of [...outcomes].sort()) console.log(`${outcome}: ${times}`);
  drawSoak(join(ROOT, "docs", "soak.svg"), taken);
}
