// `protostore serve`: runs the server until it is told to stop.
// Turns flags into a Config; what runs is put together in ../boot.ts.

import cluster from "node:cluster";
import { existsSync, realpathSync, rmSync } from "node:fs";
import { availableParallelism } from "node:os";
import { dirname, resolve } from "node:path";
import { Command, InvalidArgumentError, Option } from "commander";
import { prepare, serve, servePrepared } from "../boot.ts";
import { completeConfig, type Durability } from "../config.ts";
import { StoreError } from "../errors.ts";
import { DEFAULT_LIMITS, type Limits } from "../limits.ts";
import { createLog } from "../observe/log.ts";
import { isServerChild, runServerChild, startServerProcesses } from "../processes.ts";
import { saveCompiled } from "../runtime.ts";
import { catchStopSignals, endStopped, startUnlessStopped, stopSignal } from "../stop-signals.ts";
import { type AccessOptions, accessOptions, readAccess } from "./access-options.ts";
import { type BackupServeOptions, backupOptions, readBackups } from "./backup-options.ts";
import {
  makePrivateDatabase,
  PRIVATE_DATABASE,
  parseServedDatabase,
  refuseUnsafePath,
} from "./database-path.ts";
import { limitOption, limitsHelp } from "./limit-option.ts";
import type { Program } from "./program.ts";
import {
  addressOption,
  databaseOption,
  lockTimeoutOption,
  migrationsOption,
  parseCount,
  switchOption,
} from "./shared-options.ts";

const PROCESSES_MAX = 256;

interface ServeOptions extends AccessOptions, BackupServeOptions {
  readonly database: string;
  readonly migrations?: string;
  readonly address: string;
  readonly readOnly: boolean;
  readonly durability: Durability;
  readonly strictReads: boolean;
  readonly fixtures: boolean;
  readonly allowUnsafePath: boolean;
  readonly lockTimeout: number;
  readonly maxScanRows: number;
  readonly scrubRows: number;
  readonly fillRows: number;
  readonly processes: number;
  readonly limit?: Partial<Limits>;
}

/** The command `serve`; it throws StoreError if the server cannot start. */
export function serveCommand(program: Program): Command {
  const command = new Command("serve")
    .description("serve a database over gRPC; creates it if it is absent")
    .addOption(
      databaseOption(
        program,
        `the database file; ${PRIVATE_DATABASE} is one that is gone with the server`,
        parseServedDatabase,
      ),
    )
    .addOption(
      switchOption("allow-unsafe-path", "serve a file though others could exchange it for another"),
    )
    .addOption(migrationsOption())
    .addOption(addressOption());
  for (const option of [...accessOptions(), ...backupOptions()]) command.addOption(option);
  return command
    .addOption(switchOption("read-only", "refuse every write"))
    .addOption(
      new Option(
        "--durability <level>",
        "when a write is acknowledged: full, once it is synced to the disk; relaxed, before",
      )
        .env("PROTOSTORE_DURABILITY")
        .choices(["full", "relaxed"])
        .default("full"),
    )
    .addOption(
      switchOption(
        "strict-reads",
        "fail a List for a row that cannot be read, rather than name it",
      ),
    )
    .addOption(switchOption("fixtures", "fill a new database with sample rows"))
    .addOption(
      new Option("--max-scan-rows <rows>", "refuse filters that scan more rows; 0 refuses none")
        .env("PROTOSTORE_MAX_SCAN_ROWS")
        .default(DEFAULT_LIMITS.scanRowsMax)
        .argParser(parseCount),
    )
    .addOption(
      new Option("--scrub-rows <rows>", "how many rows to check in a second; 0 checks none")
        .env("PROTOSTORE_SCRUB_ROWS")
        .default(DEFAULT_LIMITS.scrubRowsPerSecond)
        .argParser(parseCount),
    )
    .addOption(
      new Option(
        "--fill-rows <rows>",
        "how many rows of other programs to give their bytes in a second; 0 gives none",
      )
        .env("PROTOSTORE_FILL_ROWS")
        .default(DEFAULT_LIMITS.fillRowsPerSecond)
        .argParser(parseCount),
    )
    .addOption(limitOption())
    .addOption(processesOption())
    .addOption(lockTimeoutOption())
    .addHelpText("after", limitsHelp)
    .addHelpText("after", "\nExample:\n  $ protostore serve --database store.db --fixtures")
    .action((options: ServeOptions) => runServe(program, options));
}

function processesOption(): Option {
  return new Option("--processes <count>", "how many processes serve; auto is one for each core")
    .env("PROTOSTORE_PROCESSES")
    .default(1)
    .argParser((text) => {
      const count = text === "auto" ? availableParallelism() : parseCount(text);
      if (count >= 1 && count <= PROCESSES_MAX) return count;
      throw new InvalidArgumentError(`It must be auto or from 1 to ${PROCESSES_MAX}.`);
    });
}

async function runServe(program: Program, options: ServeOptions): Promise<void> {
  const config = completeConfig({
    database: chooseDatabase(options),
    address: options.address,
    ...readAccess(options),
    readOnly: options.readOnly,
    durability: options.durability,
    strictReads: options.strictReads,
    processes: options.processes,
    ...(options.migrations !== undefined && { migrations: resolve(options.migrations) }),
    ...(options.fixtures && { fixtures: program.fixtures }),
    ...readBackups(options),
    limits: {
      ...options.limit,
      migrationLockTimeoutMs: options.lockTimeout,
      scanRowsMax: options.maxScanRows,
      scrubRowsPerSecond: options.scrubRows,
      fillRowsPerSecond: options.fillRows,
    },
  });
  const log = config.processes === 1 ? createLog() : createLog().child({ pid: process.pid });
  if (isServerChild(config)) {
    return runServerChild(config, (own, signal) => servePrepared(own, program, log, signal));
  }
  const told = new Promise<void>((stop) => stopSignal.addEventListener("abort", () => stop()));
  const service = await startUnlessStopped(stopSignal, async (signal) => {
    if (config.processes === 1) return serve(config, program, log, signal);
    await prepare(config, program, log, signal);
    return startServerProcesses(config, log, signal);
  });
  if (!service) return endStopped();
  process.stdout.write(
    welcome(program, boundAddress(options.address, service.port), options.database),
  );
  saveCompiled();
  if (!stopSignal.aborted) await told;
  await service.stop();
  endStopped();
}

/** The file to serve; the children of a server are given theirs by it. */
function chooseDatabase({ database, readOnly, allowUnsafePath }: ServeOptions): string {
  if (cluster.isWorker) return database;
  if (database !== PRIVATE_DATABASE) {
    const path = resolve(database);
    // SQLite puts its files beside the one that a link points to.
    if (allowUnsafePath) return existsSync(path) ? realpathSync(path) : path;
    refuseUnsafePath(path);
    return path;
  }
  if (readOnly) throw new StoreError("INVALID_CONFIG", `${database} is new: it must be writable`);
  const path = makePrivateDatabase();
  process.once("exit", () => rmSync(dirname(path), { recursive: true, force: true }));
  // A closed terminal would end the process before that. It is not caught otherwise: nohup ignores it.
  catchStopSignals(["SIGHUP"]);
  return path;
}

/** The address with the port that the system has chosen. */
function boundAddress(address: string, port: number): string {
  return address.startsWith("unix:") ? address : address.replace(/:\d+$/, `:${port}`);
}

function welcome({ examples }: Program, address: string, database: string): string {
  return `
protostore serves ${database} on ${address}. Try:

  ${examples(address).join("\n  ")}

`;
}
