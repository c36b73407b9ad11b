// Follows docs/operations.md as an operator would who pastes one block after the other into a terminal,
// and compares what they print with what the document says they print.

import { dirname } from "node:path";
import { expect, test } from "vitest";
import { readCodeBlocks } from "../support/recipe-blocks.ts";
import { runShell } from "../support/recipe-programs.ts";
import { tempDir } from "../support/temp.ts";
import { outsideTool } from "../support/tools.ts";
import { commandFolder, freePorts } from "./support.ts";

const DOCUMENT = "docs/operations.md";
/** Stands between the outputs of two blocks. */
const SEPARATOR = "-- the next block --";

const tools = ["grpcurl", "curl", "openssl"].map(outsideTool);

/** What a documented output is, `…` standing for anything. */
function patternOf(documented: string): RegExp {
  const parts = documented.split("…").map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`^${parts.join("[^]*?")}$`);
}

test.skipIf(tools.includes(undefined))("the first hour is as it is told", async () => {
  const blocks = readCodeBlocks(DOCUMENT, "The first hour");
  const steps = blocks.flatMap((block, index) => {
    const output = blocks[index + 1];
    if (block.language !== "sh") return [];
    if (output?.language !== "text") throw new Error(`${block.place}: there is no output after it`);
    return [{ ...block, output: output.text }];
  });
  expect(steps.length).toBeGreaterThan(5);
  const [calls, figures] = await freePorts(2);
  const atPorts = (text: string) =>
    text.replaceAll(":50051", `:${calls}`).replaceAll(":9464", `:${figures}`);
  // One shell, as a terminal has: it waits for what it has started. Nothing of it outlives the test.
  const script = steps.map(({ text }) => atPorts(text)).join(`echo '${SEPARATOR}'\n`);
  const atEnd = `trap 'kill -9 "$(cat server.pid)" 2>server.end || true' EXIT\n`;
  const path = [commandFolder(), ...tools.map((tool) => dirname(tool as string))];
  const { code, output } = await runShell(tempDir(), `${atEnd}${script}`, path);
  const printed = output.split(`${SEPARATOR}\n`);
  for (const [index, step] of steps.entries()) {
    expect(printed[index], step.place).toMatch(patternOf(atPorts(step.output)));
  }
  expect(code, output).toBe(0);
});
