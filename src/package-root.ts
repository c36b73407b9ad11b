// Finds the files that come with the package: migrations, fixtures, package.json.
// Knows where they are, not what they hold.

import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

/** The folder that package.json is in; compiled code lies deeper in it than its source. */
export const PACKAGE_ROOT: string = findRoot(import.meta.dirname);

/** What makes a start faster is kept here, in the package's own folder: nobody else can put it there. */
export const CACHE_FOLDER: string = join(PACKAGE_ROOT, "node_modules", ".cache", "protostore");

/** The version of the package. */
export function packageVersion(): string {
  const text = readFileSync(join(PACKAGE_ROOT, "package.json"), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}

function findRoot(directory: string): string {
  return existsSync(join(directory, "package.json")) ? directory : findRoot(dirname(directory));
}
