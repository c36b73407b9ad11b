// Reads everything about a SQLite database that DatabaseService reports, without side effects.
// What the schema should be is not known here.

import { statSync } from "node:fs";
import { create } from "@bufbuild/protobuf";
import { durationFromMs, timestampFromMs } from "@bufbuild/protobuf/wkt";
import {
  type DatabaseStatus,
  type DatabaseStatus_Hold,
  DatabaseStatus_Holder,
  DatabaseStatus_HoldSchema,
  DatabaseStatus_Synchronous,
  DatabaseStatusSchema,
} from "../../../../gen/protostore/v1/database_service_pb.ts";
import type { Durability } from "../../../config.ts";
import { type Connection, readPragma } from "../connection/connection.ts";
import { readWal } from "../writer/wal.ts";
import type { LogHold } from "./log-hold.ts";

/** What only the server itself knows. */
export interface ServerFacts {
  /** The database file. */
  readonly path: string;
  readonly readOnly: boolean;
  readonly durability: Durability;
  readonly lastCheckpointMs: number | undefined;
  readonly oldestReaderMs: number | undefined;
  readonly hold: LogHold | undefined;
}

/** What the writer has set, and read back. */
const SYNCHRONOUS: Readonly<Record<Durability, DatabaseStatus_Synchronous>> = {
  full: DatabaseStatus_Synchronous.FULL,
  relaxed: DatabaseStatus_Synchronous.NORMAL,
};

/** The status of the database that `connection` has open. */
export function readStatus(connection: Connection, facts: ServerFacts): DatabaseStatus {
  const integer = (pragma: string): bigint => BigInt(readPragma(connection, pragma) as bigint);
  const one = (sql: string): unknown => connection.prepare(sql).pluck().get();
  // Absent as long as migrations are pending.
  const hasState = one("SELECT 1 FROM sqlite_schema WHERE name = 'store_state'") !== undefined;
  const wal = readWal(connection);
  const { path, lastCheckpointMs, oldestReaderMs, hold } = facts;
  return create(DatabaseStatusSchema, {
    connection: {
      open: connection.open,
      readOnly: facts.readOnly,
      journalMode: String(readPragma(connection, "journal_mode")),
      synchronous: SYNCHRONOUS[facts.durability],
      foreignKeys: integer("foreign_keys") === 1n,
      busyTimeout: durationFromMs(Number(integer("busy_timeout"))),
      sqliteVersion: String(one("SELECT sqlite_version()")),
    },
    wal: {
      sizeBytes: sizeOf(`${path}-wal`),
      frames: BigInt(wal.frames),
      pendingFrames: BigInt(wal.pendingFrames),
      ...(lastCheckpointMs !== undefined && {
        lastCheckpointTime: timestampFromMs(lastCheckpointMs),
      }),
      ...(oldestReaderMs !== undefined && { oldestReaderTime: timestampFromMs(oldestReaderMs) }),
      ...(hold && { hold: toHold(hold, oldestReaderMs) }),
    },
    storage: {
      pageSizeBytes: integer("page_size"),
      pageCount: integer("page_count"),
      freelistCount: integer("freelist_count"),
      databaseSizeBytes: sizeOf(path),
      sharedMemorySizeBytes: sizeOf(`${path}-shm`),
    },
    revision: hasState ? (one("SELECT revision FROM store_state") as bigint) : 0n,
  });
}

function toHold(
  { sinceMs, processIds }: LogHold,
  oldestReaderMs: number | undefined,
): DatabaseStatus_Hold {
  const isOwn = oldestReaderMs !== undefined && oldestReaderMs <= sinceMs;
  return create(DatabaseStatus_HoldSchema, {
    startTime: timestampFromMs(sinceMs),
    holder: isOwn ? DatabaseStatus_Holder.OWN_READ : DatabaseStatus_Holder.OTHER_PROCESS,
    processIds: processIds.map(BigInt),
  });
}

function sizeOf(path: string): bigint {
  return BigInt(statSync(path, { throwIfNoEntry: false })?.size ?? 0);
}
