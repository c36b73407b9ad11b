// The newest backup that was proved row by row, for who asks each second: manifests are read again only when
// the folder has changed.

import { type BigIntStats, statSync } from "node:fs";
import { systemClock } from "../../../clock.ts";
import { type BackupManifest, isFullyProved, listBackups } from "./manifest.ts";

/** A folder that changed so shortly before it was read may change again with the same time. */
const COARSE_MS = 2_000;

/** Tells the newest one in the folder; undefined if there is none, or it cannot be read. */
export function watchNewest(folder: string): () => Promise<BackupManifest | undefined> {
  let seen: { readonly at: string; readonly newest: BackupManifest | undefined } | undefined;
  return async () => {
    try {
      const found = statSync(folder, { bigint: true, throwIfNoEntry: false });
      if (!found) return undefined;
      const at = versionOf(found);
      if (seen?.at === at) return seen.newest;
      const newest = (await listBackups(folder)).find(isFullyProved);
      const isSettled = Math.abs(systemClock() - Number(found.mtimeMs)) > COARSE_MS;
      seen = isSettled ? { at, newest } : undefined;
      return newest;
    } catch {
      return undefined;
    }
  };
}

/** Changes with each name that comes or goes: no file of a backup is written in place. */
function versionOf({ dev, ino, mtimeNs }: BigIntStats): string {
  return [dev, ino, mtimeNs].join();
}
