// Runs the commands of README.md against a fresh server and compares what they print with what it
// says they print, so that a reader can paste them.

import { copyFileSync, existsSync, globSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { realChinook } from "./support/chinook.ts";
import { type CodeBlock, readCodeBlocks, readDocument } from "./support/recipe-blocks.ts";
import { PACKAGE_PROGRAMS, runShell, runShellOk, startServer } from "./support/recipe-programs.ts";
import { tempDir } from "./support/temp.ts";
import { outsideTool, REPO_ROOT } from "./support/tools.ts";

const NODE = join(PACKAGE_PROGRAMS, "node");
const MAIN = join(REPO_ROOT, "src", "main.ts");
const DOCUMENTED_ADDRESS = "127.0.0.1:50051";
const PAGE_TOKEN = /"nextPageToken": "([^"]+)"/g;

const grpcurl = outsideTool("grpcurl");
const chinook = realChinook();

interface Step extends CodeBlock {
  /** The block after the command; undefined if there is no output to compare with. */
  readonly output: string | undefined;
}

/** The commands of a section, each with its output. */
function readSteps(heading: string): Step[] {
  const blocks = readCodeBlocks("README.md", heading);
  return blocks.flatMap((block, index) => {
    const next = blocks[index + 1];
    const output = next?.language === "sh" ? undefined : next?.text;
    return block.language === "sh" ? [{ ...block, output }] : [];
  });
}

/** The text without what differs from run to run. */
function mask(text: string): string {
  return text
    .replace(/"(createTime|updateTime)": "[^"]+"/g, '"$1": "TIME"')
    .replace(PAGE_TOKEN, '"nextPageToken": "TOKEN"')
    .replace(/^backup {2}\S+\.backup-\S+$/m, "backup  FILE");
}

/** The output without the lines that three dots stand for in the documented one. */
function leaveOut(output: string, documented: string): string {
  const rest = output.split("\n");
  const lines = documented.split("\n");
  const shown = lines.flatMap((line, index) => {
    if (line.trim() !== "...") return rest.splice(0, 1);
    const next = rest.indexOf(lines[index + 1] ?? "");
    return rest.splice(0, next).length > 0 ? [line] : [];
  });
  return [...shown, ...rest].join("\n");
}

function expectOutput(actual: string, { output, place }: Step): void {
  if (output === undefined) throw new Error(`${place}: there is no output after the command`);
  expect(leaveOut(mask(actual), output), place).toBe(mask(output));
}

function tokensIn(text: string): string[] {
  return [...text.matchAll(PAGE_TOKEN)].map(([, token]) => token ?? "");
}

describe("README.md", () => {
  test.skipIf(!grpcurl)("shows calls that do what it says", async () => {
    const folder = tempDir();
    const serve = [MAIN, "serve", "--fixtures", "--database", "new.db"];
    const address = await startServer(folder, NODE, serve);
    const steps = readSteps("Try it");
    expect(steps.length).toBeGreaterThan(0);
    const tokens = new Map<string, string>();
    for (const step of steps) {
      expect(step.text, step.place).toContain("grpcurl -plaintext ");
      const command = [...tokens].reduce(
        (text, [documented, actual]) => text.replaceAll(documented, actual),
        step.text.replaceAll(DOCUMENTED_ADDRESS, address),
      );
      const { output } = await runShell(folder, command, [dirname(grpcurl as string)]);
      expectOutput(output, step);
      const given = tokensIn(output);
      for (const [index, token] of tokensIn(step.output ?? "").entries()) {
        tokens.set(token, given[index] ?? "");
      }
    }
  });

  test.skipIf(!chinook)("shows what adopting the Chinook file prints", async () => {
    const folder = tempDir();
    copyFileSync(chinook as string, join(folder, "Chinook_Sqlite.sqlite"));
    const [adopt, serve] = readSteps("Adopt a Chinook file") as [Step, Step];
    // npx finds the right Node only inside the repository.
    const command = adopt.text.replace("npx node src/main.ts", `'${NODE}' '${MAIN}'`);
    expectOutput(await runShellOk(folder, command), adopt);
    const [, args = ""] = serve.text.trim().split("npx node src/main.ts ");
    await startServer(folder, NODE, [MAIN, ...args.split(" ")]);
  });

  test("names every command, and no other", async () => {
    const [, table = ""] = readDocument("README.md").split("\n## Commands\n");
    const [section = ""] = table.split("\n## ");
    const named = [...section.matchAll(/^\| `protostore (\w+)/gm)].map(([, name]) => name);
    const help = await runShellOk(REPO_ROOT, `'${NODE}' '${MAIN}' --help`);
    const [, list = ""] = help.split("\nCommands:\n");
    const commands = [...list.matchAll(/^ {2}(\w+)/gm)].map(([, name]) => name);
    expect(named).toEqual(commands.filter((name) => name !== "help"));
  });
});

describe("the documents", () => {
  const documents = globSync(["*.md", "docs/*.md"], { cwd: REPO_ROOT }).sort();

  test.each(documents)("%s names source files and folders that are there", (document) => {
    const named = [
      ...readDocument(document).matchAll(/`((?:src|test|migrations|examples)\/[\w./-]*)`/g),
    ];
    const missing = named
      .map(([, path = ""]) => path)
      .filter((path) => !path.includes("NNNNNN") && !existsSync(join(REPO_ROOT, path)));
    expect(missing).toEqual([]);
  });

  test.each(documents)("%s refers to files and sections that are there", (document) => {
    const broken = [...readDocument(document).matchAll(/\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)/g)]
      .map(([link, path, anchor]) => ({ link, path: resolveLink(document, path ?? ""), anchor }))
      .filter(({ path, anchor }) => !existsSync(join(REPO_ROOT, path)) || !hasAnchor(path, anchor))
      .map(({ link }) => link);
    expect(broken).toEqual([]);
  });
});

function resolveLink(document: string, path: string): string {
  return path === "" ? document : join(dirname(document), path);
}

/** True if the document has a heading from which the anchor is made. */
function hasAnchor(path: string, anchor: string | undefined): boolean {
  if (anchor === undefined) return true;
  const headings = readDocument(path).matchAll(/^#+ (.*)$/gm);
  return [...headings].some(([, heading = ""]) => {
    const words = heading.toLowerCase().replace(/[^\w\s-]/g, "");
    return words.replaceAll(" ", "-") === anchor;
  });
}
