// `protostore migrate …`: the commands that change or show the schema of a database.
// Words only: what they do is in ../database/migrations and, for each driver, in its folder migrate.

import { Argument, Command, InvalidArgumentError, Option } from "commander";
import { VERSION_MAX } from "../database/migrations/file-name.ts";
import { readMigrationFiles } from "../database/migrations/files.ts";
import type { MigrationReport } from "../database/migrations/migrate.ts";
import type { MigrationPlan } from "../database/migrations/migration-plan.ts";
import type { MigrationListing } from "../database/migrations/migration-status.ts";
import type { Migrator } from "../database/migrations/migrator.ts";
import {
  createMigration,
  type MigrationFolder,
  type NewTable,
} from "../database/migrations/new-migration.ts";
import { NO_VERSION } from "../database/migrations/version.ts";
import { postgresTableScripts } from "../database/postgres/migrate/new-table.ts";
import { isPostgresUrl, withoutPassword } from "../database/postgres/url.ts";
import { createSqliteMigrator } from "../database/sqlite/migrate/migrator.ts";
import { sqliteTableScripts } from "../database/sqlite/migrate/new-table.ts";
import { StoreError } from "../errors.ts";
import { DEFAULT_LIMITS } from "../limits.ts";
import { backupDirOption, backupKeyOption } from "./backup-options.ts";
import { parseMigratedDatabase } from "./database-path.ts";
import { backUpBeforeMigrating, type MigrationBackupOptions } from "./migration-backup.ts";
import type { Program } from "./program.ts";
import {
  databaseOption,
  lockTimeoutOption,
  migrationsOption,
  parseCount,
} from "./shared-options.ts";

interface DatabaseOptions {
  readonly database: string;
  /** The folder of the migrations. */
  readonly migrations?: string;
}

interface LockOptions extends DatabaseOptions {
  /** In milliseconds. */
  readonly lockTimeout: number;
}

/** The command `migrate` with its subcommands; they throw StoreError. */
export function migrateCommand(program: Program): Command {
  return new Command("migrate")
    .description("bring the schema of a database to another version")
    .addCommand(upCommand(program))
    .addCommand(downCommand(program))
    .addCommand(statusCommand(program))
    .addCommand(planCommand(program))
    .addCommand(forceCommand(program))
    .addCommand(createCommand(program));
}

function upCommand(program: Program): Command {
  return new Command("up")
    .description("apply the migrations that are pending; creates the database if it is absent")
    .argument("[version]", "stop after this version", parseVersion)
    .addOption(migratedOption(program))
    .addOption(migrationsOption())
    .addOption(lockTimeoutOption())
    .addOption(backupDirOption("where to make a backup before the first of them, if any is set"))
    .addOption(backupKeyOption())
    .addHelpText("after", example("protostore migrate up"))
    .action(async (target: bigint | undefined, options: LockOptions & MigrationBackupOptions) => {
      const { database, backupDir, backupKeyFile } = options;
      if (isPostgresUrl(database) && backupDir !== undefined) {
        const reason = "backup-dir: is for a database in a file; PostgreSQL has its own";
        throw new StoreError("INVALID_CONFIG", reason);
      }
      const order = backupDir !== undefined && { database, folder: backupDir, backupKeyFile };
      const migrator = await openMigrator(program, options);
      const report = await migrator.up({
        ...(target === undefined ? {} : { target }),
        ...(order && { beforeFirst: () => backUpBeforeMigrating(order) }),
      });
      printReport(report, "applied");
    });
}

function downCommand(program: Program): Command {
  return new Command("down")
    .description("undo migrations, the last one first; what their down files drop is lost")
    .argument("[steps]", "how many (default: 1)", parseCount)
    .option("--all", "undo all of them")
    .addOption(migratedOption(program))
    .addOption(migrationsOption())
    .addOption(lockTimeoutOption())
    .addHelpText("after", example("protostore migrate down 1"))
    .action(async (steps: number | undefined, options: LockOptions & { all?: boolean }) => {
      if (options.all && steps !== undefined) {
        throw new StoreError("INVALID_CONFIG", "give a number of steps or --all, not both");
      }
      const migrator = await openMigrator(program, options);
      const report = await migrator.down({ steps: options.all ? "all" : (steps ?? 1) });
      printReport(report, "undone");
    });
}

function statusCommand(program: Program): Command {
  return new Command("status")
    .description("show the version of a database and each migration; changes nothing")
    .addOption(migratedOption(program))
    .addOption(migrationsOption())
    .addHelpText("after", example("protostore migrate status"))
    .action(async (options: DatabaseOptions) => {
      const migrator = await openMigrator(program, options);
      printStatus(withoutPassword(options.database), await migrator.status());
    });
}

function planCommand(program: Program): Command {
  return new Command("plan")
    .description(
      "try the pending migrations, on a copy or taken back, and show what they would change",
    )
    .addOption(migratedOption(program))
    .addOption(migrationsOption())
    .addOption(lockTimeoutOption())
    .addHelpText("after", example("protostore migrate plan"))
    .action(async (options: LockOptions) => {
      const migrator = await openMigrator(program, options);
      printPlan(await migrator.plan());
    });
}

function forceCommand(program: Program): Command {
  return new Command("force")
    .description("record a version as it is, without running anything, after a repair by hand")
    .addArgument(
      new Argument("<version>", "the version of a migration, or -1 for none").argParser(
        parseForced,
      ),
    )
    .addOption(migratedOption(program))
    .addOption(migrationsOption())
    .addOption(lockTimeoutOption())
    .addHelpText("after", example("protostore migrate force 2"))
    .action(async (version: bigint, options: LockOptions) => {
      const migrator = await openMigrator(program, options);
      await migrator.force(version);
      print(`recorded version ${version}`);
    });
}

