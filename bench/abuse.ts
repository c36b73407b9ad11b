// Abuses a server in every way that the fault matrix names, beside a client that does what it should, and
// prints what came of it: for docs/limits.md. Asserts nothing by the clock.

import { cpSync, existsSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { Worker } from "node:worker_threads";
import { ArtistService } from "../gen/chinook/v1/artist_pb.ts";
import { DatabaseService } from "../gen/protostore/v1/database_service_pb.ts";
import { type Connection, connect } from "../src/client/client.ts";
import type { AbuseRow } from "./abuse-row.ts";
import { ROWS } from "./abuse-rows.ts";
import type { HonestFigures } from "./honest-client.ts";
import { freePort, memoryMb, type RunningServer, startServer } from "./processes.ts";
import { quantile } from "./quantile.ts";
import { untilServing } from "./until-serving.ts";

const { values: flags } = parseArgs({
  options: {
    /** Those of the fault matrix, by their numbers; all if absent. */
    rows: { type: "string" },
    /** How long the slow streams of row 9 go on. */
    minutes: { type: "string", default: "1" },
    directory: { type: "string", default: tmpdir() },
    /** Given to the server, for example `callsMax=500`. */
    limit: { type: "string", multiple: true, default: [] },
  },
});

const ROOT = join(import.meta.dirname, "..");
const ARTISTS = 1_200;
const BATCH = 100;
const BEFORE_MS = 3_000;
const SAMPLE_MS = 50;

const directory = mkdtempSync(join(flags.directory, "abuse-"));
const template = join(directory, "template.db");
const wanted = flags.rows?.split(",");
const lines: string[] = [
  "| row | what was done | figure to hold | seen | honest p50 / p99 / max before | meanwhile | memory | refused |",
  "|---|---|---|---|---|---|---|---|",
];

await prepare();
for (const row of ROWS) {
  if (wanted && !wanted.includes(row.row)) continue;
  const line = await tryRow(row);
  lines.push(line);
  console.log(line);
}
rmSync(directory, { recursive: true });
console.log(`\n${lines.join("\n")}`);

/** A database with pages of 3 MB, for each row a copy. */
async function prepare(): Promise<void> {
  const { server, connection } = await start(template);
  const { batchCreateArtists } = connection.service(ArtistService);
  const biography = "A life in music. ".repeat(180);
  for (let made = 0; made < ARTISTS; made += BATCH) {
    const requests = Array.from({ length: BATCH }, (_, index) => ({
      artist: { displayName: `Artist ${made + index}`, biography },
    }));
    await batchCreateArtists({ requests });
  }
  connection.close();
  await server.stop();
}

async function start(database: string) {
  const port = await freePort();
  const address = `127.0.0.1:${port}`;
  const limits = flags.limit.flatMap((limit) => ["--limit", limit]);
  const args = [join(ROOT, "src", "main.ts"), "serve", "--fixtures", ...limits];
  const server = startServer(
    { program: process.execPath, args: [...args, "--database", database, "--address", address] },
    join(directory, "server.log"),
  );
  const connection = connect(address);
  await untilServing(connection);
  return { server, connection, port, address };
}

async function tryRow({ row, done, asked, run }: AbuseRow): Promise<string> {
  const database = join(directory, "abused.db");
  for (const end of ["", "-wal", "-shm"]) rmSync(`${database}${end}`, { force: true });
  cpSync(template, database);
  if (existsSync(`${template}-wal`)) cpSync(`${template}-wal`, `${database}-wal`);
  const { server, connection, port, address } = await start(database);
  const [pid = 0] = server.pids();
  const honest = new Worker(new URL("./honest-client.ts", import.meta.url), {
    workerData: { address },
  });
  // Its threads are there before.
  const scans = Array.from({ length: 8 }, () =>
    connection.service(ArtistService).listArtists({ filter: 'biography = "*nothing*"' }),
  );
  await Promise.all(scans);
  await sleep(1_000);
  await takeFrom(honest);
  await sleep(BEFORE_MS);
  const before = await takeFrom(honest);
  const memoryBefore = memoryMb(pid, "VmRSS");
  const memory = watchMemory(pid);
  const target = {
    port,
    minutes: Number(flags.minutes),
    logMb: () => (statSync(`${database}-wal`, { throwIfNoEntry: false })?.size ?? 0) / 2 ** 20,
    descriptors: () => readdirSync(`/proc/${pid}/fd`).length,
  };
  const seen = await run(target).catch((error: unknown) => `failed: ${String(error)}`);
  const meanwhile = await takeFrom(honest);
  const growth = memory.end() - memoryBefore;
  const refused = await refusals(server, connection);
  honest.postMessage("end");
  connection.close();
  await server.stop();
  const cells = [row, done, asked, seen, say(before), say(meanwhile)];
  return `| ${[...cells, `+${growth.toFixed(0)} MB`, refused].join(" | ")} |`;
}

function takeFrom(honest: Worker): Promise<HonestFigures> {
  return new Promise((resolve) => {
    honest.once("message", resolve);
    honest.postMessage("take");
  });
}

function watchMemory(pid: number): { end(): number } {
  let most = 0;
  const look = () => {
    most = Math.max(most, memoryMb(pid, "VmRSS"));
  };
  const timer = setInterval(look, SAMPLE_MS);
  return {
    end() {
      clearInterval(timer);
      return most;
    },
  };
}

/** What was refused, by the server's own count. */
async function refusals(server: RunningServer, connection: Connection): Promise<string> {
  if (server.pids().length === 0) return "the server has ended";
  await sleep(500);
  const status = await connection.service(DatabaseService).getDatabaseStatus({});
  const counts = status.server?.limitRefusals ?? {};
  const entries = Array.isArray(counts) ? counts : Object.entries(counts);
  return entries.map((entry) => String(entry)).join(" ") || "-";
}

function say({ getMs, healthMs, failures }: HonestFigures): string {
  const figures = [0.5, 0.99, 1].map((q) => quantile(getMs, q).toFixed(1)).join(" / ");
  const health = `health ${quantile(healthMs, 1).toFixed(0)}`;
  return failures.length === 0
    ? `${figures}; ${health}`
    : `${figures}; ${health}; ${failures.length} failed: ${failures[0]}`;
}
