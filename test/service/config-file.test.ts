// The file of settings: what it may say, what goes before it, and where each value comes from.

import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { CHINOOK } from "../../src/chinook/program.ts";
import { serveOptions } from "../../src/cli/serve-options.ts";
import { tempDir } from "../support/temp.ts";
import { REPO_ROOT } from "../support/tools.ts";
import { runCli, startServerProcess } from "./cli.ts";

function configFile(text: string): string {
  const file = join(tempDir(), "store.yaml");
  writeFileSync(file, text);
  return file;
}

/** What `config print` shows: of each setting its value and where that comes from. */
function print(file: string, args: readonly string[] = [], environment: NodeJS.ProcessEnv = {}) {
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    ["src/main.ts", "config", "print", "--config", file, ...args],
    { cwd: REPO_ROOT, encoding: "utf8", env: { ...process.env, ...environment } },
  );
  expect({ stderr, status }).toEqual({ stderr: "", status: 0 });
  const lines = stdout.trim().split("\n");
  return new Map(
    lines.map((line) => {
      const [, name = "", value = "", from = ""] = /^([\w-]+): (.*) {2}# (.*)$/.exec(line) ?? [];
      return [name, { value, from }] as const;
    }),
  );
}

test("each setting is that of the command line, the environment, the file or its default, in this order", () => {
  const file = configFile(`# Ours
address: 127.0.0.1:1
processes: 3
durability: relaxed
read-only: yes
limit:
  callsMax: 7
  batchSizeMax: 8
client-role: { reports: reader, backup: admin }
`);
  const environment = { PROTOSTORE_ADDRESS: "127.0.0.1:2", PROTOSTORE_PROCESSES: "4" };
  const found = print(file, ["--address", "127.0.0.1:3"], environment);
  expect(found.get("address")).toEqual({ value: "127.0.0.1:3", from: "command line" });
  expect(found.get("processes")).toEqual({ value: "4", from: "PROTOSTORE_PROCESSES" });
  expect(found.get("durability")).toEqual({ value: "relaxed", from: `${file}:4:1` });
  expect(found.get("read-only")).toEqual({ value: "true", from: `${file}:5:1` });
  expect(found.get("fixtures")).toEqual({ value: "false", from: "default" });
  expect(JSON.parse(found.get("limit")?.value ?? "")).toEqual({ callsMax: 7, batchSizeMax: 8 });
  expect(JSON.parse(found.get("client-role")?.value ?? "")).toEqual({
    reports: "reader",
    backup: "admin",
  });
});

test("every option of serve can stand in it", () => {
  const samples: Readonly<Record<string, string>> = {
    "backup-keep": "24h:hourly",
    "backup-interval": "1h",
    "backup-schedule": '"0 3 * * *"',
    "log-level": "debug",
    reflection: "off",
    limit: "callsMax=5",
    "client-role": "a=reader",
    address: "127.0.0.1:1",
    "database-replica": "postgres://127.0.0.1/x",
  };
  for (const { long, argChoices } of serveOptions(CHINOOK)) {
    const name = (long ?? "").slice(2);
    if (name === "config") continue;
    const file = configFile(`${name}: ${samples[name] ?? argChoices?.[0] ?? 1}\n`);
    expect(print(file).get(name)?.from, name).toBe(`${file}:1:1`);
  }
});

const WRONG: Readonly<Record<string, readonly [string, string]>> = {
  "a setting that is none": ["address: a:1\nadress: b:1\n", ":2:1: there is no setting adress"],
  "another file": ["config: other.yaml", ":1:1: there is no setting config"],
  "a value that is none": ["\nprocesses: many", ":2:1: processes: "],
  "a switch that is neither": ["read-only: maybe", ":1:1: read-only: It must be one of"],
  "a limit that is none": ["limit: { callMax: 5 }", ":1:1: limit: There is no limit callMax"],
  "a setting without a value": ["address:", ":1:1: it must have a value"],
  "a value that is a list": ["address: [a, b]", ":1:1: it must have a value"],
  "a setting twice": ["address: a:1\naddress: b:1", ":2:1: "],
  "no YAML": ["address: 'a", ":1:"],
  "no settings": ["- address", ":1:1: it must have settings"],
};

test.each(Object.entries(WRONG))("%s is refused where it stands", async (_, [text, reason]) => {
  const file = configFile(text);
  const { code, stderr } = await runCli("serve", "--config", file);
  expect(code).toBe(1);
  expect(stderr).toContain(`protostore: ${file}${reason}`);
  expect(stderr.trim().split("\n")).toHaveLength(1);
});

test("a server runs by it, in several processes too", async () => {
  const database = join(tempDir(), "x.db");
  const file = configFile(`database: ${database}\nprocesses: 2\nlimit:\n  callsMax: 9\n`);
  const server = await startServerProcess("--config", file);
  expect(server.output().stdout).toContain(`serves ${database}`);
  expect((await server.end("SIGTERM")).code).toBe(0);
});
