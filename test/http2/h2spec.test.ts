// The conformance suite of HTTP/2, on the connection alone.

import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import { outsideTool } from "../support/tools.ts";
import { startEchoServer } from "./echo-server.ts";

const h2spec = outsideTool("h2spec");

test.skipIf(!h2spec)("h2spec finds nothing, by its strict tests neither", async () => {
  const { port, failures, close } = await startEchoServer();
  onTestFinished(close);
  const args = ["--strict", "-h", "127.0.0.1", "-p", String(port)];
  const run = promisify(execFile)(h2spec as string, args);
  const { stdout } = await run.catch((failed: { stdout: string }) => failed);
  expect(stdout).toMatch(/\b146 tests, 146 passed, 0 skipped, 0 failed/);
  expect(failures).toEqual([]);
});
