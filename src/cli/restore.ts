// `protostore restore`: puts a backup in the place of a database that nobody has open.
// What is done is in ../database/sqlite/backup/restore.ts.

import { Command } from "commander";
import { restoreBackup } from "../database/sqlite/backup/restore.ts";
import { expectedBy, readKey } from "./backup.ts";
import { backupKeyOption } from "./backup-options.ts";
import type { Program } from "./program.ts";
import { createProgress } from "./progress.ts";
import { databaseOption, lockTimeoutOption, migrationsOption } from "./shared-options.ts";

interface RestoreOptions {
  readonly database: string;
  readonly migrations?: string;
  readonly lockTimeout: number;
  readonly backupKeyFile?: string;
}

/** The command `restore`; if it throws StoreError, the database is as it was. */
export function restoreCommand(program: Program): Command {
  return new Command("restore")
    .description("put a backup in the place of a database, and keep what was there")
    .argument("<backup>", "the backup, NAME.db or NAME.db.enc, with its manifest beside it")
    .addOption(databaseOption(program))
    .addOption(migrationsOption())
    .addOption(lockTimeoutOption())
    .addOption(backupKeyOption())
    .addHelpText(
      "after",
      "\nExample:\n  $ protostore restore backups/monday.db --database store.db",
    )
    .action((backup: string, options: RestoreOptions) => runRestore(program, backup, options));
}

async function runRestore(
  program: Program,
  backup: string,
  { database, migrations, lockTimeout, backupKeyFile }: RestoreOptions,
): Promise<void> {
  const progress = createProgress("verify");
  try {
    const expected = expectedBy(program, migrations);
    const options = { expected, lockTimeoutMs: lockTimeout, key: readKey(backupKeyFile) };
    const restored = await restoreBackup(backup, database, options, progress.update);
    progress.end();
    const { manifest, kept } = restored;
    process.stdout.write(`restored ${database} to revision ${manifest.revision}\n`);
    if (kept !== undefined) process.stdout.write(`what was there is now ${kept}\n`);
  } finally {
    progress.end();
  }
}
