// Builds the Go programs of the benchmark, with the Go code of the protos made afresh.
// Writes only bin/ and bench/gen/, neither of which is committed.

import { spawnSync } from "node:child_process";
import { join } from "node:path";

const ROOT = join(import.meta.dirname, "..");

/** The programs that buildPrograms makes. */
export const PROGRAMS = Object.freeze({
  peer: join(ROOT, "bin", "bench-peer"),
  load: join(ROOT, "bin", "bench-load"),
});

/** Builds peer and load client; the first time takes a minute or two, for SQLite is in it. */
export function buildPrograms(): void {
  run(join(ROOT, "node_modules", ".bin", "buf"), ["generate", "--template", "bench/buf.gen.yaml"]);
  const env = { CGO_ENABLED: "1" };
  run("go", ["build", "-C", "bench", "-buildvcs=false", "-o", PROGRAMS.peer, "./peer"], env);
  run("go", ["build", "-C", "bench", "-buildvcs=false", "-o", PROGRAMS.load, "./load"], env);
}

function run(program: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): void {
  const { status, error } = spawnSync(program, args, {
    cwd: ROOT,
    env: { ...process.env, ...env },
    stdio: ["ignore", "inherit", "inherit"],
  });
  if (error) throw new Error(`${program} cannot be run: ${error.message}`);
  if (status !== 0) throw new Error(`${program} ${args.join(" ")} failed`);
}
