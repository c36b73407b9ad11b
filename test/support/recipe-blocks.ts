// Reads the code blocks out of the project's documents, so that tests can do what they say.
// Runs nothing.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { REPO_ROOT } from "./tools.ts";

/** A fenced code block of a Markdown document. */
export interface CodeBlock {
  /** The language that the block is marked with, empty if none. */
  readonly language: string;
  /** The lines of the block, without the fences. */
  readonly text: string;
  /** The document's path and the number of the block's first line, to find it again. */
  readonly place: string;
}

/** The text of a document of the repository. */
export function readDocument(path: string): string {
  return readFileSync(join(REPO_ROOT, path), "utf8");
}

/**
 * The code blocks of a document, or of its section under `heading` alone.
 * @throws Error if there is no such section.
 */
export function readCodeBlocks(path: string, heading?: string): CodeBlock[] {
  const blocks: CodeBlock[] = [];
  let section = "";
  let open: { language: string; lines: string[]; place: string } | undefined;
  let found = heading === undefined;
  for (const [index, line] of readDocument(path).split("\n").entries()) {
    const fence = /^```(\S*)$/.exec(line);
    if (open && fence) {
      const { language, lines, place } = open;
      if (heading === undefined || section === heading) {
        blocks.push({ language, text: lines.map((text) => `${text}\n`).join(""), place });
      }
      open = undefined;
    } else if (open) {
      open.lines.push(line);
    } else if (fence) {
      open = { language: fence[1] ?? "", lines: [], place: `${path}:${index + 2}` };
    } else if (line.startsWith("## ")) {
      section = line.slice("## ".length);
      found ||= section === heading;
    }
  }
  if (!found) throw new Error(`${path} has no section "${heading}"`);
  if (open) throw new Error(`${open.place}: the block is not closed`);
  return blocks;
}
