// Sees to it that the last of several processes to close a database leaves no log, though they close it
// at the same moment. Blocks its thread, which is at its end.

import { statSync } from "node:fs";
import { openConnection, readPragma } from "./connection.ts";
import type { FileIdentity, StoreFiles } from "./file-guard.ts";

/** Of connections that close together each finds the other's lock, and leaves the log to it. */
const ATTEMPTS = 4;
const PAUSE_MS = 10;

/**
 * Opens and closes the database again while its log is there, which stays if others use it. To be
 * called after the last connection of this process is closed, if `files` were in order until then.
 */
export function closeOnceMore(path: string, { database, log }: StoreFiles): void {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    // Another's log would be copied into this file, or this one's into another.
    if (!log || !isThere(path, database) || !isThere(`${path}-wal`, log.wal)) return;
    sleepSync(PAUSE_MS * (attempt + Math.random()));
    try {
      const connection = openConnection(path, { busyTimeoutMs: 0 });
      try {
        readPragma(connection, "schema_version");
      } finally {
        connection.close();
      }
    } catch {
      // Another process is at it.
    }
  }
}

function isThere(path: string, { device, inode }: FileIdentity): boolean {
  const found = statSync(path, { bigint: true, throwIfNoEntry: false });
  return found?.ino === inode && found.dev === device;
}

function sleepSync(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}
