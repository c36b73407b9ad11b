// Records what a server does to its files, and what its clients were answered, with strace.

import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { outsideTool, REPO_ROOT } from "../support/tools.ts";
import { createHistory, type History, noteAcknowledged, noteSent } from "./history.ts";
import { startServer } from "./server.ts";
import { type Event, readTrace, TRACED_CALLS } from "./trace.ts";
import type { Note, TracedRun } from "./traced-run.ts";

/** What has happened: to the files, and between clients and server. */
export interface Recording {
  /** The files as they were before. */
  readonly base: ReadonlyMap<string, Buffer>;
  readonly events: readonly Event[];
  readonly history: History;
  /** The lines at which an acknowledgement was noted. */
  readonly acknowledgements: readonly number[];
}

/** The path of strace if there is one that may trace; else undefined, said once on the console. */
export function usableStrace(): string | undefined {
  const strace = outsideTool("strace");
  if (strace === undefined) return undefined;
  const args = ["-f", "--seccomp-bpf", "-o", "/dev/null", "true"];
  const { status, stderr } = spawnSync(strace, args, { encoding: "utf8" });
  if (status === 0) return strace;
  const message = `strace cannot trace here (${stderr.trim()})`;
  if (process.env.REQUIRE_TOOLS === "1") throw new Error(`${message}, and REQUIRE_TOOLS=1`);
  console.warn(`${message}: the tests that need it are skipped`);
  return undefined;
}

/** Makes a database in `directory` and records a run on it. */
export async function record(
  strace: string,
  directory: string,
  options: Omit<TracedRun, "database" | "notes">,
): Promise<Recording> {
  const database = join(directory, "test.db");
  await (await startServer(database, [])).end("SIGTERM");
  const base = new Map([[database, readFileSync(database)]]);
  const notes = join(directory, "notes");
  const trace = join(directory, "trace");
  const run: TracedRun = { ...options, database, notes };
  const program = [join(import.meta.dirname, "traced-run.ts"), JSON.stringify(run)];
  const args = [...straceArgs(trace, database, notes), process.execPath, ...program];
  const traced = spawn(strace, args, { cwd: REPO_ROOT, stdio: ["ignore", "inherit", "inherit"] });
  const [code] = await once(traced, "exit");
  if (code !== 0) throw new Error(`the traced run has ended with ${code}`);
  const events = await readTrace(trace, notes);
  return { base, events, ...readNotes(events) };
}

function straceArgs(trace: string, database: string, notes: string): string[] {
  // The shared memory of the log's index is no part of what is durable.
  const files = [database, `${database}-wal`, `${database}-journal`, dirname(database), notes];
  const output = ["-o", trace, "-y", "-xx", "-s", String(2 ** 24), "-e", "signal=none"];
  return [
    ...["-f", "--seccomp-bpf", ...output],
    ...["-e", `trace=${TRACED_CALLS.join(",")}`],
    ...files.flatMap((file) => ["-P", file]),
  ];
}

function readNotes(events: readonly Event[]): Pick<Recording, "history" | "acknowledgements"> {
  const history = createHistory();
  const acknowledgements: number[] = [];
  for (const { step, begin } of events) {
    if (step.kind !== "note") continue;
    const note = JSON.parse(step.text) as Note;
    if ("sent" in note) {
      noteSent(history, note.sent, note.size, note.kind);
    } else {
      const { acknowledged: id, revision, names } = note;
      const item = history.items.get(id);
      if (item) noteAcknowledged(history, item, BigInt(revision), names, begin);
      acknowledgements.push(begin);
    }
  }
  return { history, acknowledgements };
}
