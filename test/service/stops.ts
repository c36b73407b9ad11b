// Servers as they are started by hand, by npm and as the first process of a container, found again by
// their environment wherever they are in the tree of processes.

import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { onTestFinished } from "vitest";
import { tempDir } from "../support/temp.ts";
import { REPO_ROOT } from "../support/tools.ts";

const SERVE = [process.execPath, "src/main.ts", "serve"];

/** The ways to start a server, and whom a signal goes to: the command, all of its group, or process 1. */
export const LAUNCHES = {
  "npm start": { command: ["npm", "start"], to: "command" },
  "npm start in a terminal": { command: ["npm", "start"], to: "group" },
  serve: { command: SERVE, to: "command" },
  "serve as process 1": {
    command: ["unshare", "--fork", "--pid", "--mount-proc", ...SERVE],
    to: "first",
  },
  "serve --processes 2": { command: [...SERVE, "--processes", "2"], to: "command" },
  "serve --processes 2 in a terminal": { command: [...SERVE, "--processes", "2"], to: "group" },
} as const;

export type Launch = keyof typeof LAUNCHES;

/** A server that was started, perhaps a moment ago. */
export interface Launched {
  readonly database: string;
  /** What it has printed, to both of its outputs. */
  output(): string;
  /** The address, once it is printed. */
  address(): Promise<string>;
  /** The pids of all its processes, but for those around it such as npm. */
  servers(): readonly number[];
  signal(name: NodeJS.Signals): void;
  /** Its exit code, or the signal that killed it. */
  readonly ended: Promise<number | NodeJS.Signals>;
}

/** False, with a word on the console, if this machine does not let us make a namespace of processes. */
export function canBeFirstProcess(): boolean {
  try {
    execFileSync("unshare", ["--fork", "--pid", "--mount-proc", "true"], { stdio: "ignore" });
    return true;
  } catch {
    console.warn(
      "unshare is not permitted: no server is tried as the first process of a container",
    );
    return false;
  }
}

/** Starts a server over a new database with the fixtures; nothing of it outlives the test. */
export function launch(how: Launch): Launched {
  const { command, to } = LAUNCHES[how];
  const [program, ...args] = command as unknown as [string, ...string[]];
  const database = join(tempDir(), "store.db");
  const child = spawn(program, args, {
    cwd: REPO_ROOT,
    detached: true,
    env: {
      ...process.env,
      PROTOSTORE_DATABASE: database,
      PROTOSTORE_ADDRESS: "127.0.0.1:0",
      PROTOSTORE_FIXTURES: "on",
    },
  });
  const pid = child.pid as number;
  const output = collect(child);
  const ended = once(child, "exit").then(([code, signal]) => code ?? signal);
  onTestFinished(async () => {
    for (const each of processesOf(database)) process.kill(each, "SIGKILL");
    await ended;
  });
  return {
    database,
    output,
    async address() {
      for (;;) {
        const found = / on (\S+:\d+)\. Try:/.exec(output())?.[1];
        if (found) return found;
        if (child.exitCode !== null) throw new Error(`it has ended: ${output()}`);
        await sleep(5);
      }
    },
    servers: () => processesOf(database).filter(isServer),
    signal(name) {
      const first = to === "first" ? firstChildOf(pid) : pid;
      process.kill(to === "group" ? -pid : first, name);
    },
    ended,
  };
}

/** The processes that have `database` in their environment. */
export function processesOf(database: string): readonly number[] {
  const setting = `PROTOSTORE_DATABASE=${database}\0`;
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => read(`/proc/${name}/environ`).includes(setting))
    .map(Number);
}

/**
 * Waits until the server has begun to make its database. Before it has heard of our handlers, Node
 * itself ends the process, which has done nothing yet.
 */
export async function untilBegun({ database }: Launched): Promise<void> {
  while (!existsSync(`${database}-migrate`)) await sleep(1);
}

function isServer(pid: number): boolean {
  const [program = "", main = ""] = read(`/proc/${pid}/cmdline`).split("\0");
  return /(?:^|\/)node$/.test(program) && main.endsWith("src/main.ts");
}

function firstChildOf(pid: number): number {
  const path = `/proc/${pid}/task/${pid}/children`;
  return Number(readFileSync(path, "utf8").trim().split(" ")[0]);
}

function read(path: string): string {
  try {
    return existsSync(path) ? readFileSync(path, "utf8") : "";
  } catch {
    // It has ended meanwhile.
    return "";
  }
}

function collect(child: ChildProcess): () => string {
  const chunks: Buffer[] = [];
  child.stdout?.on("data", (chunk: Buffer) => chunks.push(chunk));
  child.stderr?.on("data", (chunk: Buffer) => chunks.push(chunk));
  return () => Buffer.concat(chunks).toString();
}
