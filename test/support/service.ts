// A whole service inside the test's process: a real database, real gRPC on a free port.

import { join } from "node:path";
import pino from "pino";
import { onTestFinished } from "vitest";
import { serve } from "../../src/boot.ts";
import { CHINOOK } from "../../src/chinook/program.ts";
import { type Connection, connect } from "../../src/client/client.ts";
import type { Config, Durability } from "../../src/config.ts";
import type { Definition } from "../../src/definition.ts";
import { DEFAULT_LIMITS, type Limits } from "../../src/limits.ts";
import type { Log } from "../../src/observe/log.ts";
import { makeDatabase } from "./driver.ts";
import { REPO_ROOT } from "./tools.ts";
import { testTransport } from "./transport.ts";

/** What a test may say of the service that it starts. */
export interface TestServiceOptions {
  /** The database to serve; a new one if absent. */
  readonly database?: string;
  readonly databaseReplicas?: readonly string[];
  /** The folder of the migrations; the package's own if absent. */
  readonly migrations?: string;
  readonly fixtures?: boolean;
  readonly readOnly?: boolean;
  readonly durability?: Durability;
  readonly strictReads?: boolean;
  readonly limits?: Partial<Limits>;
  /** What is served; everything that the service has if absent. */
  readonly definition?: Definition;
  /** Where its figures are told; nowhere if absent. */
  readonly metricsAddress?: string;
  /** Where its backups are. */
  readonly backups?: Config["backups"];
  /** Who may call, and what is written of it. */
  readonly access?: Pick<Config, "tls" | "access" | "auditLog" | "reflection">;
  /** Where its log goes, and which calls have a line in it; nowhere if absent. */
  readonly log?: Log;
  readonly callLog?: Config["callLog"];
}

/** A service that answers. */
export interface TestService {
  readonly address: string;
  readonly database: string;
  readonly metricsPort: number | undefined;
  readonly connection: Connection;
  /** Stops it and removes the database that was made for it; a second call does nothing. */
  stop(): Promise<void>;
}

/** A service that is stopped when the running test is over. */
export async function startTestService(options: TestServiceOptions = {}): Promise<TestService> {
  const service = await runService(options);
  onTestFinished(() => service.stop());
  return service;
}

/** A service that the caller stops: for hooks around several tests. */
export async function runService(options: TestServiceOptions = {}): Promise<TestService> {
  const cleanUps: (() => void | Promise<void>)[] = [];
  const isChinook = options.definition === undefined && options.migrations === undefined;
  const make = () => makeDatabase((action) => cleanUps.push(action), isChinook);
  const database = options.database ?? (await make());
  const cleanUp = async () => {
    for (const action of cleanUps) await action();
  };
  const running = await serve(
    {
      database,
      address: "127.0.0.1:0",
      transport: testTransport(),
      readOnly: options.readOnly ?? false,
      durability: options.durability ?? "full",
      strictReads: options.strictReads ?? false,
      ...options.access,
      ...(options.databaseReplicas && { databaseReplicas: options.databaseReplicas }),
      ...(options.metricsAddress !== undefined && { metricsAddress: options.metricsAddress }),
      ...(options.backups && { backups: options.backups }),
      ...(options.callLog && { callLog: options.callLog }),
      processes: 1,
      ...(options.migrations !== undefined && { migrations: options.migrations }),
      ...(options.fixtures && { fixtures: join(REPO_ROOT, "fixtures") }),
      // Rows that a test writes beside it stay as they are, unless it asks for more.
      limits: { ...DEFAULT_LIMITS, fillRowsPerSecond: 0, ...options.limits },
    },
    options.definition ?? CHINOOK,
    options.log ?? pino({ level: "silent" }),
  ).catch(async (error: unknown) => {
    await cleanUp();
    throw error;
  });
  const address = `127.0.0.1:${running.port}`;
  const connection = connect(address);
  let stopped: Promise<void> | undefined;
  async function stop(): Promise<void> {
    connection.close();
    await running.stop();
    await cleanUp();
  }
  return {
    address,
    database,
    metricsPort: running.metricsPort,
    connection,
    stop: () => {
      stopped ??= stop();
      return stopped;
    },
  };
}
