// A private folder for the plain copy of a backup that is encrypted. It is removed by whoever made it; if that
// was killed, by the next one that looks.

import { lstatSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import type { Connection } from "../connection/connection.ts";
import { openLock } from "../migrate/lock.ts";

/** Where such folders are, and what their names begin with. */
interface StagingPlace {
  readonly folder: string;
  readonly prefix: string;
}

/** Beside the database, which is there in plain too: nobody sees more who sees the copy. */
export function besideDatabase(database: string): StagingPlace {
  return { folder: dirname(database), prefix: `.${basename(database)}.backup-` };
}

/** In the system's folder for what is temporary, for who has no database. */
export function amongTemporary(): StagingPlace {
  return { folder: tmpdir(), prefix: "protostore-backup-" };
}

const LOCK_NAME = "lock";

/** Lets `action` put a copy at the path that it is given; nothing of it is left afterwards. */
export async function withStaging<T>(
  place: StagingPlace,
  action: (copy: string) => Promise<T>,
): Promise<T> {
  sweepStaging(place);
  const { folder, lock } = makeFolder(place);
  try {
    return await action(join(folder, "copy.db"));
  } finally {
    rmSync(folder, { recursive: true, force: true });
    lock.close();
  }
}

/** Removes what those that were killed have left there; what cannot be removed stays. */
export function sweepStaging({ folder, prefix }: StagingPlace): void {
  for (const name of namesIn(folder)) {
    if (!name.startsWith(prefix)) continue;
    const path = join(folder, name);
    const found = lstatSync(path, { throwIfNoEntry: false });
    if (!found?.isDirectory() || found.uid !== process.getuid?.()) continue;
    const lock = tryLock(path);
    if (!lock) continue;
    rmSync(path, { recursive: true, force: true });
    lock.close();
  }
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

/** So often another's sweep may come between a folder and its lock. */
const ATTEMPTS = 5;

function makeFolder({ folder, prefix }: StagingPlace): { folder: string; lock: Connection } {
  for (let attempt = 1; ; attempt++) {
    const made = mkdtempSync(join(folder, prefix));
    try {
      return { folder: made, lock: openLock(join(made, LOCK_NAME)) };
    } catch (error) {
      if (attempt === ATTEMPTS) throw error;
    }
  }
}

/** Undefined if whoever made the folder still lives, or nothing can be said. */
function tryLock(folder: string): Connection | undefined {
  try {
    return openLock(join(folder, LOCK_NAME));
  } catch {
    return undefined;
  }
}
