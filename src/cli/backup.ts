// `protostore backup`: copies a database, served or not, and proves the copy; `backup verify` proves it again,
// and `backup key` makes the key of encrypted ones.
// What is done is in ../database/sqlite/backup/.

import { statSync } from "node:fs";
import { basename, dirname, resolve } from "node:path";
import { Command, Option } from "commander";
import { systemClock } from "../clock.ts";
import { readMigrationFiles } from "../database/migrations/files.ts";
import { nameByTime } from "../database/sqlite/backup/backup-folder.ts";
import { keyIdOf, makeBackupKey, readBackupKey } from "../database/sqlite/backup/backup-key.ts";
import {
  findBackup,
  findDatabases,
  noteProof,
  proveBackup,
} from "../database/sqlite/backup/check-backup.ts";
import { makeBackup } from "../database/sqlite/backup/make-backup.ts";
import { dataPathOf } from "../database/sqlite/backup/manifest.ts";
import { type Expected, type Prove, proveDatabase } from "../database/sqlite/backup/prove.ts";
import { requireDatabase } from "../database/sqlite/migrate/target.ts";
import { StoreError } from "../errors.ts";
import { DEFAULT_LIMITS } from "../limits.ts";
import { planResources } from "../schema/plan.ts";
import { registryOf } from "../schema/registry.ts";
import { backupKeyOption } from "./backup-options.ts";
import type { Program } from "./program.ts";
import { createProgress } from "./progress.ts";
import { databaseOption, migrationsOption, parseCount } from "./shared-options.ts";

interface BackupOptions {
  readonly database: string;
  readonly migrations?: string;
  readonly to?: string;
  readonly bytesPerSecond: number;
  readonly backupKeyFile?: string;
}

type VerifyOptions = Pick<BackupOptions, "migrations" | "backupKeyFile">;

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
      .addOption(backupKeyOption())
      .addHelpText("after", "\nExample:\n  $ protostore backup --database store.db --to backups")
      .action((name: string | undefined, options: BackupOptions) =>
        runBackup(program, name, options),
      )
      .addCommand(verifyCommand(program))
      .addCommand(keyCommand())
  );
}

function verifyCommand(program: Program): Command {
  return (
    new Command("verify")
      .description(
        "prove a backup again, or each of a folder: its bytes by the manifest, every row",
      )
      .argument("<place>", "the backup, NAME.db or NAME.db.enc, or the folder of several")
      .addOption(migrationsOption())
      .addOption(backupKeyOption())
      .addHelpText("after", "\nExample:\n  $ protostore backup verify backups")
      // What both have is taken by `backup`, wherever it stands.
      .action((place: string, _: unknown, command: Command) =>
        runVerify(program, place, command.optsWithGlobals<VerifyOptions>()),
      )
  );
}

function keyCommand(): Command {
  return new Command("key")
    .description("make a key to encrypt backups with; without it, nobody can restore them")
    .argument("<file>", "where to write it; for its owner only")
    .addHelpText("after", "\nExample:\n  $ protostore backup key backup.key")
    .action((path: string) => {
      const key = makeBackupKey(path);
      process.stdout.write(`key ${keyIdOf(key)}: keep ${path} where the backups are not\n`);
    });
}

/** The key in the file, if one is named. @throws StoreError INVALID_CONFIG */
export function readKey(path: string | undefined): Uint8Array | undefined {
  return path === undefined ? undefined : readBackupKey(path);
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
  { database, migrations, to, bytesPerSecond, backupKeyFile }: BackupOptions,
): Promise<void> {
  if (to === undefined) throw new StoreError("INVALID_CONFIG", "--to must say where to put it");
  requireDatabase(database);
  const place = placeOf(to, name);
  const expected = expectedBy(program, migrations);
  const bars = { copying: createProgress("copy"), verifying: createProgress("verify") };
  try {
    const order = { database, ...place, bytesPerSecond, key: readKey(backupKeyFile) };
    const prove: Prove = (path, onRows) => proveDatabase(path, expected, onRows);
    const made = await makeBackup(order, prove, ({ stage, done, total }) => {
      if (stage === "verifying") bars.copying.end();
      bars[stage].update(done, total);
    });
    const lines = [
      dataPathOf(place.folder, made),
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

async function runVerify(
  program: Program,
  place: string,
  { migrations, backupKeyFile }: VerifyOptions,
): Promise<void> {
  const isFolder = statSync(place, { throwIfNoEntry: false })?.isDirectory() === true;
  const paths = isFolder ? await findDatabases(place) : [place];
  if (paths.length === 0) throw new StoreError("BACKUP_INVALID", `${place}: there is no backup`);
  const expected = expectedBy(program, migrations);
  const key = readKey(backupKeyFile);
  let bad = 0;
  for (const path of paths) {
    const progress = createProgress("verify");
    try {
      const found = await findBackup(path);
      const proof = await proveBackup(found, expected, key, progress.update);
      noteProof(found, proof, key);
      progress.end();
      const encrypted = found.manifest.encryption ? ", encrypted" : "";
      process.stdout.write(`${found.data}: whole, revision ${proof.revision}${encrypted}\n`);
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
