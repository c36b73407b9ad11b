// Where a server listens: a port or a socket. What is wrong with an address is found before a file is
// made, and nothing is said to be serving before it is.

import { existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { ArtistService } from "../../gen/chinook/v1/artist_pb.ts";
import { connect } from "../../src/client/client.ts";
import { startTestService } from "../support/service.ts";
import { tempDir } from "../support/temp.ts";
import { runCli, startServerProcess } from "./cli.ts";

/** Each with the address, `{}` being a folder, and what the one line says. */
const WRONG: Readonly<Record<string, readonly [string, RegExp]>> = {
  "no port": ["localhost", /is not an address/],
  "a port that is none": ["127.0.0.1:99999", /is not an address/],
  "no path of a socket": ["unix:", /is not an address/],
  "a host in a socket's URI": ["unix://host/path", /is not an address/],
  "no host of that name": ["no-such-host.invalid:50051", /there is no such host/],
  "an address that other machines can connect to": ["0.0.0.0:50051", /without TLS: .* --insecure/],
  "another one": ["[::]:50051", /without TLS: .* --insecure/],
  "a socket that is a file": ["unix:{}/file", /which is not a socket/],
  "a socket that is a folder": ["unix:{}/folder", /which is not a socket/],
  "a socket in no folder": ["unix:{}/absent/socket", /there is no such folder/],
  "a socket in a file": ["unix:{}/file/socket", /there is no such folder|cannot listen/],
  "a path that is too long": [`unix:{}/${"x".repeat(100)}`, /at most \d+ bytes/],
};

async function expectRefusal(address: string, reason: RegExp, ...args: readonly string[]) {
  const database = join(tempDir(), "made", "x.db");
  const serve = ["serve", "--database", database, "--address", address, ...args];
  const { code, stdout, stderr } = await runCli(...serve);
  expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
  expect(stderr).toMatch(/^protostore: [^\n]+\n$/);
  expect(stderr).toMatch(reason);
  expect(existsSync(join(database, ".."))).toBe(false);
}

for (const [what, [address, reason]] of Object.entries(WRONG)) {
  test(`${what} is found before a file is made`, async () => {
    const folder = tempDir();
    writeFileSync(join(folder, "file"), "");
    mkdirSync(join(folder, "folder"));
    await expectRefusal(address.replace("{}", folder), reason);
  });
}

test("so is an address of another machine", () =>
  expectRefusal("192.0.2.1:50051", /does not have that address/, "--insecure"));

test.each([[], ["--processes", "2"]])("so is an address that is taken (%s)", async (...args) => {
  const { address } = await startTestService();
  await expectRefusal(address, /the port is in use/, ...args);
  const socket = `unix:${join(tempDir(), "socket")}`;
  await startServerProcess("--database", join(tempDir(), "x.db"), "--address", socket);
  await expectRefusal(socket, /the socket is in use/, ...args);
});

test("a host is served at the addresses that it has here", async () => {
  const database = join(tempDir(), "x.db");
  const server = await startServerProcess("--database", database, "--address", "localhost:0");
  expect((await runCli("status", "--address", server.address)).code).toBe(0);
});

for (const args of [[], ["--processes", "2"]]) {
  test(`a socket is served, and gone with the server ${args}`, async () => {
    const folder = tempDir();
    const address = `unix:${join(folder, "socket")}`;
    const start = () =>
      startServerProcess("--database", join(folder, "x.db"), "--address", address, ...args);
    const server = await start();
    expect(server.address).toBe(address);
    const connection = connect(address);
    onTestFinished(() => connection.close());
    const { name } = await connection
      .service(ArtistService)
      .createArtist({ artist: { displayName: "x" } });
    const status = await runCli("status", "--json", "--address", address);
    expect(JSON.parse(status.stdout)).toMatchObject({ connection: { open: true } });
    await server.end("SIGKILL");
    // Nobody listens at what is left.
    expect(readdirSync(folder)).toContain("socket");
    expect(await runCli("status", "--address", address)).toMatchObject({
      code: 1,
      stderr: `protostore: ${address}: no server answers there\n`,
    });
    const next = await start();
    expect(await connection.service(ArtistService).getArtist({ name })).toMatchObject({ name });
    expect(await next.end("SIGTERM")).toMatchObject({ code: 0 });
    expect(readdirSync(folder)).not.toContain("socket");
  });
}

test("nothing is said to be serving before the address is bound", async () => {
  const server = await startServerProcess("--database", join(tempDir(), "x.db"));
  const lines = server.output().stderr.trim().split("\n");
  const said = lines.filter((line) => /serving/i.test(line));
  expect(said).toEqual([expect.stringContaining(`"port":${server.address.split(":")[1]}`)]);
});

test("without reflection, clients are told nothing of what is served", async () => {
  const { reflectServer } = await import("../../src/client/reflection.ts");
  const started = (value: string) =>
    startServerProcess("--database", join(tempDir(), "x.db"), `--reflection=${value}`);
  const { services } = await reflectServer((await started("on")).address);
  expect(services).toContain("chinook.v1.TrackService");
  await expect(reflectServer((await started("off")).address)).rejects.toMatchObject({ code: 12 });
});
