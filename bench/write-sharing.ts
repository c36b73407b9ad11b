// How several server processes best share one SQLite file for writing: each commits its own groups
// under SQLite's lock, or all send their commits to one process that writes. Prints medians and spread.

import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import Database from "better-sqlite3";
import {
  type Answered,
  createGroupCommit,
  frameSocket,
  type Measured,
  type Sent,
  type ServerTask,
} from "./write-sharing-server.ts";

const { values: flags } = parseArgs({
  options: {
    processes: { type: "string", default: "1,2,4" },
    callers: { type: "string", default: "64" },
    only: { type: "string", default: "" },
    rounds: { type: "string", default: "5" },
    measureMs: { type: "string", default: "2000" },
    workUs: { type: "string", default: "100" },
    syncMs: { type: "string", default: "0" },
    directory: { type: "string", default: tmpdir() },
  },
});

type Way = Pick<ServerTask, "way" | "pollMs">;
const POLLED = [0.05, 0.1, 0.2, 0.5, 1].map((pollMs): [string, Way] => [
  `own connection, polls ${pollMs} ms`,
  { way: "lock", pollMs },
]);
const ALL_WAYS: readonly [string, Way][] = [
  ...POLLED,
  ["own connection, SQLite waits", { way: "lock" }],
  ["one writer, IPC", { way: "ipc" }],
  ["one writer, socket", { way: "socket" }],
];
const WAYS = ALL_WAYS.filter(([name]) => name.includes(flags.only));
const SERVER = join(import.meta.dirname, "write-sharing-server.ts");
const SCHEMA = `
  CREATE TABLE store_state (revision INTEGER NOT NULL);
  INSERT INTO store_state VALUES (0);
  CREATE TABLE customers (
    id INTEGER PRIMARY KEY, name TEXT, email TEXT, phone TEXT, status INTEGER, rep INTEGER,
    data TEXT CHECK (json_valid(data)), wire BLOB, revision INTEGER
  );
  CREATE INDEX customers_email ON customers (email);
  CREATE INDEX customers_phone ON customers (phone);
  CREATE INDEX customers_status ON customers (status);
  CREATE INDEX customers_rep ON customers (rep);
`;

interface Round {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** The share of the process that committed least, of that which committed most. */
  readonly fairness: number;
  /** Milliseconds of CPU, of all processes, for a commit. */
  readonly cpuMs: number;
}

const cases = flags.processes.split(",").flatMap((count) =>
  // A process alone has nobody to share with: one way is enough to compare with.
  (count === "1" ? ALL_WAYS.slice(1, 2) : WAYS).map(([name, way]) => ({
    name: `${count} x ${name}`,
    processes: Number(count),
    way,
    rounds: [] as Round[],
  })),
);
for (let round = 0; round < Number(flags.rounds); round++) {
  for (const { processes, way, rounds } of cases) rounds.push(await runRound(processes, way));
}
const heads = ["commits/s", "p50 ms", "p99 ms", "min/max", "CPU s/1000"];
console.log(["".padEnd(36), ...heads.map((head) => head.padStart(20))].join(""));
for (const { name, rounds } of cases) {
  const cells = [
    spread(rounds.map(({ perSecond }) => perSecond)),
    spread(rounds.map(({ p50Ms }) => p50Ms)),
    spread(rounds.map(({ p99Ms }) => p99Ms)),
    spread(rounds.map(({ fairness }) => fairness)),
    spread(rounds.map(({ cpuMs }) => cpuMs)),
  ];
  console.log([name.padEnd(36), ...cells.map((cell) => cell.padStart(20))].join(""));
}

