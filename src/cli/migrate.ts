// `protostore migrate …`: the commands that change or show the schema of a database.
// Words only: what they do is in ../database/sqlite/migrate.

import { Argument, Command, InvalidArgumentError } from "commander";
import { isPostgresUrl } from "../database/postgres/url.ts";
import { createMigration, type NewTable } from "../database/sqlite/migrate/create.ts";
import { VERSION_MAX } from "../database/sqlite/migrate/file-name.ts";
import { readMigrationFiles } from "../database/sqlite/migrate/files.ts";
import { forceVersion } from "../database/sqlite/migrate/force.ts";
import {
  type MigrateOptions,
  type MigrationReport,
  migrateDown,
  migrateUp,
  readMigrationStatus,
  readSkipped,
} from "../database/sqlite/migrate/migrate.ts";
import { readLog } from "../database/sqlite/migrate/migration-log.ts";
import { type MigrationPlan, planMigrations } from "../database/sqlite/migrate/migration-plan.ts";
import {
  nameDatabase,
  openForReading,
  requireDatabase,
} from "../database/sqlite/migrate/target.ts";
import { NO_VERSION } from "../database/sqlite/migrate/version.ts";
import { StoreError } from "../errors.ts";
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

/** How long a server may take to let it in. */
const CONNECT_TIMEOUT_MS = 10_000;

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
    .addOption(databaseOption(program, "the database file, or postgres://…", parseMigratedDatabase))
    .addOption(migrationsOption())
    .addOption(lockTimeoutOption())
    .addOption(backupDirOption("where to make a backup before the first of them, if any is set"))
    .addOption(backupKeyOption())
    .addHelpText("after", example("protostore migrate up"))
    .action(async (target: bigint | undefined, options: LockOptions & MigrationBackupOptions) => {
      const { database, backupDir, backupKeyFile } = options;
      if (isPostgresUrl(database)) {
        if (target !== undefined || backupDir !== undefined) {
          throw new StoreError(
            "INVALID_CONFIG",
            "PostgreSQL is brought to the newest version, without a backup",
          );
        }
        return upPostgres(program, options);
      }
      const order = backupDir !== undefined && { database, folder: backupDir, backupKeyFile };
      const report = await migrateUp(database, {
        ...toMigrateOptions(program, options),
        ...(target === undefined ? {} : { target }),
        ...(order && { beforeFirst: () => backUpBeforeMigrating(order) }),
      });
      printReport(report, "applied");
    });
}

async function upPostgres(program: Program, { database, migrations }: LockOptions): Promise<void> {
  const folder = migrations ?? program.postgresMigrations;
  if (folder === undefined) throw new StoreError("INVALID_CONFIG", "give --migrations");
  const { migrateUp: migrate } = await import("../database/postgres/migrate/migrate-up.ts");
  const { openSession } = await import("../database/postgres/session.ts");
  const { explainPostgresError } = await import("../database/postgres/errors.ts");
  const connecting = openSession({ url: database, connectTimeoutMs: CONNECT_TIMEOUT_MS });
  const session = await connecting.catch((error: unknown) => {
    throw explainPostgresError(error);
  });
  try {
    for (const name of await migrate(session, readMigrationFiles(folder))) print(`applied ${name}`);
  } finally {
    await session.close();
  }
}

function downCommand(program: Program): Command {
  return new Command("down")
    .description("undo migrations, the last one first; what their down files drop is lost")
    .argument("[steps]", "how many (default: 1)", parseCount)
    .option("--all", "undo all of them")
    .addOption(databaseOption(program))
    .addOption(migrationsOption())
    .addOption(lockTimeoutOption())
    .addHelpText("after", example("protostore migrate down 1"))
    .action(async (steps: number | undefined, options: LockOptions & { all?: boolean }) => {
      if (options.all && steps !== undefined) {
        throw new StoreError("INVALID_CONFIG", "give a number of steps or --all, not both");
      }
      const report = await migrateDown(options.database, {
        ...toMigrateOptions(program, options),
        steps: options.all ? "all" : (steps ?? 1),
      });
      printReport(report, "undone");
    });
}

