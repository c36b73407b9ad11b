// What may be given as a database: not SQLite's own names for something else, no file that others could
// exchange; and one that is private to the server.

import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  statSync,
  symlinkSync,
} from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { ArtistService } from "../../gen/chinook/v1/artist_pb.ts";
import { connect } from "../../src/client/client.ts";
import { tempDir } from "../support/temp.ts";
import { REPO_ROOT } from "../support/tools.ts";
import { runCli, startServerProcess } from "./cli.ts";

const isRoot = process.geteuid?.() === 0;

/** Every way to name a database; `{}` is it. */
const COMMANDS = [
  "serve --database={}",
  "verify --database={}",
  "adopt {}",
  "migrate up --database={}",
  "migrate down --database={}",
  "migrate status --database={}",
  "migrate plan --database={}",
  "migrate force 1 --database={}",
  "schema export image.binpb --database={}",
];
const NAMES = ["file:x.db?mode=ro", ":memory:"];

const cases = COMMANDS.flatMap((command) => NAMES.map((name) => [command, name] as const)).filter(
  ([command, name]) => !(command.startsWith("serve") && name === ":memory:"),
);

test.each(cases)("%s refuses %s with a word, and makes nothing", async (command, name) => {
  const before = readdirSync(REPO_ROOT);
  const ended = await runCli(...command.split(" ").map((arg) => arg.replace("{}", name)));
  expect(ended).toMatchObject({ code: 1, stdout: "" });
  const word = name === ":memory:" ? /Only serve takes :memory:/ : /It must be a path/;
  expect(ended.stderr).toMatch(/^error: [^\n]+\n$/);
  expect(ended.stderr).toMatch(word);
  expect(readdirSync(REPO_ROOT)).toEqual(before);
});

const UNSAFE: Readonly<Record<string, (folder: string) => Promise<string>>> = {
  "a symbolic link": async (folder) => {
    symlinkSync(await makeDatabase(folder), join(folder, "link.db"));
    return join(folder, "link.db");
  },
  "a folder where everybody may exchange files": async (folder) => {
    const path = await makeDatabase(folder);
    chmodSync(folder, 0o777);
    return path;
  },
  "a new folder in such a folder": async (folder) => {
    chmodSync(folder, 0o777);
    return join(folder, "new", "x.db");
  },
  ...(isRoot && {
    "a file of another user": async (folder: string) => {
      const path = await makeDatabase(folder);
      chownSync(path, 12_345, 12_345);
      return path;
    },
  }),
};

async function makeDatabase(folder: string): Promise<string> {
  const path = join(folder, "x.db");
  expect(await runCli("migrate", "up", "--database", path)).toMatchObject({ code: 0 });
  return path;
}

for (const [what, make] of Object.entries(UNSAFE)) {
  test(`${what} is refused, unless it is allowed`, async () => {
    const path = await make(join(tempDir()));
    const serve = ["--database", path, "--address", "127.0.0.1:0"];
    const refused = await runCli("serve", ...serve);
    expect(refused).toMatchObject({ code: 1, stdout: "" });
    expect(refused.stderr).toMatch(/^protostore: [^\n]+--allow-unsafe-path[^\n]+\n$/);
    const server = await startServerProcess(...serve, "--allow-unsafe-path");
    expect(await server.end("SIGTERM")).toMatchObject({ code: 0 });
  });
}

test("a folder where everybody may make files, but not exchange them, is served from", async () => {
  const folder = join(tempDir(), "sticky");
  mkdirSync(folder);
  chmodSync(folder, 0o1777);
  await startServerProcess("--database", join(folder, "x.db"));
});

const STOPS = [
  ["SIGTERM", []],
  ["SIGINT", []],
  ["SIGHUP", []],
  ["SIGTERM", ["--processes", "2"]],
] as const;

for (const [signal, args] of STOPS) {
  test(`:memory: is private, and gone with the server by ${signal} ${args}`, async () => {
    const folder = tempDir();
    vi.stubEnv("TMPDIR", folder);
    onTestFinished(() => {
      vi.unstubAllEnvs();
    });
    const start = () => startServerProcess("--database", ":memory:", "--fixtures", ...args);
    for (const _ of [1, 2]) {
      const server = await start();
      const connections = [connect(server.address), connect(server.address)];
      const [one, other] = connections.map((each) => each.service(ArtistService));
      const created = await one?.createArtist({ artist: { displayName: "x" } });
      // It has been made anew: the next id is that after the fixtures.
      expect(created?.name).toBe("artists/41");
      expect(await other?.getArtist({ name: "artists/41" })).toEqual(created);
      // A List is read in a thread of its own.
      const listed = await other?.listArtists({ filter: 'display_name = "x"' });
      expect(listed?.artists).toEqual([created]);
      for (const each of connections) each.close();
      const [own, ...others] = readdirSync(folder);
      expect(others).toEqual([]);
      expect(statSync(join(folder, own as string)).mode & 0o777).toBe(0o700);
      expect(await server.end(signal)).toMatchObject({ code: 0 });
      expect(readdirSync(folder)).toEqual([]);
      expect(existsSync(join(REPO_ROOT, ":memory:"))).toBe(false);
    }
  });
}

test("a private database cannot be read-only", async () => {
  const ended = await runCli("serve", "--database", ":memory:", "--read-only");
  expect(ended).toMatchObject({ code: 1, stdout: "" });
  expect(ended.stderr).toMatch(/^protostore: :memory: .*\n$/);
});
