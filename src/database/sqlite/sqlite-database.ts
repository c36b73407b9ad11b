// Opens a SQLite file as a Database: one connection that writes, one that reads.
// Must not migrate: the schema is brought up to date before.

import { createHmac, randomBytes } from "node:crypto";
import type { Registry } from "@bufbuild/protobuf";
import type { Limits } from "../../config.ts";
import { StoreError } from "../../errors.ts";
import type { ResourcePlan } from "../../schema/plan.ts";
import type { Database } from "../database.ts";
import { retryWhileBusy } from "./busy-retry.ts";
import { type Connection, openConnection, readPragma, translateSqliteError } from "./connection.ts";
import { createReader } from "./reader.ts";
import { readStatus } from "./status.ts";
import { keepWal } from "./wal.ts";
import { createWriter } from "./writer.ts";

export interface SqliteOptions {
  readonly path: string;
  readonly readOnly: boolean;
  readonly plans: readonly ResourcePlan[];
  /** The types that an Any may hold to be kept as JSON. */
  readonly registry: Registry;
  readonly limits: Limits;
  /** What secrets that cannot be stored are made from; they are random if it is absent. */
  readonly secretSeed?: string;
}

/** As much as a List response has beside the one message of its page. */
const LIST_RESPONSE_BYTES = 1_024;

/** A database, and the connection that probes look at it with. */
export interface SqliteDatabase extends Database {
  readonly connection: Connection;
}

/**
 * Opens the database, whose schema must be up to date.
 * @throws StoreError DATABASE_UNAVAILABLE, DATABASE_CORRUPT
 */
export function openSqlite(options: SqliteOptions): SqliteDatabase {
  const { path, limits, readOnly } = options;
  const reading = openConnection(path, { readOnly: true, busyTimeoutMs: limits.busyTimeoutMs });
  const reader = createReader(reading, limits.writeTimeoutMs);
  const writing = readOnly ? undefined : openWriteConnection(path, limits);
  const wal = writing && keepWal(writing, limits.walSizeBytes);
  const writer =
    writing &&
    createWriter(writing, {
      plans: options.plans,
      registry: options.registry,
      messageBytesMax: limits.sendMessageBytes - LIST_RESPONSE_BYTES,
      writeTimeoutMs: limits.writeTimeoutMs,
      requestRetentionMs: limits.requestRetentionMs,
      onCommit: () => wal?.afterCommit(),
    });
  return {
    connection: reading,
    read: reader.read,
    async commit(operations, commitOptions) {
      if (!writer) throw new StoreError("READ_ONLY_MODE", "the server is read-only");
      return writer.commit(operations, commitOptions);
    },
    async secret(name) {
      const attempt = () => readSecret(reading, name) ?? makeSecret(options, writing, name);
      const proposed = await retryWhileBusy(attempt, limits.writeTimeoutMs);
      // Another server may have been first.
      return readSecret(reading, name) ?? proposed;
    },
    async status() {
      try {
        return readStatus(writing ?? reading, {
          readOnly,
          lastCheckpointMs: wal?.lastCheckpointMs,
          oldestReaderMs: reader.oldestReadMs,
        });
      } catch (error) {
        throw translateSqliteError(error);
      }
    },
    async close() {
      reading.close();
      // Closing the last connection checkpoints the log and removes it.
      writing?.close();
    },
  };
}

function openWriteConnection(path: string, limits: Limits): Connection {
  const connection = openConnection(path, { busyTimeoutMs: limits.busyTimeoutMs });
  connection.pragma("synchronous = FULL");
  if (readPragma(connection, "synchronous") !== 2n) {
    throw new StoreError("DATABASE_UNAVAILABLE", "synchronous=FULL cannot be set");
  }
  return connection;
}

const SECRET_BYTES = 32;

function readSecret(connection: Connection, name: string): Uint8Array | undefined {
  const statement = connection.prepare("SELECT value FROM store_secrets WHERE name = ?").pluck();
  return statement.get(name) as Uint8Array | undefined;
}

/** Without a connection that writes, the secret lasts as long as this server, or its seed. */
function makeSecret(
  { secretSeed }: SqliteOptions,
  connection: Connection | undefined,
  name: string,
): Uint8Array {
  if (!connection && secretSeed) return createHmac("sha256", secretSeed).update(name).digest();
  const value = randomBytes(SECRET_BYTES);
  connection
    ?.prepare("INSERT INTO store_secrets (name, value) VALUES (?, ?) ON CONFLICT DO NOTHING")
    .run(name, value);
  return value;
}
