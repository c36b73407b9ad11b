// The options of `serve`, for its command line, its file of settings and who prints them.
// Must not load what the command runs.

import { availableParallelism } from "node:os";
import { InvalidArgumentError, Option } from "commander";
import type { CallLogging, Durability, TransportName } from "../config.ts";
import { addressesIn, isPostgresUrl } from "../database/postgres/url.ts";
import { DEFAULT_LIMITS, type Limits } from "../limits.ts";
import { type AccessOptions, accessOptions } from "./access-options.ts";
import { type BackupServeOptions, backupOptions } from "./backup-options.ts";
import { PRIVATE_DATABASE, parseServedDatabase } from "./database-path.ts";
import { limitOption } from "./limit-option.ts";
import type { Program } from "./program.ts";
import {
  addressOption,
  configOption,
  databaseOption,
  lockTimeoutOption,
  migrationsOption,
  parseCount,
  switchOption,
} from "./shared-options.ts";

const PROCESSES_MAX = 256;

/** What the options are read into. */
export interface ServeOptions extends AccessOptions, BackupServeOptions {
  readonly config?: string;
  readonly database: string;
  readonly databaseReplica?: readonly string[];
  readonly migrations?: string;
  readonly address: string;
  readonly transport: TransportName;
  readonly metricsAddress?: string;
  readonly logLevel: string;
  readonly logCalls: CallLogging["calls"];
  readonly logCallsSample: number;
  readonly maintenance?: string;
  readonly secureDelete: boolean;
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

/** The options, in the order of the help. */
export function serveOptions(program: Program): readonly Option[] {
  return [
    configOption(),
    databaseOption(
      program,
      `the database file, or the address of a PostgreSQL server, postgres://…; ${PRIVATE_DATABASE} is a file that is gone with the server`,
      parseServedDatabase,
    ),
    replicaOption(),
    switchOption("allow-unsafe-path", "serve a file though others could exchange it for another"),
    migrationsOption(),
    addressOption(),
    new Option("--transport <name>", "what speaks HTTP/2: the library grpc-js, or our own, wire")
      .env("PROTOSTORE_TRANSPORT")
      .choices(["grpc-js", "wire"])
      .default("grpc-js"),
    new Option(
      "--metrics-address <host:port>",
      "where /metrics, /livez and /readyz are answered, also unix:PATH",
    ).env("PROTOSTORE_METRICS_ADDRESS"),
    logLevelOption(),
    new Option(
      "--log-calls <which>",
      "which calls get a line in the log: errors of the server and slow ones, or all",
    )
      .env("PROTOSTORE_LOG_CALLS")
      .choices(["off", "errors", "all"])
      .default("errors"),
    new Option("--log-calls-sample <part>", "of all, the part of those that went well")
      .env("PROTOSTORE_LOG_CALLS_SAMPLE")
      .default(0.01)
      .argParser(parsePart),
    ...accessOptions(),
    ...backupOptions(),
    new Option(
      "--maintenance <cron>",
      'put the file in order at these times, for example "0 3 * * *"',
    ).env("PROTOSTORE_MAINTENANCE"),
    switchOption("secure-delete", "write over what is deleted, in the file and search indexes"),
    switchOption("read-only", "refuse every write"),
    new Option(
      "--durability <level>",
      "when a write is acknowledged: full, once it is synced to the disk; relaxed, before",
    )
      .env("PROTOSTORE_DURABILITY")
      .choices(["full", "relaxed"])
      .default("full"),
    switchOption("strict-reads", "fail a List for a row that cannot be read, rather than name it"),
    switchOption("fixtures", "fill a new database with sample rows"),
    new Option("--max-scan-rows <rows>", "refuse filters that scan more rows; 0 refuses none")
      .env("PROTOSTORE_MAX_SCAN_ROWS")
      .default(DEFAULT_LIMITS.scanRowsMax)
      .argParser(parseCount),
    new Option("--scrub-rows <rows>", "how many rows to check in a second; 0 checks none")
      .env("PROTOSTORE_SCRUB_ROWS")
      .default(DEFAULT_LIMITS.scrubRowsPerSecond)
      .argParser(parseCount),
    new Option(
      "--fill-rows <rows>",
      "how many rows of other programs to give their bytes in a second; 0 gives none",
    )
      .env("PROTOSTORE_FILL_ROWS")
      .default(DEFAULT_LIMITS.fillRowsPerSecond)
      .argParser(parseCount),
    limitOption(),
    processesOption(),
    lockTimeoutOption(),
  ];
}

function replicaOption(): Option {
  return new Option(
    "--database-replica <url>",
    "a standby of the PostgreSQL database that is read from; may be repeated",
  )
    .env("PROTOSTORE_DATABASE_REPLICA")
    .argParser((text, previous: readonly string[] = []) => {
      const urls = addressesIn(text);
      if (urls.every(isPostgresUrl)) return [...previous, ...urls];
      throw new InvalidArgumentError(
        "It must be the address of a PostgreSQL server, postgres://….",
      );
    });
}

const LOG_LEVELS = ["trace", "debug", "info", "warn", "error", "fatal", "silent"];

function logLevelOption(): Option {
  return new Option("--log-level <level>", `how much is logged: ${LOG_LEVELS.join(", ")}`)
    .env("PROTOSTORE_LOG_LEVEL")
    .default("info")
    .argParser((text, previous) => {
      if (text === "") return previous;
      if (LOG_LEVELS.includes(text)) return text;
      throw new InvalidArgumentError(`It must be one of ${LOG_LEVELS.join(", ")}.`);
    });
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

function parsePart(text: string): number {
  const part = /^(?:0|1|0?\.\d+)$/.test(text) ? Number(text) : Number.NaN;
  if (part >= 0 && part <= 1) return part;
  throw new InvalidArgumentError("It must be from 0 to 1.");
}
