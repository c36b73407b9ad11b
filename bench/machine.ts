// What the figures depend on: processor, kernel, disk, versions, the commit that is measured.
// Measures nothing but how long the disk takes to sync.

import { spawnSync } from "node:child_process";
import { closeSync, fsyncSync, openSync, rmSync, writeSync } from "node:fs";
import { availableParallelism, cpus, loadavg, release, totalmem } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { spreadOf } from "./results.ts";

const SYNCS = 200;
const PAGE_BYTES = 4096;

/** Describes the machine, as names and values; `directory` is where the databases will be. */
export function describeMachine(
  serverRoot: string,
  directory: string,
  peer: string,
): Record<string, string> {
  const memory = new Database(":memory:");
  const sqlite = memory.prepare("SELECT sqlite_version()").pluck().get();
  memory.close();
  return {
    commit: output("git", ["-C", serverRoot, "describe", "--always", "--dirty"]),
    processor: `${availableParallelism()} x ${cpus()[0]?.model ?? "unknown"}`,
    memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
    kernel: `Linux ${release()}`,
    "file system": output("findmnt", ["-no", "FSTYPE", "-T", directory]),
    "fsync of 4 KiB": describeSync(directory),
    "load average before": loadavg()[0]?.toFixed(2) ?? "unknown",
    protostore: `Node ${process.version}, SQLite ${sqlite}`,
    peer: output(peer, ["-version"]),
  };
}

function describeSync(directory: string): string {
  const path = join(directory, "sync");
  const file = openSync(path, "w");
  const page = Buffer.alloc(PAGE_BYTES, 1);
  const times: number[] = [];
  for (let i = 0; i < SYNCS; i++) {
    const began = performance.now();
    writeSync(file, page);
    fsyncSync(file);
    times.push(performance.now() - began);
  }
  closeSync(file);
  rmSync(path);
  const spread = spreadOf(times);
  if (!spread) return "unknown";
  const [median, min, max] = [spread.median, spread.min, spread.max].map((ms) => ms.toFixed(2));
  return `median ${median} ms, ${min} to ${max} ms`;
}

function output(program: string, args: readonly string[]): string {
  const { status, stdout } = spawnSync(program, args, { encoding: "utf8" });
  return status === 0 ? stdout.trim() : "unknown";
}
