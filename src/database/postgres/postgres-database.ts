// Opens a PostgreSQL database as a Database: one connection that writes, one for reads by key, and a few
// for reads of more. Must not migrate: the schema is brought up to date before.

import type { Registry } from "@bufbuild/protobuf";
import { type Clock, systemClock } from "../../clock.ts";
import type { Durability } from "../../config.ts";
import { invalidField, StoreError } from "../../errors.ts";
import type { Limits } from "../../limits.ts";
import type { Log } from "../../observe/log.ts";
import type { OnStatement } from "../../observe/statement-run.ts";
import { tellAll } from "../../observe/tell-all.ts";
import type { ResourcePlan } from "../../schema/plan.ts";
import { databaseClosed } from "../commit-queue.ts";
import type { CallLimits, Database, Snapshot } from "../database.ts";
import type { ServedDatabase } from "../served-database.ts";
import { bareRowsBy } from "../sql/read/bare-rows.ts";
import { isByKey, type JoinedRow, splitPage } from "../sql/read/joined-pages.ts";
import { createListReader } from "../sql/read/lists.ts";
import { assembleBatch, assemblePage } from "../sql/read/pages.ts";
import { createWireReader } from "../sql/read/wires.ts";
import { readOrStoreSecret } from "../sql/secret.ts";
import type { Statement } from "../sql/statements.ts";
import { verifyDatabase } from "../sql/verify/verify.ts";
import { checkRows, type RowSource } from "../sql/verify/verify-rows.ts";
import { countStatements, createWorkMeter } from "../statement-figures.ts";
import { readStatus } from "./database-status.ts";
import { readTableFacts } from "./describe.ts";
import { POSTGRES } from "./dialect/postgres-dialect.ts";
import { translatePostgresError } from "./errors.ts";
import { createListCosts } from "./list-costs.ts";
import { observe } from "./observed-session.ts";
import { createPointReader } from "./point-reader.ts";
import { createReaderPool } from "./reader-pool.ts";
import { selectJoinedPage, selectWires } from "./row-statements.ts";
import { runSteps } from "./run-steps.ts";
import { openSession, type Session } from "./session.ts";
import { createWriter } from "./writer.ts";

export interface PostgresOptions {
  /** `postgres://user:password@host:port/database` */
  readonly url: string;
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
  const {
    url,
    readOnly,
    plans,
    registry,
    limits,
    clock = systemClock,
    durability = "full",
  } = options;
  const meter = options.isMeasured ? createWorkMeter() : undefined;
  const connectFor = (statementTimeoutMs: number, count: OnStatement | undefined) => async () => {
    const to = { url, connectTimeoutMs: limits.connectTimeoutMs, statementTimeoutMs };
    return observe(await openSession(to), tellAll([count, options.onEveryStatement]));
  };
  const connect = connectFor(limits.readTimeoutMs + limits.readGraceMs, meter?.onStatement);
  const source = { registry, dialect: POSTGRES, readWires: createWireReader(selectWires) };
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
        connect: connectFor(2 * limits.writeTimeoutMs, meter && countStatements(meter.writerCells)),
      });
  const readers = createReaderPool(limits, connect, options.log);
  let reading: Promise<Session> | undefined;
  let isClosed = false;

  /** The connection for what is answered at once. */
  async function session(): Promise<Session> {
    if (isClosed) throw databaseClosed();
    const current = reading;
    const known = await current?.catch(() => undefined);
    // Another call may have connected meanwhile.
    if (reading === current && (!known || known.lost)) reading = connect();
    return reading as Promise<Session>;
  }

  const read: Database["read"] = (statements, call) =>
    readers.read<Omit<Snapshot, "revision">>(
      async (own) => ({ rows: await Promise.all(statements.map((each) => own.all(each))) }),
      call,
    );
  const readUnder = (call?: CallLimits): RowSource => ({
    dialect: POSTGRES,
    read: (statements) => read(statements, call),
  });
  const page: Database["page"] = (request, call) =>
    readers.read((own) => runSteps(own, assemblePage(source, request)), call);
  const costs = createListCosts(session);
  const list = createListReader({
    factsOf: async (plan) => readTableFacts(await session(), plan),
    page,
    async readShort(asked, call) {
      if (!isByKey(asked)) return undefined;
      const { plan, after, pageSize } = asked;
      const joined = selectJoinedPage(plan, after?.[0], limits.shortPageRowBytes, pageSize + 1);
      const { row } = await readers.readOne(joined, call);
      return splitPage(asked, row as JoinedRow);
    },
    async refuseCostly(asked, first) {
      refuseNul(first);
      await costs.refuseScan(asked, first, limits.scanRowsMax);
    },
  });

  const database: PostgresDatabase = {
    driver: "postgres",
    session,
    queues: () => ({ queuedCommits: writer?.queued ?? 0, queuedReads: readers.queued }),
    changes: () => writer?.changes ?? [],
    work: () => meter?.read(),
    maintenanceRuns: () => undefined,
    writeRefusal: () => undefined,
    async opened() {
      await session();
    },
    get: createPointReader(session, readers, registry),
    list,
    page,
    read,
    batch: (request, call) =>
      readers.read((own) => runSteps(own, assembleBatch(source, request)), call),
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
        return await readStatus(await session(), durability);
      } catch (error) {
        throw translatePostgresError(error);
      }
    },
    async close() {
      isClosed = true;
      await readers.close();
      await writer?.close();
      await (await reading?.catch(() => undefined))?.close();
    },
  };
  return database;
}

/** No text has the character, nor can be compared with one that does. */
function refuseNul({ parameters }: Statement): void {
  if (!parameters.some((value) => typeof value === "string" && value.includes("\0"))) return;
  throw invalidField("filter", "must not have the character U+0000");
}