async function runRound(processes: number, way: Way): Promise<Round> {
  const directory = mkdtempSync(join(flags.directory, "protostore-bench-"));
  try {
    const path = join(directory, "bench.db");
    const db = new Database(path);
    db.pragma("journal_mode = WAL");
    db.exec(SCHEMA);
    const task: ServerTask = {
      ...way,
      path,
      socketPath: join(directory, "socket"),
      callers: Number(flags.callers),
      workUs: Number(flags.workUs),
      syncMs: Number(flags.syncMs),
      warmUpMs: 500,
      measureMs: Number(flags.measureMs),
    };
    const writer = way.way === "lock" ? undefined : createWriter(task);
    const listener = createServer((socket) => {
      const answer = frameSocket(socket, (batch) => writer?.(batch as Sent[], answer));
    }).listen(task.socketPath);
    const measured = runServers(processes, task, writer);
    // The writer's own CPU, in the middle of what is measured.
    await new Promise((resolve) => setTimeout(resolve, task.warmUpMs));
    const before = process.cpuUsage();
    await new Promise((resolve) => setTimeout(resolve, task.measureMs));
    const own = process.cpuUsage(before);
    const servers = await measured;
    listener.close();
    const [rows, revision] = db
      .prepare("SELECT count(*), (SELECT revision FROM store_state) FROM customers")
      .raw()
      .get() as [number, number];
    db.close();
    const acknowledged = new Set(servers.flatMap(({ revisions }) => revisions));
    if (rows !== revision || acknowledged.size !== rows) {
      throw new Error(`${acknowledged.size} acknowledged, ${rows} rows, revision ${revision}`);
    }
    const latencies = servers.flatMap(({ latenciesMs }) => latenciesMs).sort((a, b) => a - b);
    const shares = servers.map(({ latenciesMs }) => latenciesMs.length);
    const cpuMs = servers.reduce((sum, server) => sum + server.cpuMs, 0);
    const writerMs = writer ? (own.user + own.system) / 1_000 : 0;
    return {
      perSecond: latencies.length / (task.measureMs / 1_000),
      p50Ms: quantile(latencies, 0.5),
      p99Ms: quantile(latencies, 0.99),
      fairness: Math.min(...shares) / Math.max(...shares),
      cpuMs: (cpuMs + writerMs) / latencies.length,
    };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

type Writer = (batch: readonly Sent[], answer: (answers: readonly Answered[]) => void) => void;

/** Commits in one group what all processes have sent in a turn of the event loop. */
function createWriter({ path, syncMs }: ServerTask): Writer {
  const commit = createGroupCommit({ path, pollMs: 0.1, syncMs });
  let waiting: Parameters<Writer>[] = [];
  const commitAll = () => {
    const group = waiting;
    waiting = [];
    const answers = commit(
      group.flatMap(([batch]) => batch),
      () => [],
    );
    let from = 0;
    for (const [batch, answer] of group) {
      answer(answers.slice(from, from + batch.length));
      from += batch.length;
    }
  };
  return (batch, answer) => {
    if (waiting.push([batch, answer]) === 1) setImmediate(commitAll);
  };
}

function runServers(count: number, task: ServerTask, writer?: Writer): Promise<Measured[]> {
  const runOne = async (): Promise<Measured> => {
    const child: ChildProcess = fork(SERVER, [JSON.stringify(task)], { serialization: "advanced" });
    let measured: Measured | undefined;
    child.on("message", (message: readonly Sent[] | Measured) => {
      if ("cpuMs" in message) measured = message;
      else writer?.(message, (answers) => child.send(answers));
    });
    await once(child, "exit");
    if (!measured) throw new Error("a server process has failed");
    return measured;
  };
  return Promise.all(Array.from({ length: count }, runOne));
}

/** The median, and behind it the least and the greatest. */
function spread(values: readonly number[]): string {
  const sorted = values.toSorted((a, b) => a - b);
  const format = (value: number) => value.toFixed(value >= 100 ? 0 : value >= 10 ? 1 : 2);
  const [least, median, greatest] = [0, 0.5, 1].map((q) => format(quantile(sorted, q)));
  return `${median} (${least}-${greatest})`;
}

function quantile(sorted: readonly number[], q: number): number {
  return sorted[Math.floor(q * (sorted.length - 1))] ?? Number.NaN;
}
