// A backup that is made in a thread of its own, so that no call waits for it, as who wants it sees it.
// Must not open the database.

import { Worker } from "node:worker_threads";
import { StoreError } from "../../../errors.ts";
import { fromPlainError, type PlainError } from "../threads/thread-errors.ts";
import { threadUrl } from "../threads/thread-start.ts";
import { withBackupFolder } from "./backup-folder.ts";
import type { BackupOrder, BackupProgress } from "./make-backup.ts";
import type { BackupManifest } from "./manifest.ts";
import { besideDatabase, sweepStaging } from "./staging.ts";

/** What the thread is started with. */
export interface BackupThreadData {
  readonly order: BackupOrder;
  /** The URL of the module that exports the resources. */
  readonly definitions: string;
  /** The folder of the migrations. */
  readonly migrations: string;
}

/** What the thread tells. */
export type BackupThreadAnswer =
  | { readonly progress: BackupProgress }
  | { readonly manifest: BackupManifest }
  | { readonly error: PlainError };

/**
 * Makes a backup; `signal` ends it, and nothing is left of it.
 * @throws StoreError as `makeBackup`, or the reason of `signal`.
 */
export async function runBackup(
  data: BackupThreadData,
  onProgress: (progress: BackupProgress) => void,
  signal: AbortSignal,
): Promise<BackupManifest> {
  signal.throwIfAborted();
  const worker = new Worker(threadUrl("backup/backup-thread"), {
    workerData: data,
    name: "backup",
  });
  const end = () => void worker.terminate();
  signal.addEventListener("abort", end);
  try {
    return await new Promise<BackupManifest>((resolve, reject) => {
      let result: BackupManifest | undefined;
      let failure: unknown;
      worker.on("message", (answer: BackupThreadAnswer) => {
        if ("progress" in answer) onProgress(answer.progress);
        else if ("manifest" in answer) result = answer.manifest;
        else failure = fromPlainError(answer.error);
      });
      worker.on("error", (cause) => {
        failure = new StoreError("INTERNAL", "the thread of the backup has failed", { cause });
      });
      // Only then has it closed its files.
      worker.on("exit", () => {
        if (result) resolve(result);
        else reject(failure ?? new StoreError("INTERNAL", "the thread of the backup has ended"));
      });
    });
  } catch (error) {
    if (!signal.aborted) throw error;
    // Whoever has the folder now has removed what was left there.
    await withBackupFolder(data.order.folder, async () => {}).catch(() => {});
    if (data.order.key) sweepStaging(besideDatabase(data.order.database));
    throw signal.reason;
  } finally {
    signal.removeEventListener("abort", end);
  }
}
