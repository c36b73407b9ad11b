// The backup that `migrate up` makes before it changes anything. It is of the schema that there was: this release
// cannot rebuild its messages, and proves their bytes by checksum; the release before proves and restores it.

import { resolve } from "node:path";
import { systemClock } from "../clock.ts";
import { nameByTime } from "../database/sqlite/backup/backup-folder.ts";
import { makeBackup } from "../database/sqlite/backup/make-backup.ts";
import { dataPathOf } from "../database/sqlite/backup/manifest.ts";
import { proveChecksums } from "../database/sqlite/backup/prove-checksums.ts";
import { StoreError } from "../errors.ts";
import { readKey } from "./backup.ts";
import { createProgress } from "./progress.ts";

/** What `migrate up` is told of backups. */
export interface MigrationBackupOptions {
  readonly backupDir?: string;
  readonly backupKeyFile?: string;
}

interface MigrationBackup {
  readonly database: string;
  readonly folder: string;
  readonly backupKeyFile: string | undefined;
}

/** Nobody waits for the disk who does not wait for the migration. */
const AS_FAST_AS_IT_GOES = 0;

/** Makes it, and says where it is. @throws StoreError as `makeBackup`, which says that nothing was migrated. */
export async function backUpBeforeMigrating({
  database,
  folder,
  backupKeyFile,
}: MigrationBackup): Promise<void> {
  const bars = { copying: createProgress("copy"), verifying: createProgress("verify") };
  const endBars = () => {
    bars.copying.end();
    bars.verifying.end();
  };
  const order = {
    database,
    folder: resolve(folder),
    name: `before-migration-${nameByTime(systemClock())}`,
    bytesPerSecond: AS_FAST_AS_IT_GOES,
  };
  try {
    const key = readKey(backupKeyFile);
    const made = await makeBackup({ ...order, key }, proveChecksums, ({ stage, done, total }) => {
      if (stage === "verifying") bars.copying.end();
      bars[stage].update(done, total);
    });
    endBars();
    process.stdout.write(`backup ${dataPathOf(order.folder, made)}\n`);
  } catch (error) {
    endBars();
    if (!(error instanceof StoreError)) throw error;
    const message = `nothing was migrated, since there is no backup: ${error.message}`;
    throw new StoreError(error.code, message, error.details);
  }
}
