// `protostore serve`: runs the server until it is told to stop.
// Turns flags into a Config; what runs is put together in ../boot.ts.

import cluster from "node:cluster";
import { existsSync, realpathSync, rmSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { Command } from "commander";
import { prepare, serve, servePrepared } from "../boot.ts";
import { completeConfig } from "../config.ts";
import { StoreError } from "../errors.ts";
import { createLog, switchLevel } from "../observe/log.ts";
import { isServerChild, runServerChild, startServerProcesses } from "../processes.ts";
import { saveCompiled } from "../runtime.ts";
import { catchStopSignals, endStopped, startUnlessStopped, stopSignal } from "../stop-signals.ts";
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
    .action(async () => {
      // Nobody else waits for the library that reads the file.
      if (command.opts().config !== undefined) {
        (await import("./config-file.ts")).applyConfigFile(command);
      }
      await runServe(program, command.opts<ServeOptions>());
    });
}

async function runServe(program: Program, options: ServeOptions): Promise<void> {
  const config = completeConfig({
    database: chooseDatabase(options),
    address: options.address,
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
  const log = config.processes === 1 ? createLog() : createLog().child({ pid: process.pid });
  process.on("SIGUSR2", switchLevel(log));
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
