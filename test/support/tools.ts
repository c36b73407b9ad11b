// Finds the outside programs that some tests use: in the repository's bin/ first, then on PATH.
// Must not install any: .ci/run does, and sets REQUIRE_TOOLS=1 so that there nothing is skipped.

import { accessSync, constants, statSync } from "node:fs";
import { delimiter, join, resolve } from "node:path";

/** The repository's root folder, absolute. */
export const REPO_ROOT: string = resolve(import.meta.dirname, "../..");

const reported = new Set<string>();

/**
 * The path of an outside program, or undefined, said once on the console, if the machine lacks it.
 *
 * @throws Error if the program is absent and REQUIRE_TOOLS=1
 */
export function outsideTool(name: string): string | undefined {
  const folders = [join(REPO_ROOT, "bin"), ...(process.env.PATH ?? "").split(delimiter)];
  const found = folders
    .filter((folder) => folder !== "")
    .map((folder) => join(folder, name))
    .find(isProgram);
  if (found !== undefined) return found;
  if (process.env.REQUIRE_TOOLS === "1") {
    throw new Error(`${name} is neither in bin/ nor on PATH, and REQUIRE_TOOLS=1: see .ci/run`);
  }
  if (!reported.has(name)) {
    reported.add(name);
    console.warn(`${name} is neither in bin/ nor on PATH: the tests that need it are skipped`);
  }
  return undefined;
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
