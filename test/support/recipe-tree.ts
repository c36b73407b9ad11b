// A copy of the repository's files in a temporary folder, for tests that change them or build there.
// The packages are not copied: the copy has a link to them.

import { cpSync, symlinkSync } from "node:fs";
import { join, relative } from "node:path";
import { tempDir } from "./temp.ts";
import { REPO_ROOT } from "./tools.ts";

/** What is at the top of a working tree and no part of the project: see .gitignore. */
const LEFT_OUT = new Set([".git", ".vitest", "bin", "data", "dist", "node_modules"]);

/** The path of a copy: in a folder that is removed when the running test is over, or in this one. */
export function copyTree(copy = tempDir()): string {
  cpSync(REPO_ROOT, copy, {
    recursive: true,
    filter: (source) => !LEFT_OUT.has(relative(REPO_ROOT, source)) && !source.endsWith(".tgz"),
  });
  symlinkSync(join(REPO_ROOT, "node_modules"), join(copy, "node_modules"));
  return copy;
}
