// `protostore backup`: copies a database, served or not, and proves the copy; `backup verify` proves it again.
// What is done is in ../database/sqlite/backup/.

import { statSync } from "node:fs";
import { basename, dirname, resolve } from "node:path";
import { Command, Option } from "commander";
import { systemClock } from "../clock.ts";
import { nameByTime } from "../database/sqlite/backup/backup-folder.ts";
import {
  findBackup,
  findDatabases,
  noteProof,
  proveBackup,
} from "../database/sqlite/backup/check-backup.ts";
import { makeBackup } from "../database/sqlite/backup/make-backup.ts";
import type { Expected } from "../database/sqlite/backup/prove.ts";
import { readMigrationFiles } from "../database/sqlite/migrate/files.ts";
import { requireDatabase } from "../database/sqlite/migrate/target.ts";
import { StoreError } from "../errors.ts";
import { DEFAULT_LIMITS } from "../limits.ts";
import { planResources } from "../schema/plan.ts";
import { registryOf } from "../schema/registry.ts";
import type { Program } from "./program.ts";
import { createProgress } from "./progress.ts";
import { databaseOption, migrationsOption, parseCount } from "./shared-options.ts";

interface BackupOptions {
  readonly database: string;
  readonly migrations?: string;
  readonly to?: string;
  readonly bytesPerSecond: number;
}

/** The command `backup`; it throws StoreError if there is no backup, or not a whole one. */
export function backupCommand(program: Program): Command {
  return (
    new Command("backup")
      .description("make a verified backup of a database, served or not")
      .argument("[name]", "what it is called (default: the time)")
      .addOption(databaseOption(program))
      .addOption(migrationsOption())
      // Not a required one: commander would ask for it in `backup verify`, too.
      .option("--to <place>", "the folder for it, or a file whose name ends in .db")
      .addOption(
        new Option("--bytes-per-second <bytes>", "how fast to copy; 0 is as fast as it goes")
          .default(DEFAULT_LIMITS.backupBytesPerSecond)
          .argParser(parseCount),
      )
      .addHelpText("after", "\nExample:\n  $ protostore backup --database store.db --to backups")
      .action((name: string | undefined, options: BackupOptions) =>
        runBackup(program, name, options),
      )
      .addCommand(verifyCommand(program))
  );
}

function verifyCommand(program: Program): Command {
  return new Command("verify")
    .description("prove a backup again, or each of a folder: its bytes by the manifest, every row")
    .argument("<place>", "the backup, NAME.db, or the folder of several")
    .addOption(migrationsOption())
    .addHelpText("after", "\nExample:\n  $ protostore backup verify backups")
    .action((place: string, options: { readonly migrations?: string }) =>
      runVerify(program, place, options.migrations),
    );
}

/** What the program expects of the rows of a file. */
export function expectedBy(program: Program, migrations = program.migrations): Expected {
  const { resources } = program;
  return {
    plans: planResources(resources),
    registry: registryOf(resources.map(({ resource }) => resource)),
    migrations: readMigrationFiles(migrations),
  };
}

async function runBackup(
  program: Program,
  name: string | undefined,
  { database, migrations, to, bytesPerSecond }: BackupOptions,
): Promise<void> {
  if (to === undefined) throw new StoreError("INVALID_CONFIG", "--to must say where to put it");
  requireDatabase(database);
  const place = placeOf(to, name);
  const expected = expectedBy(program, migrations);
  const bars = { copying: createProgress("copy"), verifying: createProgress("verify") };
  try {
    const order = { database, ...place, bytesPerSecond };
    const made = await makeBackup(order, expected, ({ stage, done, total }) => {
      if (stage === "verifying") bars.copying.end();
      bars[stage].update(done, total);
    });
    const lines = [
      `${resolve(place.folder, `${made.name}.db`)}`,
      `revision ${made.revision}, ${made.bytes} bytes, sha256 ${made.sha256}`,
      ...(made.findings > 0
        ? [`${made.findings} findings, as in the database itself; run: protostore verify`]
        : []),
    ];
    process.stdout.write(`${lines.join("\n")}\n`);
  } finally {
    bars.copying.end();
    bars.verifying.end();
  }
}

async function runVerify(program: Program, place: string, migrations?: string): Promise<void> {
  const isFolder = statSync(place, { throwIfNoEntry: false })?.isDirectory() === true;
  const paths = isFolder ? await findDatabases(place) : [place];
  if (paths.length === 0) throw new StoreError("BACKUP_INVALID", `${place}: there is no backup`);
  const expected = expectedBy(program, migrations);
  let bad = 0;
  for (const path of paths) {
    const progress = createProgress("verify");
    try {
      const found = await findBackup(path);
      await proveBackup(found.data, found.manifest, expected, progress.update);
      noteProof(found);
      progress.end();
      process.stdout.write(`${found.data}: whole, revision ${found.manifest.revision}\n`);
    } catch (error) {
      progress.end();
      if (!(error instanceof StoreError)) throw error;
      bad += 1;
      const message = error.message.startsWith(path) ? error.message : `${path}: ${error.message}`;
      process.stdout.write(`${message}\n`);
    }
  }
  if (bad > 0) {
    throw new StoreError("VERIFY_FAILED", `${bad} of ${paths.length} backups are not whole`);
  }
}

/** The folder and the name that `--to` means. */
function placeOf(to: string, name: string | undefined) {
  const isFolder = statSync(to, { throwIfNoEntry: false })?.isDirectory() === true;
  if (isFolder || !to.endsWith(".db")) {
    return { folder: resolve(to), name: name ?? nameByTime(systemClock()) };
  }
  if (name !== undefined) {
    throw new StoreError("INVALID_CONFIG", `--to ${to} is a file: its name is the backup's`);
  }
  return { folder: resolve(dirname(to)), name: basename(to, ".db") };
}
