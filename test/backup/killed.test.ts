// A backup, its proof and a restore are killed before each change that they make to a file: what is in place
// is whole, the next attempt succeeds, and what was left is removed by it or is named.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { beforeAll, expect, test } from "vitest";
import { ArtistService } from "../../gen/chinook/v1/artist_pb.ts";
import { connect } from "../../src/client/client.ts";
import { makeBackupKey } from "../../src/database/sqlite/backup/backup-key.ts";
import { findBackup, proveBackup } from "../../src/database/sqlite/backup/check-backup.ts";
import { restoreBackup } from "../../src/database/sqlite/backup/restore.ts";
import { runCli, startServerProcess } from "../service/cli.ts";
import { makeTempDir, tempDir } from "../support/temp.ts";
import { REPO_ROOT } from "../support/tools.ts";
import { backUp, dataOf, EXPECTED } from "./support.ts";

const LONG = { timeout: 180_000 };
const STEPS_MAX = 200;
/** At a time: each is a process that needs a core. */
const TOGETHER = 2;

let source: string;
let key: Uint8Array;
let keyFile: string;

/** A database with its log, as a killed server leaves it; backups of what it was before; a key. */
beforeAll(async () => {
  source = makeTempDir();
  const database = join(source, "x.db");
  keyFile = join(source, "backup.key");
  key = makeBackupKey(keyFile);
  const child = spawn(
    process.execPath,
    ["src/main.ts", "serve", "--address", "127.0.0.1:0", "--fixtures", "--database", database],
    { cwd: REPO_ROOT, stdio: ["ignore", "pipe", "inherit"] },
  );
  let output = "";
  const address = await new Promise<string>((resolve) => {
    child.stdout.on("data", (chunk) => {
      output += chunk;
      const found = / on (\S+)\. Try:/.exec(output)?.[1];
      if (found) resolve(found);
    });
  });
  await backUp(database, source, "good");
  await backUp(database, source, "secret", key);
  const connection = connect(address);
  await connection.service(ArtistService).createArtist({ artist: { displayName: "in the log" } });
  connection.close();
  child.kill("SIGKILL");
  await once(child, "exit");
  return () => rmSync(source, { recursive: true, force: true });
});

/** Runs the command, which is killed before that step of its; what the step was, if it came to it. */
async function runKilled(
  args: readonly string[],
  killAt: number,
  environment: Readonly<Record<string, string>> = {},
): Promise<string | undefined> {
  const preload = join(import.meta.dirname, "kill-at-step.mjs");
  const child = spawn(process.execPath, ["--import", preload, "src/main.ts", ...args], {
    cwd: REPO_ROOT,
    env: { PATH: process.env.PATH, ...environment, KILL_AT: String(killAt) },
    stdio: ["ignore", "ignore", "pipe", "pipe"],
  });
  const [at, failure, [code, signal]] = await Promise.all([
    text(child.stdio[3] as NodeJS.ReadableStream),
    text(child.stderr as NodeJS.ReadableStream),
    once(child, "exit"),
  ]);
  if (signal === "SIGKILL") return at;
  expect([code, failure]).toEqual([0, ""]);
  return undefined;
}

/** Does it with each number from 1 on, or each so many, until it comes to the end; what the steps were. */
async function killAtEach(turn: (killAt: number) => Promise<string | undefined>, by = 1) {
  const steps: string[] = [];
  for (let from = 1; from < STEPS_MAX; from += by * TOGETHER) {
    const numbers = Array.from({ length: TOGETHER }, (_, index) => from + by * index);
    const killed = await Promise.all(numbers.map(turn));
    steps.push(...killed.flatMap((step) => (step === undefined ? [] : [step])));
    if (killed.includes(undefined)) return steps;
  }
  throw new Error("it does not end");
}

const bytesOf = (path: string) => (existsSync(path) ? readFileSync(path, "latin1") : undefined);

/** What is at a path: the database that was there, with its log, or the backup. */
function whatIsAt(path: string, backup: string): "old" | "new" | "nothing" | "a part" {
  const [bytes, log] = [bytesOf(path), bytesOf(`${path}-wal`)];
  if (bytes === undefined) return "nothing";
  const isOld =
    bytes === bytesOf(join(source, "x.db")) && log === bytesOf(join(source, "x.db-wal"));
  if (isOld) return "old";
  return bytes === bytesOf(backup) && log === undefined ? "new" : "a part";
}

