// Starts programs, on one core or on all, and reads from /proc what they take; Linux only. Ends only
// what it has started. It knows nothing of what is measured.

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { closeSync, openSync, readdirSync, readFileSync } from "node:fs";
import { createServer } from "node:net";

const STOP_TIMEOUT_MS = 20_000;
// USER_HZ, which is 100 on every Linux.
const TICKS_PER_SECOND = 100;

/** How to start a program. */
export interface Command {
  readonly program: string;
  readonly args: readonly string[];
  /** The only core that it may use; all if absent. */
  readonly core?: number | undefined;
}

/** A server that runs. */
export interface RunningServer {
  /** The process and all below it. */
  pids(): number[];
  stop(): Promise<void>;
}

export const canPin = (): boolean => spawnSync("taskset", ["--version"]).status === 0;

/** Runs a program to its end and returns what it prints; throws with its errors if it fails. */
export async function runProgram(command: Command): Promise<string> {
  const child = spawnOn(command, ["ignore", "pipe", "pipe"]);
  const [output, errors] = [collect(child.stdout), collect(child.stderr)];
  const status = await exitOf(child);
  if (status !== 0) {
    const said = `${output.text()}${errors.text()}`.trim();
    throw new Error(`${command.program} ${command.args.join(" ")}: ${status}: ${said}`);
  }
  return output.text();
}

/** Starts a server, whose output goes to a file. */
export function startServer(command: Command, logPath: string): RunningServer {
  const log = openSync(logPath, "w");
  const child = spawnOn(command, ["ignore", log, log]);
  closeSync(log);
  const exit = exitOf(child);
  const kill = () => child.kill("SIGKILL");
  process.once("exit", kill);
  let stopping = false;
  exit.then((status) => {
    if (!stopping) {
      console.error(`the server ended with ${status}:\n${readFileSync(logPath, "utf8")}`);
    }
  });
  return {
    pids: () => (child.pid === undefined ? [] : withDescendants(child.pid)),
    async stop() {
      stopping = true;
      child.kill("SIGTERM");
      const timer = setTimeout(kill, STOP_TIMEOUT_MS);
      await exit;
      clearTimeout(timer);
      process.off("exit", kill);
    },
  };
}

/** A port that nothing listens on now. */
export function freePort(): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const server = createServer().on("error", reject);
  server.listen(0, "127.0.0.1", () => {
    const address = server.address();
    const port = typeof address === "object" && address ? address.port : 0;
    server.close(() => resolve(port));
  });
  return promise;
}

/** The most memory that a process has had (`VmHWM`), or has now (`VmRSS`), in megabytes. */
export function memoryMb(pid: number, field: "VmHWM" | "VmRSS"): number {
  const status = readProc(pid, "status");
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB`, "m").exec(status)?.[1] ?? 0) / 1024;
}

/** The processor time that processes have used, in seconds. */
export function cpuSeconds(pids: readonly number[]): number {
  const ticks = pids.map((pid) => {
    const fields = statFields(pid);
    return Number(fields[11] ?? 0) + Number(fields[12] ?? 0);
  });
  return ticks.reduce((sum, n) => sum + n, 0) / TICKS_PER_SECOND;
}

function spawnOn({ program, args, core }: Command, stdio: ("ignore" | "pipe" | number)[]) {
  return core === undefined
    ? spawn(program, args, { stdio })
    : spawn("taskset", ["--cpu-list", String(core), program, ...args], { stdio });
}

function exitOf(child: ChildProcess): Promise<number | string> {
  const { promise, resolve, reject } = Promise.withResolvers<number | string>();
  child.on("error", reject);
  child.on("close", (status, signal) => resolve(status ?? signal ?? "an unknown end"));
  return promise;
}

function collect(stream: NodeJS.ReadableStream | null): { text(): string } {
  const chunks: string[] = [];
  stream?.setEncoding("utf8").on("data", (chunk: string) => chunks.push(chunk));
  return { text: () => chunks.join("") };
}

/** A process and all below it. */
export function withDescendants(root: number): number[] {
  const parents = readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map((name) => ({ pid: Number(name), parent: Number(statFields(Number(name))[1]) }));
  const found = [root];
  // `found` grows while it is walked through.
  for (const pid of found) {
    found.push(...parents.filter(({ parent }) => parent === pid).map((child) => child.pid));
  }
  return found;
}

// The fields of /proc/PID/stat behind the name, which may itself hold spaces and parentheses.
function statFields(pid: number): string[] {
  const stat = readProc(pid, "stat");
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
}

// A process may end between being listed and being read.
function readProc(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch {
    return "";
  }
}
