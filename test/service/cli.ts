// Runs the command line as a process of its own, as its users do.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { onTestFinished } from "vitest";
import { REPO_ROOT } from "../support/tools.ts";

/** How a program ended. */
export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `protostore ARGS` to its end. */
export function runCli(...args: readonly string[]): Promise<Ended> {
  return runProgram(process.execPath, ["src/main.ts", ...args]);
}

/** Runs a program to its end, in the repository's root folder. */
export async function runProgram(
  program: string,
  args: readonly string[],
  input = "",
): Promise<Ended> {
  const child = spawn(program, args, { cwd: REPO_ROOT, env: environment() });
  const output = collect(child);
  // A program that does not read its input may be gone before it comes.
  child.stdin.on("error", () => {});
  child.stdin.end(input);
  const [code] = (await once(child, "close")) as [number | null];
  return { code, ...output() };
}

/** A server in a process of its own. */
export interface ServerProcess {
  readonly address: string;
  readonly pid: number;
  /** What it has printed so far. */
  output(): Pick<Ended, "stdout" | "stderr">;
  /** Sends the signal and waits until the process has ended. */
  end(signal: NodeJS.Signals): Promise<Ended>;
}

/** The lines of its log so far. */
export function logOf(server: ServerProcess): readonly Readonly<Record<string, unknown>>[] {
  const lines = server.output().stderr.split("\n").slice(0, -1);
  return lines.map((line) => JSON.parse(line));
}

/** The process ids behind each line of the log that says `message`. */
export function logged(server: ServerProcess, message: string): readonly number[] {
  return logOf(server)
    .filter(({ msg }) => msg === message)
    .map(({ pid }) => Number(pid));
}

/** Runs `protostore serve ARGS` on a free port; killed with the test if it is not ended before. */
export function startServerProcess(...args: readonly string[]): Promise<ServerProcess> {
  return startServerWith({}, ...args);
}

/** The same, with these variables in its environment. */
export async function startServerWith(
  variables: Readonly<Record<string, string>>,
  ...args: readonly string[]
): Promise<ServerProcess> {
  const serve = ["src/main.ts", "serve", "--address", "127.0.0.1:0", ...args];
  const env = { ...environment(), ...variables };
  const child = spawn(process.execPath, serve, { cwd: REPO_ROOT, env });
  const output = collect(child);
  const closed = once(child, "close");
  onTestFinished(async () => {
    child.kill("SIGKILL");
    await closed;
  });
  const address = await new Promise<string>((resolve, reject) => {
    child.stdout.on("data", () => {
      const found = / on (\S+)\. Try:/.exec(output().stdout)?.[1];
      if (found) resolve(found);
    });
    child.on("close", () => reject(new Error(`the server has not started: ${output().stderr}`)));
  });
  return {
    address,
    pid: child.pid as number,
    output,
    async end(signal) {
      child.kill(signal);
      const [code] = (await closed) as [number | null];
      return { code, ...output() };
    },
  };
}

function collect(child: ChildProcess): () => { stdout: string; stderr: string } {
  const chunks: { stdout: Buffer[]; stderr: Buffer[] } = { stdout: [], stderr: [] };
  child.stdout?.on("data", (chunk: Buffer) => chunks.stdout.push(chunk));
  child.stderr?.on("data", (chunk: Buffer) => chunks.stderr.push(chunk));
  return () => ({
    stdout: Buffer.concat(chunks.stdout).toString(),
    stderr: Buffer.concat(chunks.stderr).toString(),
  });
}

/** The environment without the settings that a developer may have for his own server. */
function environment(): NodeJS.ProcessEnv {
  const settings = Object.entries(process.env).filter(([name]) => !name.startsWith("PROTOSTORE_"));
  return Object.fromEntries(settings);
}
