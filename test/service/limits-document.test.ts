// Every limit is in docs/limits.md and in the help of `serve`, with the default that it has, and can be set.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { DEFAULT_LIMITS, LIMITS } from "../../src/limits.ts";
import { tempDir } from "../support/temp.ts";
import { REPO_ROOT } from "../support/tools.ts";
import { runCli } from "./cli.ts";

test("docs/limits.md has every limit as it is", () => {
  const rows = Object.entries(LIMITS).map(
    ([name, { byDefault, description }]) => `| \`${name}\` | ${byDefault} | ${description} |`,
  );
  const page = readFileSync(join(REPO_ROOT, "docs", "limits.md"), "utf8");
  const found = page.split("\n").filter((line) => line.startsWith("| `"));
  expect(found).toEqual(rows);
});

test("a limit's name ends in its unit, if it has one", () => {
  const unitless = Object.keys(DEFAULT_LIMITS).filter(
    (name) => !/(?:Ms|Bytes|Rows|Max|PerSecond|RowBytes)$/.test(name),
  );
  expect(unitless).toEqual(["readerThreads", "pageSizeDefault", "concurrentStreams", "callBurst"]);
});

test("the help of serve tells of every limit", async () => {
  const { stdout } = await runCli("serve", "--help");
  for (const [name, value] of Object.entries(DEFAULT_LIMITS)) {
    expect(stdout).toContain(`  ${name}=${value}\n`);
  }
});

test.each([
  "callMax=5",
  "callsMax",
  "callsMax=many",
  "callsMax=-1",
  "callsMax=5;batchSizeMax=2",
  "toString=1",
])("a limit that is none is refused: %s", async (text) => {
  const serve = ["serve", "--database", join(tempDir(), "x.db"), "--limit", text];
  expect(await runCli(...serve)).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/^error: option '--limit/),
  });
});
