// Litestream replicates a database while it is served and written to: what it restores has what was acknowledged
// before it, to a point in time too, and a server boots on it; and it may be the server's parent process.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { ArtistService } from "../../gen/chinook/v1/artist_pb.ts";
import {
  DatabaseService,
  CheckpointDatabaseRequest_Mode as Mode,
} from "../../gen/protostore/v1/database_service_pb.ts";
import { connect } from "../../src/client/client.ts";
import { runCli, runProgram, startServerProcess } from "../service/cli.ts";
import { tempDir } from "../support/temp.ts";
import { outsideTool, REPO_ROOT } from "../support/tools.ts";
import { artistsIn } from "./support.ts";

const litestream = outsideTool("litestream");

const PATIENT = { timeout: 30_000, interval: 300 };

interface Restored {
  readonly path: string;
  readonly revision?: bigint;
  readonly artists?: ReadonlyMap<bigint, string>;
  readonly failure?: string;
}

/** A place for a database, and the settings by which it is replicated: those of docs/backups.md. */
function setUp() {
  const root = tempDir();
  const database = join(root, "data", "store.db");
  const config = join(root, "litestream.yml");
  mkdirSync(join(root, "data"));
  writeFileSync(
    config,
    `dbs:\n  - path: ${database}\n    replica:\n      path: ${join(root, "replica")}\n`,
  );
  const run = (...args: readonly string[]) => runProgram(litestream as string, args);
  /** The artists of what is restored, and the revision; undefined while there is nothing. */
  const restore = async (name: string, ...args: readonly string[]): Promise<Restored> => {
    const path = join(root, name);
    for (const suffix of ["", "-wal", "-shm"]) rmSync(path + suffix, { force: true });
    const { code, stdout, stderr } = await run(
      ...["restore", "-config", config, "-o", path, ...args, database],
    );
    if (code !== 0) return { path, failure: stdout + stderr };
    return { path, ...artistsIn(path) };
  };
  return { root, database, config, run, restore };
}

