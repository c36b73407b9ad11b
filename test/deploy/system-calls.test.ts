// What a server calls of the system, while it starts, writes, makes a backup and stops, and what the filter
// of deploy/protostore.service lets pass.

import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { ArtistService } from "../../gen/chinook/v1/artist_pb.ts";
import { askForBackup } from "../backup/support.ts";
import { callUnary, connect } from "../grpc/support.ts";
import { tempDir } from "../support/temp.ts";
import { outsideTool, REPO_ROOT } from "../support/tools.ts";
import { commandFolder, freePorts } from "./support.ts";

const strace = outsideTool("strace");
const systemd = outsideTool("systemd-analyze");

/** Only root is asked by SQLite to give files away: the unit's user is not. */
const ROOT_ONLY = process.getuid?.() === 0 ? ["fchown"] : [];

/** False, with a word on the console, if this machine does not let us trace. */
function canTrace(): boolean {
  if (!strace) return false;
  try {
    execFileSync(strace, ["-o", "/dev/null", "true"], { stdio: "ignore" });
    return true;
  } catch {
    console.warn("strace may not trace here: no system call of a server is looked at");
    return false;
  }
}

/** The calls of a set of systemd's, with those of the sets in it. */
function callsOf(set: string): readonly string[] {
  const listed = execFileSync(systemd as string, ["syscall-filter", set], { encoding: "utf8" });
  const lines = listed
    .split("\n")
    .slice(1)
    .map((line) => line.trim());
  return lines
    .filter((line) => line !== "" && !line.startsWith("#"))
    .flatMap((line) => (line.startsWith("@") ? callsOf(line) : [line]));
}

/** What the unit's filter lets pass. */
function allowedCalls(): ReadonlySet<string> {
  const unit = readFileSync(join(REPO_ROOT, "deploy", "protostore.service"), "utf8");
  const allowed = new Set(callsOf("@default"));
  for (const [, not, sets = ""] of unit.matchAll(/^SystemCallFilter=(~?)(.*)$/gm)) {
    for (const call of sets.split(" ").flatMap(callsOf)) {
      if (not === "") allowed.add(call);
      else allowed.delete(call);
    }
  }
  return allowed;
}

test.skipIf(!systemd || !canTrace())("a server calls nothing that the unit refuses", async () => {
  const folder = tempDir();
  const [calls] = await freePorts(1);
  const address = `127.0.0.1:${calls}`;
  const command = join(commandFolder(), "protostore");
  const options = ["--database", "store.db", "--backup-dir", "backups", "--processes", "2"];
  const child = spawn(
    strace as string,
    ["-f", "-qq", "-o", "calls", command, "serve", "--address", address, ...options],
    { cwd: folder, stdio: ["ignore", "pipe", "ignore"] },
  );
  const ended = once(child, "exit");
  await once(child.stdout, "data");
  // strace itself hears no signal; without it, what it traces would go on.
  const tracer = `/proc/${child.pid}/task/${child.pid}/children`;
  const server = Number(readFileSync(tracer, "utf8").trim().split(" ")[0]);
  onTestFinished(() => void (child.exitCode === null && process.kill(server, "SIGKILL")));
  const client = connect(address);
  const { createArtist, listArtists } = ArtistService.method;
  await callUnary(client, createArtist, { artist: { displayName: "x" } });
  await callUnary(client, listArtists, { filter: 'display_name = "*x*"' });
  await askForBackup(client, "traced");
  client.close();
  process.kill(server, "SIGTERM");
  await ended;
  const lines = readFileSync(join(folder, "calls"), "utf8").split("\n");
  const called = new Set(lines.flatMap((line) => /^\d+ +([a-z]\w*)\(/.exec(line)?.[1] ?? []));
  expect([...called]).toEqual(expect.arrayContaining(["fsync", "accept4", "rename", "execve"]));
  const allowed = allowedCalls();
  expect([...called].filter((call) => !allowed.has(call) && !ROOT_ONLY.includes(call))).toEqual([]);
});
