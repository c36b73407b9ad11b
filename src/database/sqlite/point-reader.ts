// Reads one message by its key, on the thread that asks: microseconds, so that nothing is sent for it.
// Must not read anything whose size depends on the number of rows.

import type { Registry } from "@bufbuild/protobuf";
import type Database from "better-sqlite3";
import { selectWire } from "../../query/statements.ts";
import type { ResourcePlan } from "../../schema/plan.ts";
import type { CallLimits } from "../database.ts";
import type { StoredMessage } from "../page-request.ts";
import { retryWhileBusy } from "./busy-retry.ts";
import { type Connection, isBusy } from "./connection.ts";
import { inSnapshot } from "./reader.ts";
import { rebuildByKeys } from "./rebuild.ts";
import { createStatementRunner } from "./statement-cache.ts";
import { type OnStatement, timed } from "./timed.ts";

type WireRow = [wire: Uint8Array | null, revision: bigint];

/** Reads the message with a key; fails with StoreError only. */
export type ReadPoint = (
  plan: ResourcePlan,
  key: bigint,
  limits?: CallLimits,
) => Promise<StoredMessage>;

export interface PointReaderOptions {
  readonly registry: Registry;
  /** Told of each read. */
  readonly onStatement?: OnStatement | undefined;
}

/** The point reads of `connection`; they wait up to `timeoutMs` while the database is locked. */
export function createPointReader(
  connection: Connection,
  { registry, onStatement }: PointReaderOptions,
  timeoutMs: number,
): ReadPoint {
  const runner = createStatementRunner(connection);
  const prepared = new Map<ResourcePlan, Database.Statement<[bigint], WireRow>>();

  function statementOf(plan: ResourcePlan): Database.Statement<[bigint], WireRow> {
    let statement = prepared.get(plan);
    if (!statement) {
      statement = connection.prepare<[bigint], WireRow>(selectWire(plan)).raw(true);
      prepared.set(plan, statement);
    }
    return statement;
  }

  // One statement is a read transaction by itself.
  function readOnce(plan: ResourcePlan, key: bigint): StoredMessage {
    const row = statementOf(plan).get(key);
    return row?.[0] ? { message: row[0], revision: row[1] } : readWhole(plan, key);
  }

  /** A row without bytes, or none. */
  function readWhole(plan: ResourcePlan, key: bigint): StoredMessage {
    return inSnapshot(connection, runner, () => ({
      message: rebuildByKeys(runner, plan, registry, [key]).get(key),
    }));
  }

  return (plan, key, limits) => {
    // The first attempt takes no time in which a call could end, and is nearly always the last.
    try {
      return Promise.resolve(timed(() => readOnce(plan, key), onStatement));
    } catch (error) {
      const attempt = () => {
        if (!isBusy(error)) throw error;
        return timed(() => readOnce(plan, key), onStatement);
      };
      return retryWhileBusy(attempt, timeoutMs, limits);
    }
  };
}
