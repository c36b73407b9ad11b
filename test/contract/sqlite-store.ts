// A store of the contract tests in a SQLite file.
// Must not know what is tested.

import { rmSync } from "node:fs";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { CHINOOK_RESOURCES, RESOURCES } from "../../src/chinook/resources.ts";
import { openSqlite } from "../../src/database/sqlite/sqlite-database.ts";
import { DEFAULT_LIMITS } from "../../src/limits.ts";
import { registryOf } from "../../src/schema/registry.ts";
import { makeMigrated } from "../support/migrated.ts";
import { makeTempDir } from "../support/temp.ts";
import type { MakeStore, Store, WhenOver } from "./support.ts";

const REGISTRY = registryOf(RESOURCES.map(({ resource }) => resource));

/** A migrated file without rows. */
export async function makeSqliteFile(whenOver: WhenOver): Promise<string> {
  const directory = makeTempDir();
  whenOver(() => rmSync(directory, { recursive: true, force: true }));
  const path = join(directory, "contract.db");
  await makeMigrated(path);
  return path;
}

export const makeSqliteStore: MakeStore = async (whenOver = onTestFinished) =>
  storeIn(await makeSqliteFile(whenOver), whenOver);

/** The store in a file. */
export function storeIn(path: string, whenOver: WhenOver): Store {
  return {
    open({ limits, readOnly = false } = {}) {
      const database = openSqlite({
        path,
        readOnly,
        registry: REGISTRY,
        definitions: CHINOOK_RESOURCES.definitions,
        isNoted: true,
        limits: { ...DEFAULT_LIMITS, ...limits },
      });
      let closed: Promise<void> | undefined;
      const close = () => {
        closed ??= database.close();
        return closed;
      };
      whenOver(close);
      return { ...database, close };
    },
  };
}
