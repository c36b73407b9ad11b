// Runs the commands of docs/export-import.md, in their order, against fresh servers and compares what
// they print with what the page says they print.

import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { readCodeBlocks } from "../support/recipe-blocks.ts";
import { PACKAGE_PROGRAMS, runShell, startServer } from "../support/recipe-programs.ts";
import { tempDir } from "../support/temp.ts";
import { outsideTool, REPO_ROOT } from "../support/tools.ts";

const grpcurl = outsideTool("grpcurl");

/** The text without what differs from run to run. */
function mask(text: string): string {
  return text
    .replace(/"(createTime|updateTime)": "[^"]+"/g, '"$1": "TIME"')
    .replace(/"nextPageToken": "[^"]+"/g, '"nextPageToken": "TOKEN"');
}

test.skipIf(!grpcurl)("docs/export-import.md shows calls that do what it says", async () => {
  const folder = tempDir();
  const serve = (...args: string[]) =>
    startServer(folder, join(PACKAGE_PROGRAMS, "node"), [
      join(REPO_ROOT, "src", "main.ts"),
      "serve",
      ...args,
    ]);
  const source = await serve("--fixtures", "--database", "source.db");
  const target = await serve("--database", "target.db");
  const blocks = readCodeBlocks("docs/export-import.md");
  const commands = blocks.filter(({ language }) => language === "sh");
  expect(commands).toHaveLength(4);
  for (const command of commands) {
    const text = command.text
      .replaceAll("127.0.0.1:50051", source)
      .replaceAll("127.0.0.1:50052", target);
    const { output } = await runShell(folder, text, [dirname(grpcurl as string)]);
    const next = blocks[blocks.indexOf(command) + 1];
    if (next) {
      expect(mask(output), command.place).toBe(mask(next.text));
    } else {
      const counts = [...output.matchAll(/"importedCount": "(\d+)"/g)].map(([, count]) => count);
      expect(counts, output).toEqual(["26", "5", "41", "61", "300", "8", "59", "60", "10"]);
    }
  }
});
