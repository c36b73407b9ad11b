// Records a version without running anything, after a repair by hand: what golang-migrate's `force` does.
// Must not look at the schema: the operator says what it is.

import { StoreError } from "../../../errors.ts";
import type { Connection } from "../connection/connection.ts";
import { refuseUnmanaged } from "./detect.ts";
import { checkSequence, type MigrationFile } from "./files.ts";
import type { MigrateOptions } from "./migrate.ts";
import { createLogTable, findSkipped, healLog, readLog, writeLogEntry } from "./migration-log.ts";
import { inTransaction, withDatabase } from "./target.ts";
import { createVersionTable, hasVersionTable, NO_VERSION, writeVersion } from "./version.ts";

/**
 * Records `version` as clean, and all files up to it as run, without running anything: after a
 * repair by hand. NO_VERSION records that nothing was run; so does 0 if no file has that version.
 * @throws StoreError MIGRATION_INVALID if there is no such file.
 */
export async function forceVersion(
  database: string,
  version: bigint,
  options: MigrateOptions,
): Promise<void> {
  const { files, foreign } = options;
  checkSequence(files);
  const file = files.find((candidate) => candidate.version === version);
  if (version > 0n && !file) {
    throw new StoreError("MIGRATION_INVALID", `there is no migration ${version}`);
  }
  await withDatabase(database, options.lockTimeoutMs, async (target) => {
    const { connection } = target;
    if (!hasVersionTable(connection)) refuseUnmanaged(connection, database, foreign);
    await inTransaction(target, () => recordForced(connection, files, file));
  });
}

function recordForced(
  connection: Connection,
  files: readonly MigrationFile[],
  file: MigrationFile | undefined,
): void {
  const version = file?.version ?? NO_VERSION;
  createVersionTable(connection);
  createLogTable(connection);
  healLog(connection, files, version);
  const log = readLog(connection);
  for (const skipped of findSkipped(log, files, version)) {
    writeLogEntry(connection, skipped, "recorded");
  }
  const kept = log.find((entry) => entry.version === version);
  // A version that was adopted stays so: `down` must go on refusing it.
  if (file) writeLogEntry(connection, file, kept?.kind === "adopted" ? "adopted" : "recorded");
  writeVersion(connection, { version, dirty: false });
}
