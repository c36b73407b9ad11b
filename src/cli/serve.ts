// `protostore serve`: runs the server until it is told to stop.
// Turns flags into a Config; what runs is put together in ../boot.ts.

import cluster from "node:cluster";
import { existsSync, realpathSync, rmSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { Command } from "commander";
import { prepare, type RunningService, serve, servePrepared } from "../boot.ts";
import { type Config, completeConfig } from "../config.ts";
import { isPostgresUrl, withoutPassword } from "../database/postgres/url.ts";
import { StoreError } from "../errors.ts";
import { createLog, type LevelSwitch, type Log, levelSwitch } from "../observe/log.ts";
import { rereadAll } from "../observe/reread.ts";
import { childConfig, isServerChild, runServerChild, startServerProcesses } from "../processes.ts";
import { saveCompiled } from "../runtime.ts";
import {
  catchStopSignals,
  endStopped,
  startUnlessStopped,
  stopSignal,
  whenHungUp,
} from "../stop-signals.ts";
import { readAccess } from "./access-options.ts";
import { readBackups } from "./backup-options.ts";
import { makePrivateDatabase, PRIVATE_DATABASE, refuseUnsafePath } from "./database-path.ts";
import { limitsHelp } from "./limit-option.ts";
import type { Program } from "./program.ts";
import { type ServeOptions, serveOptions } from "./serve-options.ts";

/** The command `serve`; it throws StoreError if the server cannot start. */
export function serveCommand(program: Program): Command {
  const command = new Command("serve").description(
    "serve a database over gRPC; creates it if it is absent",
  );
  for (const option of serveOptions(program)) command.addOption(option);
  return command
    .addHelpText("after", limitsHelp)
    .addHelpText("after", "\nExample:\n  $ protostore serve --database store.db --fixtures")
    .action(() => runServe(program, command));
}

async function runServe(program: Program, command: Command): Promise<void> {
  const given = childConfig();
  // Nobody else waits for the library that reads the file.
  if (!given && command.opts().config !== undefined) {
    const positions = (await import("./config-file.ts")).applyConfigFile(command);
    await (await import("./reload.ts")).checkSchedules(command.opts(), positions);
  }
  const options = command.opts<ServeOptions>();
  const config = given ?? toConfig(program, options, chooseDatabase(options));
  const root = createLog();
  root.level = given?.logLevel ?? options.logLevel;
  const log = config.processes === 1 ? root : root.child({ pid: process.pid });
  const level = levelSwitch(log);
  process.on("SIGUSR2", level.toggle);
  if (isServerChild(config)) {
    // The primary tells what has changed, and of a level too.
    const start = async (own: Config, signal: AbortSignal) => {
      const service = await servePrepared(own, program, log, signal);
      const reload = async (next: Config) => {
        await service.reload(next);
        level.set(next.logLevel ?? root.level);
        rereadAll();
      };
      return { ...service, reload };
    };
    return runServerChild(config, start, log);
  }
  const told = new Promise<void>((stop) => stopSignal.addEventListener("abort", () => stop()));
  const service = await startUnlessStopped(stopSignal, async (signal) => {
    if (config.processes === 1) return serve(config, program, log, signal);
    await prepare(config, program, log, signal);
    return startServerProcesses(config, log, signal);
  });
  if (!service) return endStopped();
  process.stdout.write(welcome(program, boundAddress(options.address, service.port), options));
  saveCompiled();
  if (options.config !== undefined) {
    reloadWhenHungUp(program, command, (next) => toConfig(program, next, config.database), {
      service,
      level,
      log,
    });
  }
  if (!stopSignal.aborted) await told;
  await service.stop();
  endStopped();
}

/** What can be changed of a server that runs. */
interface Reloadable {
  readonly service: Pick<RunningService, "reload">;
  readonly level: LevelSwitch;
  readonly log: Log;
}

/** Reads the settings again at each SIGHUP, one after the other. */
function reloadWhenHungUp(
  program: Program,
  command: Command,
  configOf: (options: ServeOptions) => Config,
  { service, level, log }: Reloadable,
): void {
  let running = command.opts<ServeOptions>();
  async function reload(): Promise<void> {
    try {
      const { readAgain } = await import("./reload.ts");
      const { options, changed, needRestart } = await readAgain(command, program, running);
      await service.reload(configOf(options));
      running = options;
      level.set(options.logLevel);
      rereadAll();
      log.info({ changed }, "read the settings again");
      if (needRestart.length > 0) {
        log.warn({ settings: needRestart }, "these settings have changed and need a restart");
      }
    } catch (err) {
      log.error({ err }, "the settings cannot be used; they stay as they were");
    }
  }
  let last = Promise.resolve();
  whenHungUp(() => {
    last = last.then(reload);
  });
}

function toConfig(program: Program, options: ServeOptions, database: string): Config {
  return completeConfig({
    database,
    ...(options.databaseReplica && { databaseReplicas: options.databaseReplica }),
    address: options.address,
    transport: options.transport,
    logLevel: options.logLevel,
    ...(options.metricsAddress !== undefined && { metricsAddress: options.metricsAddress }),
    ...(options.logCalls !== "off" && {
      callLog: { calls: options.logCalls, sample: options.logCallsSample },
    }),
    ...readAccess(options),
    secureDelete: options.secureDelete,
    readOnly: options.readOnly,
    durability: options.durability,
    strictReads: options.strictReads,
    processes: options.processes,
    ...(options.migrations !== undefined && { migrations: resolve(options.migrations) }),
    ...(options.fixtures && { fixtures: program.fixtures }),
    ...readBackups(options),
    ...(options.maintenance !== undefined && { maintenance: options.maintenance }),
    limits: {
      migrationLockTimeoutMs: options.lockTimeout,
      scanRowsMax: options.maxScanRows,
      scrubRowsPerSecond: options.scrubRows,
      fillRowsPerSecond: options.fillRows,
      ...options.limit,
    },
  });
}

/** The file to serve; the children of a server are given theirs by it. */
function chooseDatabase({ database, readOnly, allowUnsafePath }: ServeOptions): string {
  if (cluster.isWorker || isPostgresUrl(database)) return database;
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
  if (process.listenerCount("SIGHUP") === 0) catchStopSignals(["SIGHUP"]);
  return path;
}

/** The address with the port that the system has chosen. */
function boundAddress(address: string, port: number): string {
  return address.startsWith("unix:") ? address : address.replace(/:\d+$/, `:${port}`);
}

function welcome({ examples }: Program, address: string, options: ServeOptions): string {
  return `
protostore serves ${withoutPassword(options.database)} on ${address}. Try:

  ${examples(address, grpcurlFlags(options)).join("\n  ")}

`;
}

/** What grpcurl needs to be let in. */
function grpcurlFlags({ tlsCert, tlsClientCa, tokens, jwtJwks }: ServeOptions): string {
  const mutual = tlsClientCa === undefined ? "" : " -cert CLIENT.PEM -key CLIENT.KEY";
  const transport = tlsCert === undefined ? "-plaintext" : `-cacert CA.PEM${mutual}`;
  const hasToken = tokens !== undefined || jwtJwks !== undefined;
  return hasToken ? `${transport} -H 'authorization: Bearer TOKEN'` : transport;
}
