// Copies a database page by page, as it is at one moment, while others write to it.
// Must not decide where the copy goes, nor whether it is good.

import { type Connection, openConnection, readPragma } from "../connection/connection.ts";
import { leavesAsItIs } from "../migrate/target.ts";

/** Called with the number of bytes copied, of all of them. */
export type OnCopied = (done: number, total: number) => void;

/** How long it waits for a program that keeps others from reading. */
const BUSY_TIMEOUT_MS = 5_000;
const STEP_BYTES = 1024 * 1024;
/** Of a slow copy the steps are small rather than the pauses long. */
const STEPS_PER_SECOND = 50;
const sleeper = new Int32Array(new SharedArrayBuffer(4));

/**
 * Copies `database` to `copy`, which must be empty, in steps; it blocks its thread for the pauses between
 * them that `bytesPerSecond` asks for (0: none). One read transaction goes on around all steps: without
 * it, every commit of somebody else would make SQLite begin the copy anew, and under steady writes it
 * would never end. Nobody waits for that transaction; but the log can be cut only after it, and grows
 * meanwhile by what is written.
 */
export async function copyPages(
  database: string,
  copy: string,
  bytesPerSecond: number,
  onCopied: OnCopied,
): Promise<void> {
  const options = { readOnly: leavesAsItIs(database), busyTimeoutMs: BUSY_TIMEOUT_MS };
  const source = openConnection(database, options);
  try {
    source.exec("BEGIN");
    const pageBytes = Number(readPragma(source, "page_size"));
    // The first read opens the snapshot.
    const total = Number(readPragma(source, "page_count")) * pageBytes;
    const stepBytes = Math.min(STEP_BYTES, bytesPerSecond / STEPS_PER_SECOND || STEP_BYTES);
    const startMs = performance.now();
    await source.backup(copy, {
      progress: ({ totalPages, remainingPages }) => {
        const done = (totalPages - remainingPages) * pageBytes;
        onCopied(done, total);
        if (bytesPerSecond > 0)
          pause((done / bytesPerSecond) * 1_000 - performance.now() + startMs);
        return Math.max(1, Math.floor(stepBytes / pageBytes));
      },
    });
    onCopied(total, total);
  } finally {
    endRead(source);
    source.close();
  }
}

function pause(ms: number): void {
  if (ms >= 1) Atomics.wait(sleeper, 0, 0, ms);
}

function endRead(source: Connection): void {
  if (source.inTransaction) source.exec("COMMIT");
}
