// Finds the real Chinook file, for tests that want it. The only place that knows where it may be.

import { existsSync } from "node:fs";
import { join } from "node:path";
import { REPO_ROOT } from "./tools.ts";

/** The path of Chinook's own SQLite file, read-only, or undefined where there is none. */
export function realChinook(): string | undefined {
  const path = join(REPO_ROOT, "../shared/chinook/Chinook_Sqlite.sqlite");
  if (existsSync(path)) return path;
  console.warn("the real Chinook file is not there: the tests that need it are skipped");
  return undefined;
}
