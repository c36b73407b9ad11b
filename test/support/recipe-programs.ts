// Runs shell commands and servers outside the repository's folder, with the repository's own Node
// first on PATH, as npm's scripts have it.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { delimiter, join } from "node:path";
import { onTestFinished } from "vitest";
import { REPO_ROOT } from "./tools.ts";

/** The programs of the packages: node, buf, tsc. */
export const PACKAGE_PROGRAMS: string = join(REPO_ROOT, "node_modules", ".bin");

/** How commands ended. */
export interface Outcome {
  readonly code: number | null;
  /** What they wrote, to standard output and to standard error, in the order it came. */
  readonly output: string;
}

/** Runs shell commands in `directory`, with more programs found in the folders `path`. */
export async function runShell(
  directory: string,
  commands: string,
  path: readonly string[] = [],
): Promise<Outcome> {
  const child = spawn("sh", ["-c", `exec 2>&1\nset -e\n${commands}`], {
    cwd: directory,
    env: environment(path),
    stdio: ["ignore", "pipe", "inherit"],
  });
  const output = collect(child);
  const [code] = (await once(child, "close")) as [number | null];
  return { code, output: output() };
}

/**
 * Runs shell commands that must succeed; what they wrote.
 * @throws Error with the commands and what they wrote.
 */
export async function runShellOk(directory: string, commands: string): Promise<string> {
  const { code, output } = await runShell(directory, commands);
  if (code !== 0) throw new Error(`${commands.trim()}\nended with code ${code}:\n${output}`);
  return output;
}

/**
 * Starts `protostore serve` as `program` with these arguments, on a free port; it is told to stop
 * when the running test is over, and must then end well.
 * @throws Error with what it wrote if it does not start.
 */
export async function startServer(
  directory: string,
  program: string,
  args: readonly string[],
): Promise<string> {
  const child = spawn(program, [...args, "--address", "127.0.0.1:0"], {
    cwd: directory,
    env: environment([]),
    stdio: ["ignore", "pipe", "pipe"],
  });
  const output = collect(child);
  const closed = once(child, "close");
  const address = await new Promise<string>((resolve, reject) => {
    onTestFinished(() => void child.kill("SIGTERM"));
    child.stdout.on("data", () => {
      const found = / on (\S+:\d+)\. Try:/.exec(output())?.[1];
      if (found) resolve(found);
    });
    closed.then(() => reject(new Error(`the server has not started:\n${output()}`)), reject);
  });
  onTestFinished(async () => {
    child.kill("SIGTERM");
    const [code, signal] = await closed;
    if (code !== 0) throw new Error(`the server ended with ${code ?? signal}:\n${output()}`);
  });
  return address;
}

function collect(child: ChildProcess): () => string {
  const chunks: Buffer[] = [];
  child.stdout?.on("data", (chunk: Buffer) => chunks.push(chunk));
  child.stderr?.on("data", (chunk: Buffer) => chunks.push(chunk));
  return () => Buffer.concat(chunks).toString();
}

/**
 * Without a developer's settings of a server of his own, and without what an npm that runs the tests
 * says of itself: an npm in a copy of the repository is another one, and stays off the net.
 */
function environment(path: readonly string[]): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !/^(PROTOSTORE|npm)_/i.test(name));
  return {
    ...Object.fromEntries(kept),
    PATH: [PACKAGE_PROGRAMS, ...path, process.env.PATH ?? ""].join(delimiter),
    npm_config_loglevel: "error",
    npm_config_offline: "true",
    npm_config_update_notifier: "false",
  };
}
