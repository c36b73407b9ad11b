// What the command line says to a mistake: one line, an exit code, never a stack.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { packageVersion } from "../../src/package-root.ts";
import { startTestService } from "../support/service.ts";
import { tempDir } from "../support/temp.ts";
import { runCli } from "./cli.ts";

const MISTAKES: Readonly<Record<string, readonly [readonly string[], RegExp]>> = {
  "an unknown command": [["nonsense"], /^error: unknown command 'nonsense'/],
  "a command that every object has": [["constructor"], /^error: unknown command 'constructor'/],
  "an unknown subcommand": [["migrate", "sideways"], /unknown command 'sideways'/],
  "an unknown flag": [["serve", "--nonsense"], /unknown option '--nonsense'/],
  "a flag without its value": [["serve", "--database"], /argument missing/],
  "an argument too many": [["verify", "x.db"], /too many arguments/],
  "no file to adopt": [["adopt"], /missing required argument 'file'/],
  "a timeout that is no number": [["serve", "--lock-timeout", "soon"], /not a whole number/],
  "a negative timeout": [["serve", "--lock-timeout", "-1"], /not a whole number/],
  "no process at all": [["serve", "--processes", "0"], /must be auto or from 1 to 256/],
  "processes that are no number": [["serve", "--processes", "all"], /not a whole number/],
  "a version that is no number": [["migrate", "up", "x"], /not a whole number/],
  "an address without a port": [
    ["serve", "--database", "{}/new.db", "--address", "localhost"],
    /^protostore: "localhost" is not an address/,
  ],
  "a port that is none": [
    ["serve", "--database", "{}/new.db", "--address", "127.0.0.1:99999"],
    /^protostore: "127\.0\.0\.1:99999" is not an address/,
  ],
  "a database that is absent": [
    ["verify", "--database", "{}/absent.db"],
    /^protostore: .*(does not exist|cannot be opened)/,
  ],
  "a file to adopt that is absent": [["adopt", "{}/absent.db"], /does not exist/],
  "a file to adopt that is no database": [["adopt", "{}/text"], /is not a database/],
  "a file to serve that is no database": [["serve", "--database", "{}/text"], /is not a database/],
  "a file to verify that is no database": [
    ["verify", "--database", "{}/text"],
    /is not a database/,
  ],
  "a file to migrate that is no database": [
    ["migrate", "up", "--database", "{}/text"],
    /is not a database/,
  ],
  "a folder to serve": [["serve", "--database", "{}"], /is not a file/],
  "a folder that is a file": [
    ["serve", "--database", "{}/text/new.db"],
    /^protostore: .*cannot be (created|opened)/,
  ],
  "a server that is not there": [
    ["status", "--address", "127.0.0.1:1"],
    /^protostore: 127\.0\.0\.1:1: no server answers there$/,
  ],
  "an address to ask that is none": [["status", "--address", "here"], /^protostore: "here" is not/],
  "a folder of migrations that is absent": [
    ["migrate", "create", "x", "--dir", "{}/absent"],
    /^protostore: .*absent: the folder of the migrations cannot be read$/,
  ],
  "a folder of migrations that is a file": [
    ["migrate", "create", "x", "--dir", "{}/text"],
    /^protostore: .*text: the folder of the migrations cannot be read$/,
  ],
  "a migration with too long a name": [
    ["migrate", "create", "x".repeat(250), "--dir", "{}"],
    /^protostore: .* cannot be written$/,
  ],
};

for (const [what, [args, message]] of Object.entries(MISTAKES)) {
  test(`${what} ends in one line`, async () => {
    const directory = tempDir();
    writeFileSync(join(directory, "text"), "It was a dark and stormy night. ".repeat(100));
    const { code, stdout, stderr } = await runCli(...args.map((a) => a.replace("{}", directory)));
    // A command that has begun to run may have logged, in lines of JSON.
    const lines = stderr.split("\n").filter((line) => line !== "" && !line.startsWith("{"));
    expect({ code, stdout, lines }).toEqual({
      code: 1,
      stdout: "",
      lines: [expect.stringMatching(message)],
    });
  });
}

test("an address that is taken ends in one line", async () => {
  const { address } = await startTestService();
  const database = join(tempDir(), "x.db");
  const { code, stderr } = await runCli("serve", "--database", database, "--address", address);
  expect(code).toBe(1);
  expect(stderr).toMatch(new RegExp(`^protostore: .*${address}.*$`, "m"));
  expect(stderr).not.toMatch(/\n\s+at /);
});

test("it tells its version", async () => {
  const ended = await runCli("--version");
  expect(ended).toEqual({ code: 0, stdout: `${packageVersion()}\n`, stderr: "" });
});

const COMMANDS = [
  [],
  ["serve"],
  ["adopt"],
  ["verify"],
  ["status"],
  ["migrate"],
  ...["up", "down", "status", "plan", "force", "create"].map((name) => ["migrate", name]),
];

test("every command has help", async () => {
  await Promise.all(
    COMMANDS.map(async (command) => {
      const { code, stdout, stderr } = await runCli(...command, "--help");
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      expect(stdout).toMatch(new RegExp(`^Usage: ${["protostore", ...command].join(" ")} `));
    }),
  );
});
