// `protostore migrate …`: the commands that change or show the schema of a database.
// Words only: what they do is in src/migrate.

import { Argument, Command, InvalidArgumentError, Option } from "commander";
import { DEFAULT_DATABASE, DEFAULT_LIMITS } from "../config.ts";
import { StoreError } from "../errors.ts";
import { createMigration, type NewTable } from "../migrate/create.ts";
import { listMigrationFiles } from "../migrate/files.ts";
import { readLog } from "../migrate/log.ts";
import {
  forceVersion,
  type MigrationReport,
  migrateDown,
  migrateUp,
  readMigrationStatus,
} from "../migrate/migrate.ts";
import { type MigrationPlan, planMigrations } from "../migrate/plan.ts";
import { nameDatabase, openForReading, requireDatabase } from "../migrate/target.ts";

interface DatabaseOptions {
  readonly database: string;
}

interface LockOptions extends DatabaseOptions {
  /** In milliseconds. */
  readonly lockTimeout: number;
}

/** The command `migrate` with its subcommands; they throw StoreError. */
export function migrateCommand(): Command {
  return new Command("migrate")
    .description("bring the schema of a database to another version")
    .addCommand(upCommand())
    .addCommand(downCommand())
    .addCommand(statusCommand())
    .addCommand(planCommand())
    .addCommand(forceCommand())
    .addCommand(createCommand());
}

/** The option that names the database file. */
export function databaseOption(): Option {
  return new Option("--database <file>", "the database file")
    .env("PROTOSTORE_DATABASE")
    .default(DEFAULT_DATABASE);
}

/** The option that says how long to wait for other processes. */
export function lockTimeoutOption(): Option {
  return new Option("--lock-timeout <ms>", "how long to wait for other processes, in milliseconds")
    .env("PROTOSTORE_LOCK_TIMEOUT_MS")
    .default(DEFAULT_LIMITS.migrationLockTimeoutMs)
    .argParser(parseCount);
}

function upCommand(): Command {
  return new Command("up")
    .description("apply the migrations that are pending; creates the database if it is absent")
    .argument("[version]", "stop after this version", parseCount)
    .addOption(databaseOption())
    .addOption(lockTimeoutOption())
    .addHelpText("after", example("protostore migrate up --database data/chinook.db"))
    .action(async (target: number | undefined, options: LockOptions) => {
      const report = await migrateUp(options.database, {
        lockTimeoutMs: options.lockTimeout,
        ...(target === undefined ? {} : { target }),
      });
      printReport(report, "applied");
    });
}

function downCommand(): Command {
  return new Command("down")
    .description("undo migrations, the last one first; what their down files drop is lost")
    .argument("[steps]", "how many (default: 1)", parseCount)
    .option("--all", "undo all of them")
    .addOption(databaseOption())
    .addOption(lockTimeoutOption())
    .addHelpText("after", example("protostore migrate down 1 --database data/chinook.db"))
    .action(async (steps: number | undefined, options: LockOptions & { all?: boolean }) => {
      if (options.all && steps !== undefined) {
        throw new StoreError("INVALID_CONFIG", "give a number of steps or --all, not both");
      }
      const report = await migrateDown(options.database, {
        lockTimeoutMs: options.lockTimeout,
        steps: options.all ? "all" : (steps ?? 1),
      });
      printReport(report, "undone");
    });
}

function statusCommand(): Command {
  return new Command("status")
    .description("show the version of a database and each migration; changes nothing")
    .addOption(databaseOption())
    .addHelpText("after", example("protostore migrate status --database data/chinook.db"))
    .action((options: DatabaseOptions) => printStatus(options.database));
}

function planCommand(): Command {
  return new Command("plan")
    .description("run the pending migrations on a copy and show what they would change")
    .addOption(databaseOption())
    .addOption(lockTimeoutOption())
    .addHelpText("after", example("protostore migrate plan --database data/chinook.db"))
    .action(async (options: LockOptions) => {
      printPlan(await planMigrations(options.database, { lockTimeoutMs: options.lockTimeout }));
    });
}

function forceCommand(): Command {
  return new Command("force")
    .description("record a version as it is, without running anything, after a repair by hand")
    .addArgument(
      new Argument("<version>", "the version of a migration, or 0").argParser(parseCount),
    )
    .addOption(databaseOption())
    .addOption(lockTimeoutOption())
    .addHelpText("after", example("protostore migrate force 2 --database data/chinook.db"))
    .action(async (version: number, options: LockOptions) => {
      await forceVersion(options.database, version, { lockTimeoutMs: options.lockTimeout });
      print(`recorded version ${version}`);
    });
}

function createCommand(): Command {
  return new Command("create")
    .description("write the files of a new migration")
    .argument("<name>", "what it does: lower-case letters, digits and _")
    .option("--table <name>", "make it the table of a new resource")
    .option("--key <column>", "the INTEGER PRIMARY KEY of that table")
    .option("--dir <folder>", "the folder of the migrations (default: the package's own)")
    .addHelpText("after", example("protostore migrate create labels --table labels --key LabelId"))
    .action((name: string, { dir, table, key }: CreateFlags) => {
      const newTable = toNewTable(table, key);
      const paths = createMigration(name, {
        ...(dir === undefined ? {} : { dir }),
        ...(newTable ? { table: newTable } : {}),
      });
      for (const path of paths) print(path);
    });
}

interface CreateFlags {
  readonly table?: string;
  readonly key?: string;
  readonly dir?: string;
}

function toNewTable(table: string | undefined, key: string | undefined): NewTable | undefined {
  if (table === undefined && key === undefined) return undefined;
  if (table !== undefined && key !== undefined) return { table, key };
  throw new StoreError("INVALID_CONFIG", "--table and --key belong together");
}

function printReport({ from, to, migrations }: MigrationReport, verb: string): void {
  for (const { name, durationMs } of migrations)
    print(`${verb} ${name} (${durationMs.toFixed(0)} ms)`);
  print(from === to ? `nothing to do, at version ${to}` : `version ${from} -> ${to}`);
}

function printStatus(database: string): void {
  requireDatabase(database);
  const files = listMigrationFiles();
  const connection = openForReading(database);
  try {
    const status = readMigrationStatus(connection, files);
    const log = new Map(readLog(connection).map((entry) => [entry.version, entry]));
    const managed = status.managed ? "" : ", not managed by protostore";
    const dirty = status.dirty ? ", dirty: a migration did not finish" : "";
    print(`${database}: version ${status.version} of ${status.expected}${dirty}${managed}`);
    for (const { version, name } of files) {
      const entry = version <= status.version ? log.get(version) : undefined;
      const state = version > status.version ? "pending" : (entry?.kind ?? "recorded");
      print(`  ${state.padEnd(9)} ${name}${entry ? `  ${entry.appliedAt}` : ""}`);
    }
  } catch (error) {
    throw nameDatabase(database, error);
  } finally {
    connection.close();
  }
}

function printPlan({ from, to, migrations, changes }: MigrationPlan): void {
  if (migrations.length === 0) {
    print(`nothing to do, at version ${to}`);
    return;
  }
  print(`version ${from} -> ${to}, by ${migrations.join(", ")}:`);
  const signs = { added: "+", removed: "-", changed: "~" };
  print(changes.map(({ change, type, name }) => `  ${signs[change]} ${type} ${name}`).join("\n"));
  print("the database was not changed");
}

/** A number from 0 on. */
export function parseCount(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("It is not a whole number.");
}

function example(command: string): string {
  return `\nExample:\n  $ ${command}`;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
