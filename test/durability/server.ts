// A real `protostore serve` in a process group of its own, so that all of it can be killed at once.
// Knows no test framework: it also runs below strace.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import {
  Health,
  HealthCheckResponse_ServingStatus as Serving,
} from "../../gen/health/v1/health_pb.ts";
import { REPO_ROOT } from "../support/tools.ts";
import type { Random } from "./random.ts";
import { call, openChannel } from "./rpc.ts";

/** A server that has answered SERVING. */
export interface Server {
  readonly address: string;
  /** From the start of the process to the first SERVING, in milliseconds. */
  readonly bootMs: number;
  /** Ends the group and waits until the first process has ended. */
  end(signal: "SIGKILL" | "SIGTERM"): Promise<void>;
  /** Kills one of the processes that the first one has started. */
  killOneChild(random: Random): void;
}

const BOOT_TIMEOUT_MS = 30_000;

/** Starts a process and does not wait for it. */
export function spawnServer(database: string, args: readonly string[]): ChildProcess {
  const serve = ["src/main.ts", "serve", "--address", "127.0.0.1:0", "--database", database];
  const child = spawn(process.execPath, [...serve, ...args], {
    cwd: REPO_ROOT,
    detached: true,
    env: environment(),
    stdio: ["ignore", "pipe", "inherit"],
  });
  const killWithUs = () => signalGroup(child, "SIGKILL");
  process.once("exit", killWithUs);
  child.once("exit", () => process.off("exit", killWithUs));
  return child;
}

/** Starts a server and waits until it serves. */
export async function startServer(database: string, args: readonly string[]): Promise<Server> {
  const startMs = performance.now();
  const child = spawnServer(database, args);
  const address = await readAddress(child);
  await waitUntilServing(address);
  return {
    address,
    bootMs: performance.now() - startMs,
    end: (signal) => endGroup(child, signal),
    killOneChild(random) {
      const { pid } = child;
      const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ");
      if (children[0] === "") throw new Error("the server has no processes of its own");
      process.kill(Number(random.pick(children)), "SIGKILL");
    },
  };
}

/** Sends a signal to all processes of a server and waits until the first one has ended. */
export async function endGroup(child: ChildProcess, signal: "SIGKILL" | "SIGTERM") {
  const exited = child.exitCode ?? child.signalCode ?? once(child, "exit");
  signalGroup(child, signal);
  await exited;
}

/** Waits until a server answers SERVING. */
export async function waitUntilServing(address: string): Promise<void> {
  const channel = openChannel(address);
  const giveUpMs = performance.now() + BOOT_TIMEOUT_MS;
  try {
    for (;;) {
      const answer = await call(channel, Health.method.check, {}).catch((error: unknown) => {
        if (performance.now() > giveUpMs) throw error;
      });
      if (answer?.message.status === Serving.SERVING) return;
      await sleep(2);
    }
  } finally {
    channel.close();
  }
}

async function readAddress(child: ChildProcess): Promise<string> {
  let output = "";
  for await (const chunk of child.stdout?.iterator({ destroyOnReturn: false }) ?? []) {
    output += chunk;
    const address = / on (\S+:\d+)\. Try:/.exec(output)?.[1];
    if (address === undefined) continue;
    child.stdout?.resume();
    return address;
  }
  throw new Error(`the server has not started: ${output}`);
}

function signalGroup({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  try {
    if (pid !== undefined) process.kill(-pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/** The environment without the settings that a developer may have for a server of his own. */
function environment(): NodeJS.ProcessEnv {
  const settings = Object.entries(process.env).filter(([name]) => !name.startsWith("PROTOSTORE_"));
  return { ...Object.fromEntries(settings), PROTOSTORE_LOG_LEVEL: "warn" };
}
