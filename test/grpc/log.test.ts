// The log's level and destination.

import { spawnSync } from "node:child_process";
import { describe, expect, test } from "vitest";

const PROGRAM = `
  import { createLog } from "./src/observe/log.ts";
  try {
    const log = createLog();
    log.debug("quiet");
    log.info({ port: 1 }, "normal");
    log.error({ err: new Error("outer", { cause: new Error("inner") }) }, "loud");
    process.kill(process.pid, "SIGKILL");
  } catch (error) {
    console.log(error.code, error.message);
  }
`;

function run(level: string | undefined) {
  const env = { ...process.env, PROTOSTORE_LOG_LEVEL: level };
  return spawnSync(process.execPath, ["--input-type=module", "-e", PROGRAM], {
    env,
    encoding: "utf8",
  });
}

describe("the log", () => {
  test("is lines of JSON on stderr, written before the process can be killed", () => {
    const { stdout, stderr } = run(undefined);
    expect(stdout).toBe("");
    const [normal, loud, ...rest] = stderr
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(rest).toEqual([]);
    expect(normal).toMatchObject({ level: 30, port: 1, msg: "normal" });
    expect(loud.err.stack).toContain("inner");
  });

  test.each([
    ["silent", []],
    ["error", ["loud"]],
    ["debug", ["quiet", "normal", "loud"]],
    ["", ["normal", "loud"]],
  ])('has the level "%s"', (level, expected) => {
    const lines = run(level).stderr.split("\n").filter(Boolean);
    expect(lines.map((line) => JSON.parse(line).msg)).toEqual(expected);
  });

  test.each(["loud", "toString", "30"])('refuses the level "%s"', (level) => {
    const { stdout } = run(level);
    expect(stdout).toContain("INVALID_CONFIG PROTOSTORE_LOG_LEVEL");
  });
});
