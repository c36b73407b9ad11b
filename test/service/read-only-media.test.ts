// A disk that cannot be written: what is on it is served with --read-only, and refused in one line
// without; one that turns read-only refuses writes, for as long as it is, and nothing else.

import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, cpSync, readdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { ArtistService } from "../../gen/chinook/v1/artist_pb.ts";
import {
  Health,
  HealthCheckResponse_ServingStatus as Serving,
} from "../../gen/health/v1/health_pb.ts";
import { DatabaseService } from "../../gen/protostore/v1/database_service_pb.ts";
import { connect } from "../../src/client/client.ts";
import { usableStrace } from "../durability/recording.ts";
import { tempDir } from "../support/temp.ts";
import { REPO_ROOT } from "../support/tools.ts";
import { runCli, runProgram, type ServerProcess, startServerProcess } from "./cli.ts";
import { canMount, mountImage, mountMemory } from "./mounts.ts";
import { failureOf, openSql } from "./support.ts";

const isMountable = canMount();
const strace = usableStrace();
const REFUSED = { code: "FAILED_PRECONDITION", reason: "READ_ONLY_MEDIA" };
const PATIENCE = { timeout: 30_000 };

/** The files of a database with the fixtures; `open` leaves its log beside it, as a crash does. */
async function makeFiles(left: "closed" | "open"): Promise<string> {
  const folder = tempDir();
  const args = ["--fixtures", "--database", join(folder, "x.db")];
  const server = await startServerProcess(...args);
  if (left === "open") await createArtist(server, "in the log");
  await server.end(left === "open" ? "SIGKILL" : "SIGTERM");
  return folder;
}

async function createArtist({ address }: ServerProcess, displayName = "x") {
  const connection = connect(address);
  try {
    return await connection.service(ArtistService).createArtist({ artist: { displayName } });
  } finally {
    connection.close();
  }
}

/** What is read by a key, and by a scan in another thread: the number of artists. */
async function countArtists({ address }: ServerProcess): Promise<number> {
  const connection = connect(address);
  try {
    const artists = connection.service(ArtistService);
    await artists.getArtist({ name: "artists/1" });
    const listed = await artists.listArtists({ orderBy: "display_name", pageSize: 1_000 });
    return listed.artists.length;
  } finally {
    connection.close();
  }
}

async function statusOf({ address }: ServerProcess) {
  const connection = connect(address);
  try {
    const { status } = await connection.service(Health).check({});
    const { connection: database, server } = await connection
      .service(DatabaseService)
      .getDatabaseStatus({});
    return { status, readOnly: database?.readOnly, reason: server?.notServingReason };
  } finally {
    connection.close();
  }
}

const WRITABLE = { status: Serving.SERVING, readOnly: false, reason: "" };
const READ_ONLY = {
  status: Serving.SERVING,
  readOnly: true,
  reason: "the database's disk is read-only",
};

/** The one line of a command that has failed. */
async function lineOf(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await runCli(...args);
  expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
  expect(stderr).toMatch(/^protostore: [^\n]+\n$/);
  return stderr;
}

async function mountReadOnly(folder: string, without: readonly string[] = []): Promise<string> {
  const disk = mountMemory();
  cpSync(folder, disk.folder, { recursive: true });
  for (const suffix of without) rmSync(join(disk.folder, `x.db${suffix}`));
  disk.remount("ro");
  return join(disk.folder, "x.db");
}

test.skipIf(!isMountable)("a read-only disk is served with --read-only only", async () => {
  const database = await mountReadOnly(await makeFiles("closed"));
  const before = readdirSync(dirname(database));
  expect(await lineOf("serve", "--database", database)).toMatch(
    /x\.db: it is on a read-only file system; to serve it as it is, add --read-only/,
  );
  for (const args of [[], ["--processes", "2"]]) {
    const server = await startServerProcess("--database", database, "--read-only", ...args);
    expect(await countArtists(server)).toBe(40);
    expect(await failureOf(createArtist(server))).toMatchObject({
      code: "FAILED_PRECONDITION",
      reason: "READ_ONLY_MODE",
    });
    expect(await statusOf(server)).toMatchObject({ status: Serving.SERVING, readOnly: true });
    expect(await server.end("SIGTERM")).toMatchObject({ code: 0 });
  }
  expect(readdirSync(dirname(database))).toEqual(before);
});

test.skipIf(!isMountable)(
  "the other commands read there, and say why they cannot write",
  async () => {
    const database = await mountReadOnly(await makeFiles("closed"));
    const image = join(tempDir(), "image.binpb");
    for (const command of [["verify"], ["migrate", "status"], ["schema", "export", image]]) {
      expect(await runCli(...command, "--database", database)).toMatchObject({ code: 0 });
    }
    for (const command of [
      ["migrate", "up"],
      ["migrate", "down"],
      ["migrate", "force", "1"],
    ]) {
      expect(await lineOf(...command, "--database", database)).toMatch(/read-only file system/);
    }
    expect(await lineOf("serve", "--database", `${database}.new`)).toMatch(
      /x\.db\.new: it is on a read-only file system$/m,
    );
  },
);

