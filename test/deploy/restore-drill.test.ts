// Runs deploy/restore-drill.sh on a real server: from a kill to one that is ready on the newest backup,
// and what it refuses before it has killed anybody.

import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { ArtistService } from "../../gen/chinook/v1/artist_pb.ts";
import { connect, type UnaryMethods } from "../../src/client/client.ts";
import { backUp } from "../backup/support.ts";
import { runShell } from "../support/recipe-programs.ts";
import { tempDir } from "../support/temp.ts";
import { outsideTool, REPO_ROOT } from "../support/tools.ts";
import { commandFolder, freePorts } from "./support.ts";

const DRILL = join(REPO_ROOT, "deploy", "restore-drill.sh");

const curl = outsideTool("curl");
const shellcheck = outsideTool("shellcheck");

type Artists = UnaryMethods<(typeof ArtistService)["method"]>;

interface Served {
  readonly folder: string;
  readonly pid: number;
  readonly path: readonly string[];
  readonly address: string;
  readonly ready: string;
  /** What starts the server again. */
  readonly command: string;
  readonly ended: Promise<unknown>;
  artistNames(): Promise<readonly string[]>;
  create(displayName: string): Promise<void>;
}

/** A server over data/store.db of a new folder, as somebody started it by hand. */
async function serveByHand(processes: number): Promise<Served> {
  const folder = tempDir();
  const path = [commandFolder(), dirname(curl as string)];
  const [calls, figures] = await freePorts(2);
  const address = `127.0.0.1:${calls}`;
  const ready = `http://127.0.0.1:${figures}/readyz`;
  const options = [
    ...["serve", "--database", "data/store.db", "--processes", `${processes}`],
    ...["--address", address, "--metrics-address", `127.0.0.1:${figures}`],
  ];
  const child = spawn(join(path[0] as string, "protostore"), options, {
    cwd: folder,
    stdio: "ignore",
  });
  const ended = once(child, "exit");
  onTestFinished(() => void child.kill("SIGKILL"));
  await runShell(folder, `until curl -fs ${ready}; do sleep 0.1; done`, path);
  const ask = async <T>(call: (artists: Artists) => Promise<T>) => {
    const connection = connect(address);
    return call(connection.service(ArtistService)).finally(() => connection.close());
  };
  return {
    folder,
    pid: child.pid as number,
    path,
    address,
    ready,
    command: `protostore ${options.join(" ")}`,
    ended,
    artistNames: () =>
      ask(async (artists) =>
        (await artists.listArtists({})).artists.map((each) => each.displayName),
      ),
    create: (displayName) =>
      ask(async (artists) => void (await artists.createArtist({ artist: { displayName } }))),
  };
}

test.skipIf(!curl).each([1, 2])(
  "a server of %i process(es) that was killed is ready on the newest backup",
  async (processes) => {
    const server = await serveByHand(processes);
    const { folder, pid, path, ready, command } = server;
    const backups = join(folder, "backups");
    mkdirSync(backups, { mode: 0o700 });
    await server.create("in both backups");
    await backUp(join(folder, "data", "store.db"), backups, "z-older");
    utimesSync(join(backups, "z-older.db"), 1, 1);
    await server.create("in the newest one");
    await backUp(join(folder, "data", "store.db"), backups, "newest");
    await server.create("in none");

    const drill = `'${DRILL}' --pid ${pid} --backup backups --database data/store.db --ready ${ready}`;
    const { code, output } = await runShell(folder, `${drill} -- ${command}`, path);
    const next = Number(/^ready .* pid (\d+)$/m.exec(output)?.[1]);
    onTestFinished(() => void (next > 0 && process.kill(next, "SIGTERM")));
    await server.ended;
    expect(output).toMatch(
      /^killed +\d+ ms {2}pid \d+\nrestored +\d+ ms {2}backups\/newest\.db\nready +\d+ ms {2}pid \d+\ntotal +\d+ ms {2}data\/store\.db\n$/,
    );
    expect(code).toBe(0);
    expect(await server.artistNames()).toEqual(["in both backups", "in the newest one"]);
    expect(readdirSync(join(folder, "data")).join()).toContain("store.db.before-restore-");
  },
);

test.skipIf(!curl)("nobody is killed for a backup that is none", async () => {
  const server = await serveByHand(1);
  const { folder, pid, path, ready, command } = server;
  const tryDrill = (backup: string) =>
    runShell(
      folder,
      `'${DRILL}' --pid ${pid} --backup ${backup} --database data/store.db --ready ${ready} -- ${command}`,
      path,
    );
  mkdirSync(join(folder, "empty"));
  writeFileSync(join(folder, "copied.db"), readFileSync(join(folder, "data", "store.db")));
  for (const [backup, reason] of [
    ["empty", "there is no backup in empty"],
    ["nothing.db", "there is no nothing.db"],
    ["copied.db", "copied.db has no manifest"],
  ] as const) {
    const { code, output } = await tryDrill(backup);
    expect([code, output]).toEqual([1, expect.stringContaining(reason)]);
  }
  await server.create("still served");
  expect(await server.artistNames()).toEqual(["still served"]);
});

test.skipIf(!curl)("a backup that is damaged leaves the database, and no server", async () => {
  const server = await serveByHand(1);
  const { folder, pid, path, ready, command } = server;
  await server.create("kept");
  await backUp(join(folder, "data", "store.db"), folder, "damaged");
  const bytes = readFileSync(join(folder, "damaged.db"));
  bytes[bytes.length - 100] = 0xff ^ (bytes[bytes.length - 100] as number);
  writeFileSync(join(folder, "damaged.db"), bytes);
  const { code, output } = await runShell(
    folder,
    `'${DRILL}' --pid ${pid} --backup damaged.db --database data/store.db --ready ${ready} -- ${command}`,
    path,
  );
  expect(code).toBe(1);
  expect(output).toMatch(/^killed .*\nrestore-drill: protostore: .*damaged/s);
  expect(existsSync(join(folder, "restore-drill.log"))).toBe(false);
  expect(readdirSync(join(folder, "data")).join()).not.toContain("before-restore");
});

test.skipIf(!shellcheck)("the script is what a linter of shells lets pass", async () => {
  expect(await runShell(REPO_ROOT, `'${shellcheck}' '${DRILL}'`)).toEqual({ code: 0, output: "" });
});
