// Reads one message by its key, on the thread that asks: microseconds, so that nothing is sent for it.
// Must not read anything whose size depends on the number of rows.

import type { Registry } from "@bufbuild/protobuf";
import {
  noteStatement,
  type OnStatement,
  type StatementLog,
} from "../../../observe/statement-run.ts";
import { resolveReadMask } from "../../../query/read-mask.ts";
import { hasCrc } from "../../../schema/checksum.ts";
import type { ResourcePlan } from "../../../schema/plan.ts";
import { damagedBytes, faultError } from "../../../schema/row-fault.ts";
import type { CallLimits } from "../../database.ts";
import type { StoredMessage } from "../../page-request.ts";
import { isFault, rebuildByKeys } from "../../sql/rebuild.ts";
import { retryWhileBusy } from "../connection/busy-retry.ts";
import { type Connection, isBusy, translateSqliteError } from "../connection/connection.ts";
import { runSteps } from "../connection/run-steps.ts";
import { createStatementRunner } from "../connection/statement-runner.ts";
import { rowDialect } from "../dialect/row-dialect.ts";
import { inSnapshot } from "./reader.ts";
import { selectWire } from "./row-statements.ts";

/** Reads the message with a key; fails with StoreError only. */
export type ReadPoint = (
  plan: ResourcePlan,
  key: bigint,
  limits?: CallLimits,
  mask?: readonly string[],
) => Promise<StoredMessage>;

export interface PointReaderOptions {
  readonly registry: Registry;
  /** Told of each statement. */
  readonly onStatement?: OnStatement | undefined;
}

/** The point reads of `connection`; they wait up to `timeoutMs` while the database is locked. */
export function createPointReader(
  connection: Connection,
  { registry, onStatement }: PointReaderOptions,
  timeoutMs: number,
): ReadPoint {
  /** Whose statements are run now. */
  let log: StatementLog | undefined;
  const runner = createStatementRunner(connection, {
    onStatement(run) {
      onStatement?.(run);
      if (log) noteStatement(log, run);
    },
  });

  // One statement is a read transaction by itself.
  function readOnce(plan: ResourcePlan, key: bigint, mask?: readonly string[]): StoredMessage {
    const [wire = null, revision, crc = null] = runner.get(selectWire(plan, key)) ?? [];
    if (wire === null || crc === null) return readWhole(plan, key, mask);
    if (!hasCrc(wire, crc)) throw faultError(damagedBytes(plan, key));
    return { message: wire, revision: revision as bigint };
  }

  /** A row without bytes that can be trusted, or none. */
  function readWhole(plan: ResourcePlan, key: bigint, paths?: readonly string[]): StoredMessage {
    const mask = resolveReadMask(plan, paths);
    return inSnapshot(connection, runner, () => {
      const known = { registry, dialect: rowDialect(connection) };
      const message = runSteps(runner, rebuildByKeys(known, plan, [key], mask)).get(key);
      if (message && isFault(message)) throw faultError(message);
      return { message };
    });
  }

  return (plan, key, limits, mask) => {
    // The first attempt takes no time in which a call could end, and is nearly always the last.
    try {
      log = limits?.statements;
      return Promise.resolve(readOnce(plan, key, mask));
    } catch (error) {
      const attempt = () => {
        if (!isBusy(error)) throw error;
        log = limits?.statements;
        return readOnce(plan, key, mask);
      };
      return retryWhileBusy(attempt, timeoutMs, limits).catch((last: unknown) => {
        throw translateSqliteError(last);
      });
    }
  };
}