test.skipIf(!isMountable)("a log on a read-only disk is read, or missed with a word", async () => {
  const folder = await makeFiles("open");
  const whole = await mountReadOnly(folder);
  const server = await startServerProcess("--database", whole, "--read-only");
  expect(await countArtists(server)).toBe(41);
  const cut = await mountReadOnly(folder, ["-shm"]);
  expect(await lineOf("serve", "--read-only", "--database", cut)).toMatch(
    /changes in its -wal cannot be recovered there: open it once where it can be written/,
  );
});

test.skipIf(!isMountable)("what changes on a disk that was read-only is noticed", async () => {
  const disk = mountMemory();
  cpSync(await makeFiles("closed"), disk.folder, { recursive: true });
  disk.remount("ro");
  const database = join(disk.folder, "x.db");
  const server = await startServerProcess("--database", database, "--read-only");
  expect(await countArtists(server)).toBe(40);
  disk.remount("rw");
  expect(await countArtists(server)).toBe(40);
  openSql(database).exec("DELETE FROM playlist_track");
  await expect
    .poll(() => statusOf(server), PATIENCE)
    .toMatchObject({ status: Serving.NOT_SERVING });
  expect(await failureOf(countArtists(server))).toMatchObject({ reason: "DATABASE_REPLACED" });
});

/** Root may write everywhere, so that it becomes nobody. */
const asNobody =
  process.geteuid?.() === 0 ? ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] : [];

function canBeNobody(): boolean {
  const [program = "env", ...args] = asNobody;
  const { status } = spawnSync(program, [...args, process.execPath, "src/main.ts", "--version"], {
    cwd: REPO_ROOT,
  });
  if (status !== 0) console.warn("no other user can run this here: nothing is tried as one");
  return status === 0;
}

test.skipIf(!canBeNobody())("a folder that cannot be written is told as such", async () => {
  const folder = await makeFiles("closed");
  chmodSync(join(folder, "x.db"), 0o644);
  chmodSync(folder, 0o555);
  const database = join(folder, "x.db");
  const serve = ["src/main.ts", "serve", "--address", "127.0.0.1:0", "--database", database];
  const run = (...args: readonly string[]) => {
    const [program, ...rest] = [...asNobody, process.execPath, ...serve, ...args];
    return [program as string, rest] as const;
  };
  const refused = await runProgram(...run());
  expect(refused).toMatchObject({ code: 1, stdout: "" });
  expect(refused.stderr).toMatch(/this user cannot write (?:the file|its folder); to serve it/);
  const [program, args] = run("--read-only");
  const child = spawn(program, args, { cwd: REPO_ROOT });
  onTestFinished(() => {
    child.kill("SIGKILL");
  });
  let output = "";
  while (!output.includes("Try:")) output += (await once(child.stdout, "data"))[0];
  const address = / on (\S+)\. Try:/.exec(output)?.[1] as string;
  expect(await countArtists({ address } as ServerProcess)).toBe(40);
  chmodSync(folder, 0o755);
});

test.skipIf(!isMountable)(
  "a disk that turns read-only refuses writes, and nothing else",
  async ({ skip }) => {
    const disk = mountImage() ?? skip("ext4 in a file cannot be mounted");
    const server = await startServerProcess("--fixtures", "--database", join(disk.folder, "x.db"));
    await createArtist(server);
    disk.remount("abort");
    for (let time = 0; time < 3; time++) {
      expect(await failureOf(createArtist(server))).toMatchObject(REFUSED);
      expect(await countArtists(server)).toBe(41);
    }
    expect(await statusOf(server)).toEqual(READ_ONLY);
    expect(await server.end("SIGTERM")).toMatchObject({ code: 0 });
  },
);

test.skipIf(!strace)("writes work again when the disk can be written again", async () => {
  const database = join(tempDir(), "x.db");
  const server = await startServerProcess("--fixtures", "--database", database);
  await createArtist(server);
  // A reader has the log open by now.
  expect(await countArtists(server)).toBe(41);
  for (let time = 1; time <= 2; time++) {
    const heal = await refuseWrites(server, database);
    await expect.poll(() => statusOf(server), PATIENCE).toEqual(READ_ONLY);
    for (let call = 0; call < 3; call++) {
      expect(await failureOf(createArtist(server))).toMatchObject(REFUSED);
    }
    expect(await countArtists(server)).toBe(40 + time);
    await heal();
    await createArtist(server);
    expect(await statusOf(server)).toEqual(WRITABLE);
  }
  expect(await server.end("SIGTERM")).toMatchObject({ code: 0 });
  expect(await runCli("verify", "--database", database)).toMatchObject({ code: 0 });
});

/** Has the system refuse to write the log, as on a read-only disk, until it is told not to. */
async function refuseWrites({ pid }: ServerProcess, database: string) {
  const calls = "pwrite64,ftruncate,openat";
  const traced = ["-e", `trace=${calls}`, "-e", `inject=${calls}:error=EROFS`];
  const child = spawn(strace as string, [
    ...["-f", "-p", String(pid), "-P", `${database}-wal`, "-o", "/dev/null"],
    ...traced,
  ]);
  const ended = once(child, "exit");
  onTestFinished(() => {
    child.kill();
  });
  // It says to what it has attached itself.
  await once(child.stderr, "data");
  return async () => {
    child.kill("SIGTERM");
    await ended;
  };
}
