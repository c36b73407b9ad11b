// Opens a PostgreSQL database as a Database: one connection that writes, one for reads by key, and a few
// for reads of more. Must not migrate: the schema is brought up to date before.

import type { Registry } from "@bufbuild/protobuf";
import { type Clock, systemClock } from "../../clock.ts";
import type { Durability } from "../../config.ts";
import { StoreError } from "../../errors.ts";
import type { Limits } from "../../limits.ts";
import type { Log } from "../../observe/log.ts";
import type { OnStatement } from "../../observe/statement-run.ts";
import { tellAll } from "../../observe/tell-all.ts";
import type { ResourcePlan } from "../../schema/plan.ts";
import type { CallLimits } from "../database.ts";
import type { ServedDatabase } from "../served-database.ts";
import { bareRowsBy } from "../sql/read/bare-rows.ts";
import { readOrStoreSecret } from "../sql/secret.ts";
import { verifyDatabase } from "../sql/verify/verify.ts";
import { checkRows, type RowSource } from "../sql/verify/verify-rows.ts";
import { countStatements, createWorkMeter } from "../statement-figures.ts";
import { type Connect, createConnector } from "./connector.ts";
import { readStatus } from "./database-status.ts";
import { POSTGRES } from "./dialect/postgres-dialect.ts";
import { translatePostgresError } from "./errors.ts";
import { observe } from "./observed-session.ts";
import { createReplicas } from "./replicas.ts";
import { createReads } from "./server-reads.ts";
import type { Session } from "./session.ts";
import { createWriter } from "./writer.ts";

export interface PostgresOptions {
  /** `postgres://user:password@host:port/database` */
  readonly url: string;
  /** The addresses of the standbys that are read from. */
  readonly replicas?: readonly string[] | undefined;
  readonly readOnly: boolean;
  readonly plans: readonly ResourcePlan[];
  /** The types that an Any may hold to be kept as JSON. */
  readonly registry: Registry;
  readonly limits: Limits;
  /** `full` if absent. */
  readonly durability?: Durability;
  /** What secrets that cannot be stored are made from; they are random if it is absent. */
  readonly secretSeed?: string | undefined;
  /** Where the times of commits come from. */
  readonly clock?: Clock;
  /** Whether its work is measured. */
  readonly isMeasured?: boolean;
  /** Told of each statement. */
  readonly onEveryStatement?: OnStatement | undefined;
  /** Told of what could not be done beside the calls. */
  readonly log?: Log;
}

/** A database on a server, and a session that looks at it. */
export interface PostgresDatabase extends ServedDatabase {
  session(): Promise<Session>;
}

/** Opens the database, whose schema must be up to date. It connects when it is asked for something. */
export function openPostgres(options: PostgresOptions): PostgresDatabase {
  const { url, readOnly, plans, registry, limits, log } = options;
  const { clock = systemClock, durability = "full" } = options;
  const meter = options.isMeasured ? createWorkMeter() : undefined;
  const connectWith =
    (connector: Connect, statementTimeoutMs: number, count: OnStatement | undefined) => async () =>
      observe(await connector({ statementTimeoutMs }), tellAll([count, options.onEveryStatement]));
  const primary = createConnector(url, limits, readOnly);
  const readMs = limits.readTimeoutMs + limits.readGraceMs;
  const writer = readOnly
    ? undefined
    : createWriter({
        plans,
        registry,
        clock,
        limits,
        durability,
        onGroup: meter?.onGroup,
        // As long as a lock is waited for, and as long again.
        connect: connectWith(
          primary,
          2 * limits.writeTimeoutMs,
          meter && countStatements(meter.writerCells),
        ),
      });
  const readsBy = (connector: Connect) =>
    createReads({
      registry,
      limits,
      log,
      connect: connectWith(connector, readMs, meter?.onStatement),
    });
  const reads = readsBy(primary);
  const { session, read, page, costs } = reads;
  const replicas = createReplicas({
    urls: options.replicas ?? [],
    primary: reads,
    limits,
    log,
    readsOf: (replica) => readsBy(createConnector(replica, limits, true)),
  });
  const readUnder = (call?: CallLimits): RowSource => ({
    dialect: POSTGRES,
    read: (statements) => read(statements, call),
  });

  const database: PostgresDatabase = {
    driver: "postgres",
    session,
    queues: () => ({ queuedCommits: writer?.queued ?? 0, queuedReads: reads.queued }),
    changes: () => writer?.changes ?? [],
    work: () => meter?.read(),
    maintenanceRuns: () => undefined,
    writeRefusal: () => undefined,
    async opened() {
      await session();
    },
    get: (plan, key, call, mask) => replicas.read((from) => from.get(plan, key, call, mask), call),
    list: (request, call) => replicas.read((from) => from.list(request, call), call),
    page,
    read,
    batch: (request, call) => replicas.read((from) => from.batch(request, call), call),
    bareRows: bareRowsBy(read, POSTGRES),
    async commit(operations, commitOptions) {
      if (!writer) throw new StoreError("READ_ONLY_MODE", "the server is read-only");
      return writer.commit(operations, commitOptions);
    },
    secret: (name) =>
      readOrStoreSecret({ read, commit: writer?.commit, seed: options.secretSeed }, name),
    explain: (selection) => costs.explain(selection),
    findUnindexed: (wanted) => costs.findUnindexed(wanted),
    verify: (wanted, call) => verifyDatabase(readUnder(call), wanted, registry, []),
    checkRows: (check, call) => checkRows(readUnder(call), registry, check),
    async status() {
      try {
        return await readStatus(await session(), durability, replicas.status());
      } catch (error) {
        throw translatePostgresError(error);
      }
    },
    async close() {
      await replicas.close();
      await reads.close();
      await writer?.close();
    },
  };
  return database;
}
