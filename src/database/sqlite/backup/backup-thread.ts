// The thread of one backup: makes it and ends.
// Must not know who wants it, or why.

import { isDeepStrictEqual } from "node:util";
import { parentPort, workerData } from "node:worker_threads";
import { readMigrationFiles } from "../../migrations/files.ts";
import { toPlainError } from "../threads/thread-errors.ts";
import { loadPlans } from "../threads/thread-plans.ts";
import type { BackupThreadAnswer, BackupThreadData } from "./backup-worker.ts";
import { type BackupProgress, makeBackup } from "./make-backup.ts";
import { type Prove, proveDatabase } from "./prove.ts";

const { order, definitions, migrations } = workerData as BackupThreadData;
let last: BackupProgress | undefined;

try {
  const { plans, registry } = await loadPlans(definitions);
  const expected = { plans, registry, migrations: readMigrationFiles(migrations) };
  const prove: Prove = (path, onRows) => proveDatabase(path, expected, onRows);
  send({ manifest: await makeBackup(order, prove, sendChange) });
} catch (error) {
  send({ error: toPlainError(error) });
}

/** Not what has been said before: most steps of a proof are of no rows. */
function sendChange(progress: BackupProgress): void {
  if (isDeepStrictEqual(progress, last)) return;
  last = progress;
  send({ progress });
}

function send(answer: BackupThreadAnswer): void {
  parentPort?.postMessage(answer);
}
