// Reads files again when they change. What can no longer be used changes nothing but a line in the log.
// Must not know what is in them.

import { unwatchFile, watchFile } from "node:fs";
import type { Log } from "./log.ts";

/** How often the files are looked at: what is revoked is good for as long. */
const LOOK_INTERVAL_MS = 1_000;

const readers = new Set<() => void>();

/** Reads all of them again, without waiting until somebody notices a change. */
export function rereadAll(): void {
  for (const readAgain of readers) readAgain();
}

/** Runs `read` whenever one of the files has changed; it throws if they cannot be used. The result ends that. */
export function rereadOnChange(
  files: readonly string[],
  read: () => void,
  what: string,
  log: Log,
): () => void {
  const readAgain = () => {
    try {
      read();
      log.info({ files }, `${what}: read again`);
    } catch (error) {
      log.error({ err: error }, `${what}: changed, and cannot be used; stays as it was`);
    }
  };
  readers.add(readAgain);
  for (const file of files) {
    watchFile(file, { interval: LOOK_INTERVAL_MS, persistent: false }, readAgain);
  }
  return () => {
    readers.delete(readAgain);
    for (const file of files) unwatchFile(file, readAgain);
  };
}
