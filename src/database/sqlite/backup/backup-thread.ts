// The thread of one backup: makes it and ends.
// Must not know who wants it, or why.

import { parentPort, workerData } from "node:worker_threads";
import { readMigrationFiles } from "../migrate/files.ts";
import { toPlainError } from "../threads/thread-errors.ts";
import { loadPlans } from "../threads/thread-plans.ts";
import type { BackupThreadAnswer, BackupThreadData } from "./backup-worker.ts";
import { makeBackup } from "./make-backup.ts";

const { order, definitions, migrations } = workerData as BackupThreadData;

try {
  const { plans, registry } = await loadPlans(definitions);
  const expected = { plans, registry, migrations: readMigrationFiles(migrations) };
  send({ manifest: await makeBackup(order, expected, (progress) => send({ progress })) });
} catch (error) {
  send({ error: toPlainError(error) });
}

function send(answer: BackupThreadAnswer): void {
  parentPort?.postMessage(answer);
}
