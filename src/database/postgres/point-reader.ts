// Reads messages by their keys: those that are asked for in one turn of the event loop go together, one
// statement for each resource. Must not read anything whose size depends on the number of rows.

import type { Registry } from "@bufbuild/protobuf";
import { noteStatement, type OnStatement, type StatementLog } from "../../observe/statement-run.ts";
import { resolveReadMask } from "../../query/read-mask.ts";
import { hasCrc } from "../../schema/checksum.ts";
import type { ResourcePlan } from "../../schema/plan.ts";
import { damagedBytes, faultError } from "../../schema/row-fault.ts";
import type { Row } from "../../schema/sql-value.ts";
import { endReason } from "../call-end.ts";
import type { CallLimits, Database } from "../database.ts";
import type { StoredMessage } from "../page-request.ts";
import { isFault, rebuildByKeys } from "../sql/rebuild.ts";
import { POSTGRES } from "./dialect/postgres-dialect.ts";
import { translatePostgresError } from "./errors.ts";
import { observe } from "./observed-session.ts";
import { onceMore, type ReaderPool } from "./reader-pool.ts";
import { selectPoints } from "./row-statements.ts";
import { runSteps } from "./run-steps.ts";
import type { Session } from "./session.ts";

interface Asked {
  readonly key: bigint;
  readonly statements: StatementLog | undefined;
  resolve(row: Row): void;
  reject(error: unknown): void;
}

/** The point reads of a session; a row that has no bytes to be trusted is read by one of the readers. */
export function createPointReader(
  session: () => Promise<Session>,
  readers: ReaderPool,
  registry: Registry,
): Database["get"] {
  let asked = new Map<ResourcePlan, Asked[]>();

  async function readAsked(): Promise<void> {
    const all = asked;
    asked = new Map();
    for (const [plan, points] of all) void readTogether(plan, points);
  }

  async function readTogether(plan: ResourcePlan, points: readonly Asked[]): Promise<void> {
    try {
      const keys = [...new Set(points.map(({ key }) => key))];
      const statement = selectPoints(plan, keys);
      const note = noteAll(points);
      const rows = await onceMore(async () => observe(await session(), note).all(statement));
      const byKey = new Map(rows.map((row) => [row[0] as bigint, row]));
      for (const { key, resolve } of points) resolve(byKey.get(key) ?? []);
    } catch (error) {
      for (const { reject } of points) reject(error);
    }
  }

  function readRow(plan: ResourcePlan, key: bigint, { statements }: CallLimits): Promise<Row> {
    return new Promise((resolve, reject) => {
      if (asked.size === 0) setImmediate(readAsked);
      const points = asked.get(plan) ?? [];
      asked.set(plan, points);
      points.push({ key, statements, resolve, reject });
    });
  }

  /** A row without bytes that can be trusted, or none. */
  async function readWhole(
    plan: ResourcePlan,
    key: bigint,
    limits: CallLimits,
    paths?: readonly string[],
  ): Promise<StoredMessage> {
    const mask = resolveReadMask(plan, paths);
    const known = { registry, dialect: POSTGRES };
    return readers.read(async (reader) => {
      const rebuilt = await runSteps(reader, rebuildByKeys(known, plan, [key], mask));
      const message = rebuilt.get(key);
      if (message && isFault(message)) throw faultError(message);
      return { message };
    }, limits);
  }

  return async (plan, key, limits = {}, mask) => {
    const reason = endReason(limits);
    if (reason) throw reason;
    try {
      const [, revision, wire = null, crc = null, found] = await readRow(plan, key, limits);
      if (found === null) return { message: undefined, revision: revision as bigint };
      if (wire === null || crc === null) return await readWhole(plan, key, limits, mask);
      if (!hasCrc(wire, crc)) throw faultError(damagedBytes(plan, key));
      return { message: wire, revision: revision as bigint };
    } catch (error) {
      throw translatePostgresError(error);
    }
  };
}

/** What notes a statement for all who have asked for its rows; undefined if none of them wants to know. */
function noteAll(points: readonly Asked[]): OnStatement | undefined {
  const logs = points.flatMap(({ statements }) => statements ?? []);
  if (logs.length === 0) return undefined;
  return (run) => {
    for (const log of logs) noteStatement(log, run);
  };
}
