// Makes sure that what was written is on the disk.
// Must not write anything itself.

import { closeSync, fsyncSync, openSync } from "node:fs";

/** Makes sure that a file's bytes, or a folder's names, are on the disk. */
export function flush(path: string): void {
  const descriptor = openSync(path, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
