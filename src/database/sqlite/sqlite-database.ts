// Opens a SQLite file as a Database: a thread with the connection that writes, one connection here
// for point reads and probes, and those of the reader threads.
// Must not migrate: the schema is brought up to date before.

import type { Registry } from "@bufbuild/protobuf";
import type { Durability } from "../../config.ts";
import { StoreError } from "../../errors.ts";
import type { Limits } from "../../limits.ts";
import type { Log } from "../../observe/log.ts";
import type { OnStatement } from "../../observe/statement-run.ts";
import { tellAll } from "../../observe/tell-all.ts";
import type { Checkpoint, CheckpointMode } from "../checkpoint.ts";
import type { CallLimits } from "../database.ts";
import type { MaintenanceOrder, MaintenanceProgress } from "../maintenance.ts";
import type { ServedDatabase } from "../served-database.ts";
import { createListReader } from "../sql/read/lists.ts";
import { readOrStoreSecret } from "../sql/secret.ts";
import { verifyDatabase } from "../sql/verify/verify.ts";
import { checkRows, type RowSource } from "../sql/verify/verify-rows.ts";
import { createWorkMeter } from "../statement-figures.ts";
import { type Connection, translateSqliteError } from "./connection/connection.ts";
import { type Guarded, openGuarded } from "./connection/file-guard.ts";
import { isReadOnlyNow, readOnlyMedia } from "./connection/media.ts";
import { useSchemaStore } from "./descriptors/schema-store.ts";
import { rowDialect } from "./dialect/row-dialect.ts";
import { dialectOf } from "./dialect/sqlite-dialect.ts";
import { readStatus } from "./inspect/database-status.ts";
import { createListCosts } from "./inspect/list-costs.ts";
import { type HoldWatch, watchHold } from "./inspect/log-hold.ts";
import { createSchemaView } from "./inspect/schema-view.ts";
import { unindexedFields } from "./inspect/unindexed.ts";
import { WHOLE_CHECKS } from "./inspect/whole-checks.ts";
import { createMaintenance } from "./maintain.ts";
import { createPointReader } from "./readers/point-reader.ts";
import { createReaderPool } from "./readers/reader-pool.ts";
import { scansIn } from "./readers/scans.ts";
import { createShortPageReader } from "./readers/short-pages.ts";
import { endAhead } from "./threads/thread-start.ts";
import { createWalLook } from "./writer/wal.ts";
import { startWriter } from "./writer/writer.ts";

export interface SqliteOptions {
  readonly path: string;
  readonly readOnly: boolean;
  readonly durability?: Durability;
  /** Whether what is deleted is written over at once. */
  readonly secureDelete?: boolean | undefined;
  /** The URL of the module that exports, as RESOURCES, what the plans are of: threads import it. */
  readonly definitions: string;
  /** The types that an Any may hold to be kept as JSON. */
  readonly registry: Registry;
  readonly limits: Limits;
  /** Whether the work of all threads is measured. */
  readonly isMeasured?: boolean;
  /** Told of the statements that the main thread runs. */
  readonly onStatement?: OnStatement;
  /** Told of those of all threads, of very many that share an answer the first ones only. */
  readonly onEveryStatement?: OnStatement | undefined;
  /** Whether the statements of a call are noted for it also where other threads run them. */
  readonly isNoted?: boolean;
  /** What secrets that cannot be stored are made from; they are random if it is absent. */
  readonly secretSeed?: string;
  /** Told of threads that die or have to be ended. */
  readonly log?: Log;
}

/** A database, and the connection that probes look at it with. */
export interface SqliteDatabase extends ServedDatabase {
  readonly connection: Connection;
  /** Why nothing may be read or written, as the file at the path has it: one `stat`. */
  checkFile(): StoreError | undefined;
  /** The same of the log as well; what can be saved is then saved. */
  checkFiles(): StoreError | undefined;
  /** What keeps the log from being cut. */
  readonly logHold: HoldWatch;
  /** Copies the log into the database file, as far as the mode says and others allow. @throws StoreError */
  checkpoint(mode: CheckpointMode): Promise<Checkpoint>;
  /**
   * Puts the file in order, in steps between which commits go on; ends after one when `signal` aborts.
   * @throws StoreError DATABASE_BUSY if it is done already, DISK_FULL
   */
  maintain(order: MaintenanceOrder, signal: AbortSignal): AsyncGenerator<MaintenanceProgress>;
}

/** The most statements that a thread tells of with one answer: to whoever wants all, and for notes. */
const [TOLD_MAX, NOTED_MAX] = [2_048, 64];

/**
 * Opens the database, whose schema must be up to date.
 * @throws StoreError DATABASE_UNAVAILABLE, DATABASE_CORRUPT
 */