function createCommand(program: Program): Command {
  return new Command("create")
    .description("write the files of a new migration, for each kind of database")
    .argument("<name>", "what it does: lower-case letters, digits and _")
    .option("--table <name>", "make it the table of a new resource")
    .option("--key <column>", "the primary key of that table, a whole number")
    .addOption(migrationsOption())
    .option("--dir <folder>", "the same, by its older name")
    .addOption(
      new Option("--dialect <name>", "the SQL of that folder (default: sqlite)").choices(
        Object.keys(DIALECTS),
      ),
    )
    .addHelpText("after", example("protostore migrate create labels --table labels --key LabelId"))
    .action((name: string, flags: CreateFlags) => {
      const paths = createMigration(name, foldersOf(program, flags), toNewTable(flags));
      for (const path of paths) print(path);
    });
}

type Dialect = "sqlite" | "postgres";

interface CreateFlags {
  readonly table?: string;
  readonly key?: string;
  readonly migrations?: string;
  readonly dir?: string;
  readonly dialect?: Dialect;
}

/** How tables are made in each. */
const DIALECTS: Readonly<Record<Dialect, MigrationFolder["tableScripts"]>> = {
  sqlite: sqliteTableScripts,
  postgres: postgresTableScripts,
};

/** The folder that is named, or the program's own: both, so that a number is that of one migration. */
function foldersOf(
  { migrations: own, postgresMigrations }: Program,
  { dir, migrations, dialect }: CreateFlags,
): readonly MigrationFolder[] {
  const named = dir ?? migrations;
  if (named !== undefined) return [{ dir: named, tableScripts: DIALECTS[dialect ?? "sqlite"] }];
  if (dialect !== undefined) {
    throw new StoreError("INVALID_CONFIG", "--dialect is that of a folder: give --migrations");
  }
  const first = { dir: own, tableScripts: sqliteTableScripts };
  if (postgresMigrations === undefined) return [first];
  return [first, { dir: postgresMigrations, tableScripts: postgresTableScripts }];
}

function toNewTable({ table, key }: CreateFlags): NewTable | undefined {
  if (table === undefined && key === undefined) return undefined;
  if (table !== undefined && key !== undefined) return { table, key };
  throw new StoreError("INVALID_CONFIG", "--table and --key belong together");
}

function migratedOption(program: Program): Option {
  const description = "the database file, or postgres://…";
  return databaseOption(program, description, parseMigratedDatabase);
}

/** The commands for the database that the options name. */
async function openMigrator(
  program: Program,
  { database, migrations, lockTimeout }: DatabaseOptions & Partial<LockOptions>,
): Promise<Migrator> {
  const lockTimeoutMs = lockTimeout ?? DEFAULT_LIMITS.migrationLockTimeoutMs;
  if (!isPostgresUrl(database)) {
    const files = readMigrationFiles(migrations ?? program.migrations);
    return createSqliteMigrator(database, { files, lockTimeoutMs, foreign: program.foreign });
  }
  const folder = migrations ?? program.postgresMigrations;
  if (folder === undefined) {
    const reason = "there are no migrations for PostgreSQL: give --migrations";
    throw new StoreError("INVALID_CONFIG", reason);
  }
  const { createPostgresMigrator } = await import("../database/postgres/migrate/migrator.ts");
  return createPostgresMigrator(database, { files: readMigrationFiles(folder), lockTimeoutMs });
}

function printReport(report: MigrationReport, verb: string): void {
  const { from, to, migrations } = report;
  for (const { name, durationMs } of migrations)
    print(`${verb} ${name} (${durationMs.toFixed(0)} ms)`);
  print(from === to ? `nothing to do, at version ${to}` : `version ${from} -> ${to}`);
  printNotes(report);
}

function printNotes({ notices, skipped, to }: Omit<MigrationReport, "migrations">): void {
  for (const notice of notices) print(`note: ${notice}`);
  for (const name of skipped) {
    print(`note: ${name} is not run: it arrived when the database was past it, at version ${to}`);
  }
}

function printStatus(database: string, listing: MigrationListing): void {
  const { version, expected, migrations, pendingStore, skipped } = listing;
  const managed = listing.managed ? "" : ", not managed by protostore";
  const dirty = listing.dirty ? ", dirty: a migration did not finish" : "";
  print(`${database}: version ${version} of ${expected}${dirty}${managed}`);
  for (const { name, state, appliedAt } of migrations) {
    print(`  ${state.padEnd(9)} ${name}${appliedAt === undefined ? "" : `  ${appliedAt}`}`);
  }
  for (const name of pendingStore) print(`  pending   ${name} of the store itself`);
  printNotes({ notices: [], skipped, from: version, to: version });
}

function printPlan(plan: MigrationPlan): void {
  const { from, to, migrations, changes } = plan;
  if (migrations.length === 0) print(`nothing to do, at version ${to}`);
  else {
    print(`version ${from} -> ${to}, by ${migrations.join(", ")}:`);
    const signs = { added: "+", removed: "-", changed: "~" };
    for (const { change, type, name } of changes) print(`  ${signs[change]} ${type} ${name}`);
    print("the database was not changed");
  }
  printNotes(plan);
}

/** The version of a migration. */
function parseVersion(text: string): bigint {
  if (/^\d{1,19}$/.test(text) && BigInt(text) <= VERSION_MAX) return BigInt(text);
  throw new InvalidArgumentError(`It is not a whole number from 0 to ${VERSION_MAX}.`);
}

/** A version as golang-migrate's `force` takes it: -1 is none. */
function parseForced(text: string): bigint {
  return text === "-1" ? NO_VERSION : parseVersion(text);
}

function example(command: string): string {
  return `\nExample:\n  $ ${command}`;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