function statusCommand(program: Program): Command {
  return new Command("status")
    .description("show the version of a database and each migration; changes nothing")
    .addOption(databaseOption(program))
    .addOption(migrationsOption())
    .addHelpText("after", example("protostore migrate status"))
    .action((options: DatabaseOptions) => printStatus(program, options));
}

function planCommand(program: Program): Command {
  return new Command("plan")
    .description("run the pending migrations on a copy and show what they would change")
    .addOption(databaseOption(program))
    .addOption(migrationsOption())
    .addOption(lockTimeoutOption())
    .addHelpText("after", example("protostore migrate plan"))
    .action(async (options: LockOptions) => {
      printPlan(await planMigrations(options.database, toMigrateOptions(program, options)));
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
    .addOption(databaseOption(program))
    .addOption(migrationsOption())
    .addOption(lockTimeoutOption())
    .addHelpText("after", example("protostore migrate force 2"))
    .action(async (version: bigint, options: LockOptions) => {
      await forceVersion(options.database, version, toMigrateOptions(program, options));
      print(`recorded version ${version}`);
    });
}

function createCommand(program: Program): Command {
  return new Command("create")
    .description("write the files of a new migration")
    .argument("<name>", "what it does: lower-case letters, digits and _")
    .option("--table <name>", "make it the table of a new resource")
    .option("--key <column>", "the INTEGER PRIMARY KEY of that table")
    .addOption(migrationsOption())
    .option("--dir <folder>", "the same, by its older name")
    .addHelpText("after", example("protostore migrate create labels --table labels --key LabelId"))
    .action((name: string, { dir: older, migrations, table, key }: CreateFlags) => {
      const newTable = toNewTable(table, key);
      const dir = older ?? migrations ?? program.migrations;
      const paths = createMigration(name, { dir, ...(newTable ? { table: newTable } : {}) });
      for (const path of paths) print(path);
    });
}

interface CreateFlags {
  readonly table?: string;
  readonly key?: string;
  readonly migrations?: string;
  readonly dir?: string;
}

function toNewTable(table: string | undefined, key: string | undefined): NewTable | undefined {
  if (table === undefined && key === undefined) return undefined;
  if (table !== undefined && key !== undefined) return { table, key };
  throw new StoreError("INVALID_CONFIG", "--table and --key belong together");
}

function toMigrateOptions(
  program: Program,
  { lockTimeout, migrations }: LockOptions,
): MigrateOptions {
  const files = readMigrationFiles(migrations ?? program.migrations);
  return { lockTimeoutMs: lockTimeout, files, foreign: program.foreign };
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

function printStatus(program: Program, { database, migrations }: DatabaseOptions): void {
  requireDatabase(database);
  const files = readMigrationFiles(migrations ?? program.migrations);
  const connection = openForReading(database);
  try {
    const status = readMigrationStatus(connection, files);
    const log = new Map(readLog(connection).map((entry) => [entry.version, entry]));
    const skipped = readSkipped(connection, files);
    const managed = status.managed ? "" : ", not managed by protostore";
    const dirty = status.dirty ? ", dirty: a migration did not finish" : "";
    print(`${database}: version ${status.version} of ${status.expected}${dirty}${managed}`);
    for (const { version, name } of files) {
      const isPending = status.pending.includes(name);
      const entry = isPending ? undefined : log.get(version);
      const unlogged = skipped.includes(name) ? "skipped" : "recorded";
      const state = isPending ? "pending" : (entry?.kind ?? unlogged);
      print(`  ${state.padEnd(9)} ${name}${entry ? `  ${entry.appliedAt}` : ""}`);
    }
    for (const name of status.pendingStore) print(`  pending   ${name} of the store itself`);
    printNotes({ notices: [], skipped, from: status.version, to: status.version });
  } catch (error) {
    throw nameDatabase(database, error);
  } finally {
    connection.close();
  }
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