test.for(["good", "secret"])("a restore that is killed: %s", LONG, async (name) => {
  const backup = name === "good" ? dataOf(source, name) : `${dataOf(source, name)}.enc`;
  const options = { expected: EXPECTED, lockTimeoutMs: 2_000, key };
  const reference = join(tempDir(), "reference.db");
  await restoreBackup(backup, reference, options, () => {});
  const found = new Set<string>();
  const steps = await killAtEach(async (killAt) => {
    const folder = tempDir();
    const database = join(folder, "x.db");
    for (const suffix of ["", "-wal"])
      copyFileSync(join(source, `x.db${suffix}`), database + suffix);
    const args = ["restore", backup, "--database", database, "--backup-key-file", keyFile];
    const step = await runKilled(args, killAt);
    const keptOnes = () =>
      readdirSync(folder).filter((each) => /\.before-restore-[0-9tz]+$/.test(each));
    const before = whatIsAt(database, reference);
    found.add(before);
    const message = `killed before ${step}`;
    expect(["old", "new", "nothing"], message).toContain(before);
    if (before !== "old") expect(keptOnes(), message).toHaveLength(1);
    for (const kept of keptOnes()) {
      expect(whatIsAt(join(folder, kept), reference), message).toBe("old");
    }
    await restoreBackup(backup, database, options, () => {});
    expect(whatIsAt(database, reference), message).toBe("new");
    expect(
      keptOnes().map((kept) => whatIsAt(join(folder, kept), reference)),
      message,
    ).toContain("old");
    const ours = /^x\.db(?:-migrate|\.before-restore-[0-9tz]+(?:-wal|-shm)?)?$/;
    expect(
      readdirSync(folder).filter((each) => !ours.test(each)),
      message,
    ).toEqual([]);
    return step;
  });
  expect([...found].sort()).toEqual(["new", "nothing", "old"]);
  for (const call of ["linkSync", "renameSync", "rmSync"]) expect(steps.join()).toContain(call);
});

const isPlain = (path: string) => bytesOf(path)?.startsWith("SQLite format 3") === true;

test.for(["plain", "encrypted"])("a backup that is killed: %s", LONG, async (kind) => {
  const isEncrypted = kind === "encrypted";
  const used = isEncrypted ? key : undefined;
  const steps = await killAtEach(async (killAt) => {
    const [folder, place] = [tempDir(), tempDir()];
    const database = join(place, "x.db");
    copyFileSync(dataOf(source, "good"), database);
    const data = dataOf(folder, "one") + (isEncrypted ? ".enc" : "");
    const args = ["backup", "--database", database, "--to", folder, "one"];
    const step = await runKilled(
      isEncrypted ? [...args, "--backup-key-file", keyFile] : args,
      killAt,
    );
    const message = `killed before ${step}`;
    if (isEncrypted) {
      expect(readdirSync(folder).filter((each) => isPlain(join(folder, each)))).toEqual([]);
    }
    if (existsSync(data)) await proveBackup(await findBackup(data), EXPECTED, used, () => {});
    const name = existsSync(data) ? "two" : "one";
    await backUp(database, folder, name, used);
    const names = [...new Set(["one", name])].flatMap((each) => [
      `${each}.db${isEncrypted ? ".enc" : ""}`,
      `${each}.json`,
    ]);
    expect(readdirSync(folder).sort(), message).toEqual([".protostore-backups", ...names]);
    expect(
      readdirSync(place).filter((each) => each.includes("backup-")),
      message,
    ).toEqual([]);
    return step;
  });
  expect(steps.filter((step) => step.startsWith("renameSync"))).toHaveLength(2);
});

test("a proof that is killed leaves nothing in plain but until the next one", LONG, async () => {
  const backup = `${dataOf(source, "secret")}.enc`;
  let left = 0;
  const args = ["backup", "verify", backup, "--backup-key-file", keyFile];
  await killAtEach(async (killAt) => {
    // The manifest is written anew: not for two at a time.
    const [folder, temporary] = [tempDir(), tempDir()];
    for (const name of ["secret.db.enc", "secret.json"]) {
      copyFileSync(join(source, name), join(folder, name));
    }
    const own = args.with(2, join(folder, "secret.db.enc"));
    const step = await runKilled(own, killAt, { TMPDIR: temporary });
    left += readdirSync(temporary).length;
    expect(readdirSync(folder).filter((each) => isPlain(join(folder, each)))).toEqual([]);
    expect(await runKilled(own, 0, { TMPDIR: temporary })).toBeUndefined();
    expect(readdirSync(temporary)).toEqual([]);
    return step;
  }, 3);
  expect(left).toBeGreaterThan(0);
});

test("a server that was killed amidst an encrypted backup removes its copy when it starts again", async () => {
  const folder = tempDir();
  const database = join(folder, "x.db");
  copyFileSync(dataOf(source, "good"), database);
  const backups = join(folder, "backups");
  const args = ["--backup-dir", backups, "--backup-key-file", keyFile, "--backup-interval", "1d"];
  const slow = ["--limit", "backupBytesPerSecond=1000"];
  const server = await startServerProcess("--database", database, ...args, ...slow);
  const copies = () => readdirSync(folder).filter((name) => name.startsWith(".x.db.backup-"));
  await expect.poll(copies, { timeout: 20_000 }).toHaveLength(1);
  await server.end("SIGKILL");
  expect(copies()).toHaveLength(1);
  // One that somebody made is not ours.
  mkdirSync(join(folder, ".y.db.backup-1"));
  await startServerProcess(
    "--database",
    database,
    "--backup-dir",
    backups,
    "--backup-key-file",
    keyFile,
  );
  expect(copies()).toEqual([]);
  const { code } = await runCli("backup", "--database", database, "--to", backups, "after");
  expect(code).toBe(0);
});