/** Started, and ended with the test, with whatever it has started. */
function startLitestream(config: string, ...args: readonly string[]): ChildProcess {
  const child = spawn(litestream as string, ["replicate", "-config", config, ...args], {
    cwd: REPO_ROOT,
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  child.stdout?.resume();
  child.stderr?.resume();
  onTestFinished(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    process.kill(-(child.pid as number), "SIGKILL");
    await once(child, "exit");
  });
  return child;
}

/** What a server at the address answers. */
async function askFor<T>(
  address: string,
  ask: (connection: ReturnType<typeof connect>) => Promise<T>,
): Promise<T> {
  const connection = connect(address);
  try {
    return await ask(connection);
  } finally {
    connection.close();
  }
}

/** Creates artists, some at a time; the last revision that was acknowledged. */
function write(address: string, count: number, label: string): Promise<bigint> {
  return askFor(address, async (connection) => {
    const artists = connection.service(ArtistService);
    const revisions: bigint[] = [];
    for (let index = 0; index < count; index += 10) {
      const some = Array.from({ length: Math.min(10, count - index) }, async (_, rest) => {
        const artist = { displayName: `${label} ${index + rest}` };
        const { etag } = await artists.createArtist({ artist });
        revisions.push(BigInt(/\d+/.exec(etag)?.[0] ?? ""));
      });
      await Promise.all(some);
    }
    return revisions.reduce((max, each) => (each > max ? each : max), 0n);
  });
}

test.skipIf(!litestream)(
  "a killed server's database is restored, the newest and as it was",
  async () => {
    const { database, config, restore } = setUp();
    const server = await startServerProcess("--database", database, "--fixtures");
    const replicating = startLitestream(config);
    const first = await write(server.address, 200, "first");
    await expect.poll(async () => (await restore("one.db")).revision, PATIENT).toBe(first);
    await sleep(1_100);
    const between = new Date().toISOString();
    await sleep(1_100);
    // It keeps the log from being begun anew until it has it: ours do not take it away.
    for (const mode of [Mode.TRUNCATE, Mode.RESTART, Mode.FULL, Mode.PASSIVE]) {
      await write(server.address, 20, "checkpointed");
      await askFor(server.address, (connection) =>
        connection.service(DatabaseService).checkpointDatabase({ mode }),
      );
    }
    const second = await write(server.address, 200, "second");
    await expect.poll(async () => (await restore("one.db")).revision, PATIENT).toBe(second);
    const third = await write(server.address, 50, "third");
    await server.end("SIGKILL");
    replicating.kill("SIGKILL");
    await once(replicating, "exit");
    for (const suffix of ["", "-wal", "-shm"]) rmSync(database + suffix, { force: true });

    const newest = await restore("newest.db");
    expect(newest.revision).toBeGreaterThanOrEqual(second);
    expect(newest.revision).toBeLessThanOrEqual(third);
    const earlier = await restore("earlier.db", "-timestamp", between);
    expect(earlier.revision).toBe(first);
    const labels = new Set(
      [...(earlier.artists?.values() ?? [])].map((name) => name.split(" ")[0]),
    );
    expect([labels.has("first"), labels.has("second")]).toEqual([true, false]);
    for (const { path } of [newest, earlier]) {
      const { code, stdout } = await runCli("verify", "--database", path);
      expect([code, stdout]).toEqual([0, expect.stringContaining("agree")]);
      const next = await startServerProcess("--database", path);
      expect(await write(next.address, 1, "next")).toBeGreaterThan(first);
      await next.end("SIGTERM");
    }
    expect(server.output().stderr).not.toMatch(/"level":(?:50|60)|DATABASE_REPLACED/);
  },
);

test.skipIf(!litestream)(
  "what it has missed while it was down is in what it restores",
  async () => {
    const { database, config, restore } = setUp();
    const server = await startServerProcess("--database", database);
    const first = startLitestream(config);
    const before = await write(server.address, 50, "before");
    await expect.poll(async () => (await restore("one.db")).revision, PATIENT).toBe(before);
    first.kill("SIGKILL");
    await once(first, "exit");
    await write(server.address, 50, "missed");
    // The log that it knew is gone, as soon as no reader of the server's own needs it.
    const truncate = () =>
      askFor(server.address, (connection) =>
        connection.service(DatabaseService).checkpointDatabase({ mode: Mode.TRUNCATE }),
      );
    await expect.poll(async () => (await truncate()).blocked, PATIENT).toBe(false);
    await write(server.address, 5, "after");
    startLitestream(config);
    const newest = await write(server.address, 5, "newest");
    await expect.poll(async () => (await restore("one.db")).revision, PATIENT).toBe(newest);
    const { code } = await runCli("verify", "--database", (await restore("one.db")).path);
    expect(code).toBe(0);
  },
);

test.skipIf(!litestream)(
  "it starts the server, and restores the database where there is none",
  async () => {
    const { root, database, config } = setUp();
    const address = `unix:${join(root, "socket")}`;
    const command = [process.execPath, "src/main.ts", "serve", "--database", database];
    const exec = [...command, "--address", address].join(" ");
    const start = async () => {
      const child = startLitestream(config, "-restore-if-db-not-exists", "-exec", exec);
      const isServing = () =>
        askFor(address, async (connection) => {
          const answer = await connection.service(ArtistService).listArtists({ pageSize: 1_000 });
          return answer.artists.map(({ displayName }) => displayName);
        }).catch(() => undefined);
      await expect.poll(isServing, PATIENT).toBeDefined();
      return { child, names: (await isServing()) ?? [] };
    };
    const first = await start();
    expect(first.names).toEqual([]);
    await write(address, 30, "kept");
    // It tells the server to stop, and then replicates the rest.
    first.child.kill("SIGTERM");
    await once(first.child, "exit");
    rmSync(join(root, "data"), { recursive: true });
    mkdirSync(join(root, "data"));
    const second = await start();
    expect(second.names).toHaveLength(30);
    const revision = await write(address, 1, "more");
    expect(revision).toBeGreaterThan(1n);
    second.child.kill("SIGTERM");
    await once(second.child, "exit");
    expect((await runCli("verify", "--database", database)).code).toBe(0);
  },
);
