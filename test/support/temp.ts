// Temporary folders that are gone when the test is over.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";

/** A new folder; the caller removes it. */
export function makeTempDir(): string {
  return mkdtempSync(join(tmpdir(), "protostore-"));
}

/** A new folder that is removed when the running test is over. */
export function tempDir(): string {
  const directory = makeTempDir();
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}