export function openSqlite(options: SqliteOptions): SqliteDatabase {
  const {
    path,
    limits,
    readOnly,
    durability = "full",
    secureDelete,
    definitions,
    registry,
    secretSeed,
  } = options;
  const { busyTimeoutMs } = limits;
  const meter = options.isMeasured ? createWorkMeter() : undefined;
  const { onEveryStatement, isNoted = false } = options;
  const onStatement = tellAll([options.onStatement, meter?.onStatement, onEveryStatement]);
  const { connection: reading, guard } = openReading(path, busyTimeoutMs, !readOnly);
  useSchemaStore(registry, reading);
  const threads = {
    path,
    definitions,
    durability,
    secureDelete,
    limits,
    busyTimeoutMs,
    lockTimeoutMs: limits.writeTimeoutMs,
    cells: meter?.writerCells,
    toldStatementsMax: onEveryStatement ? TOLD_MAX : isNoted ? NOTED_MAX : undefined,
    // Threads that start later are given the files that are known then.
    get files() {
      return guard.files;
    },
  };
  if (readOnly) endAhead();
  const writer = readOnly ? undefined : startWriter(threads, meter?.onGroup, onEveryStatement);
  const readPoint = createPointReader(reading, { ...options, onStatement }, limits.writeTimeoutMs);
  const readers = createReaderPool(threads, limits, options.log, meter, onEveryStatement);
  const scans = scansIn(readers, rowDialect(reading));
  const view = createSchemaView(reading);
  const costs = createListCosts(reading, view);
  const list = createListReader({
    factsOf: view.factsOf,
    readShort: createShortPageReader(reading, limits, onStatement),
    page: scans.page,
    refuseCostly: (asked, first) => costs.refuseScan(asked, first, limits.scanRowsMax),
  });
  const logHold = watchHold(path, createWalLook(reading));
  let isMediaReadOnly = false;

  /** The writer finds out by itself; this is for health. */
  function lookAtMedia(): void {
    const found = !readOnly && isReadOnlyNow(path);
    if (found === isMediaReadOnly) return;
    isMediaReadOnly = found;
    if (found) options.log?.error("the disk is read-only: writes are refused");
    else options.log?.info("the disk can be written again");
  }

  const readUnder = (call?: CallLimits): RowSource => ({
    dialect: dialectOf(reading),
    read: (statements) => scans.read(statements, call),
  });

  const { requestRetentionMs } = limits;
  const maintenance =
    writer && createMaintenance({ connection: reading, writer, scans, requestRetentionMs });

  const database: SqliteDatabase = {
    driver: "sqlite",
    connection: reading,
    logHold,
    work: () => meter?.read(),
    maintenanceRuns: () => maintenance?.runs,
    changes: () => writer?.changes ?? [],
    queues: () => ({ queuedCommits: writer?.queued ?? 0, queuedReads: readers.queued }),
    async opened() {
      await writer?.opened();
    },
    async checkpoint(mode) {
      if (!writer) throw readOnlyMode();
      return writer.checkpoint(mode);
    },
    maintain(order, signal) {
      if (!maintenance) throw readOnlyMode();
      return maintenance.run(order, signal);
    },
    writeRefusal() {
      lookAtMedia();
      return isMediaReadOnly ? readOnlyMedia() : undefined;
    },
    checkFile: guard.checkDatabase,
    checkFiles() {
      lookAtMedia();
      const problem = guard.check() ?? guard.note();
      if (problem) writer?.mend();
      return problem;
    },
    get: readPoint,
    ...scans,
    list,
    explain: async (selection) => costs.explain(selection),
    findUnindexed: (plans) => unindexedFields(reading, plans),
    verify: (plans, call) => verifyDatabase(readUnder(call), plans, registry, WHOLE_CHECKS),
    checkRows: (check, call) => checkRows(readUnder(call), registry, check),
    async commit(operations, commitOptions) {
      if (!writer) throw readOnlyMode();
      return writer.commit(operations, commitOptions);
    },
    secret: (name) =>
      readOrStoreSecret({ read: scans.read, commit: writer?.commit, seed: secretSeed }, name),
    async status() {
      try {
        lookAtMedia();
        return readStatus(reading, {
          path,
          readOnly: readOnly || isMediaReadOnly,
          durability,
          lastCheckpointMs: writer?.lastCheckpointMs,
          oldestReaderMs: readers.oldestReadMs,
          hold: logHold.hold,
        });
      } catch (error) {
        throw translateSqliteError(error);
      }
    },
    async close() {
      await readers.close();
      // The last connection copies the log into the database and removes it, if it is the writer's.
      const isSafe = !guard.check() || guard.maySave();
      guard.close();
      if (!isSafe) await writer?.close();
      reading.close();
      if (isSafe) await writer?.close();
    },
  };
  return database;
}

function openReading(path: string, busyTimeoutMs: number, requireLog: boolean): Guarded {
  try {
    return openGuarded(path, { readOnly: true, busyTimeoutMs, requireLog });
  } catch (error) {
    throw translateSqliteError(error);
  }
}

function readOnlyMode(): StoreError {
  return new StoreError("READ_ONLY_MODE", "the server is read-only");
}
