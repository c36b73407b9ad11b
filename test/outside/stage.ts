// A file of some kind, served, and the other program's connection to it: takes a step and judges what
// came of it.

import { rmSync } from "node:fs";
import { join } from "node:path";
import type { FindingKind } from "../../src/database/finding.ts";
import {
  isSqliteError,
  openConnection,
  type Connection as SqlConnection,
} from "../../src/database/sqlite/connection/connection.ts";
import { StoreError } from "../../src/errors.ts";
import { runService, type TestService } from "../support/service.ts";
import { makeTempDir } from "../support/temp.ts";
import { findingsOf } from "../support/verified.ts";
import { answerOf, type Call, type CallStep } from "./calls.ts";
import type { Fault } from "./fault.ts";
import { changedTables, createStateReader, type FileState } from "./file-state.ts";
import { changesOf, judgeEtags } from "./judge.ts";
import { type Evidence, judgeAnswer, judgeTogether } from "./judge-answers.ts";
import { conflictsOf, type Kind, makeFile, triggersOf } from "./kinds.ts";
import { searchFaults } from "./search.ts";
import { compareGet, compareList, comparePlaylists } from "./served.ts";
import type { SqlStep } from "./statements.ts";
import { PLANS } from "./tables.ts";
import { USER_TRIGGERS } from "./user-triggers.ts";

/** The most rows that are asked for by Get after a step; a List has all of them. */
const GETS_MAX = 4;

/** A step of a run. */
export type Step = SqlStep | CallStep;

/** A served file. */
export interface Stage {
  state(): FileState;
  /** Takes the step; what does not hold afterwards. */
  apply(step: Step): Promise<Fault[]>;
  /** Looks at everything, changed or not. */
  checkAll(): Promise<Fault[]>;
  close(): Promise<void>;
}

/** A kind that is refused by name is not served; why is in `refused`. */
export type Opened =
  | { readonly stage: Stage; readonly refused?: undefined }
  | { readonly stage?: undefined; readonly refused: string };

/** Makes a file of the kind and serves it. */
export async function openStage(kind: Kind): Promise<Opened> {
  const directory = makeTempDir();
  const database = join(directory, "outside.db");
  try {
    await makeFile(kind, database);
    const service = await runService({
      database,
      durability: "relaxed",
      limits: { fillRowsPerSecond: 1_000_000, fillPauseMs: 20 },
    });
    return { stage: createStage(kind, service, directory) };
  } catch (error) {
    rmSync(directory, { recursive: true, force: true });
    if (error instanceof StoreError && error.code !== "INTERNAL") {
      return { refused: `${error.code} ${error.message}` };
    }
    throw error;
  }
}

function createStage(kind: Kind, service: TestService, directory: string): Stage {
  const { connection, database } = service;
  const sql = openConnection(database, { busyTimeoutMs: 10_000 });
  sql.pragma("synchronous = OFF");
  const readState = createStateReader(sql);
  let state = readState();
  let foreignKeysWereOff = false;
  const given = new Map<string, Set<bigint>>();
  const seen = new Map(PLANS.map(({ table }) => [table, new Set<bigint>()]));
  const written = new Set(triggersOf(kind).flatMap(({ writes }) => writes));
  const conflicts = conflictsOf(kind);

  async function apply(step: Step): Promise<Fault[]> {
    let before = state;
    for (const [table, rows] of before.resources) {
      for (const key of rows.keys()) seen.get(table)?.add(key);
    }
    const faults: Fault[] = [];
    let judge: (evidence: Evidence) => Fault[] = () => [];
    if (step.kind === "sql") {
      foreignKeysWereOff ||= !step.foreignKeys;
      faults.push(...runSql(sql, step));
      if (step.statements.some(isSchemaChange)) {
        noteTriggers(step, written);
        // The service looks at the schema before it writes.
        await answerOf(connection, LOOK);
        before = readState();
      }
    } else {
      const answers = await Promise.all(step.calls.map((call) => answerOf(connection, call)));
      const [call, ...others] = step.calls;
      const [answer] = answers;
      if (call && answer) {
        judge = (evidence) =>
          others.length === 0
            ? judgeAnswer(call, answer, evidence)
            : judgeTogether(step.calls, answers, evidence);
      }
    }
    state = readState();
    const after = state;
    const isTouched = (table: string) => written.has(table);
    faults.push(...judge({ before, after, given, seen, isTouched }));
    const changes = changesOf(before, after);
    const mayReturn = (table: string) => written.has(table) || mayMakeAnew(step, table, conflicts);
    const mayStayUnmarked = (table: string) => endsUpdates(sql, table);
    faults.push(...judgeEtags(changes, before, after, { mayReturn, mayStayUnmarked }));
    for (const { plan, key, after: row } of changes.slice(0, GETS_MAX)) {
      const fault = await compareGet(connection, plan, key, row);
      if (fault) faults.push(fault);
    }
    const tables = changedTables(before, after);
    for (const plan of PLANS) {
      if (!changes.some((change) => change.plan === plan)) continue;
      const fault = await compareList(connection, plan, after, 100);
      if (fault) faults.push(fault);
    }
    if (tables.some((table) => ["tracks", "albums", "artists"].includes(table))) {
      faults.push(...searchFaults(sql));
    }
    return faults;
  }

  async function checkAll(): Promise<Fault[]> {
    const faults: Fault[] = [];
    for (const plan of PLANS) {
      for (const [key, row] of state.resources.get(plan.table) ?? []) {
        const fault = await compareGet(connection, plan, key, row);
        if (fault) faults.push(fault);
      }
      const fault = await compareList(connection, plan, state, 3);
      if (fault) faults.push(fault);
    }
    const playlists = await comparePlaylists(connection, state);
    if (playlists) faults.push(playlists);
    const expected: FindingKind[] = foreignKeysWereOff ? ["dangling", "orphaned"] : [];
    if (kind.features.includes("broken values")) expected.push("unreadable");
    const findings = (await findingsOf(database)).filter((found) => !expected.includes(found.kind));
    return [
      ...faults,
      ...findings.map(({ subject, problem }) => ({
        check: "verify",
        detail: `${subject}: ${problem}`,
      })),
    ];
  }

  return {
    state: () => state,
    apply,
    checkAll,
    async close() {
      sql.close();
      await service.stop();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

const LOOK: Call = {
  table: "genres",
  method: "CreateGenre",
  request: { genre: { displayName: "look" }, validateOnly: true },
};

function isSchemaChange(statement: string): boolean {
  return /^(CREATE|DROP)/.test(statement);
}

/** Adds what the triggers that are made in the step write. */
function noteTriggers(step: SqlStep, written: Set<string>): void {
  for (const { sql, writes } of Object.values(USER_TRIGGERS)) {
    if (step.statements.includes(sql)) for (const table of writes) written.add(table);
  }
}

/** Runs the statements; what other programs must not meet is a fault. */
function runSql(sql: SqlConnection, step: SqlStep): Fault[] {
  sql.pragma(`foreign_keys = ${step.foreignKeys ? "ON" : "OFF"}`);
  sql.pragma(`recursive_triggers = ${step.recursiveTriggers ? "ON" : "OFF"}`);
  const faults: Fault[] = [];
  for (let index = 0; index < step.statements.length; index++) {
    const statement = step.statements[index] as string;
    try {
      sql.exec(statement);
    } catch (error) {
      // The filler has written after the transaction has read and before its first write: it begins again.
      if (isSqliteError(error) && error.code === "SQLITE_BUSY_SNAPSHOT") {
        const isInside = sql.inTransaction;
        if (isInside) sql.exec("ROLLBACK");
        index = (isInside ? step.statements.lastIndexOf("BEGIN", index) : index) - 1;
        continue;
      }
      const isOurs = !/^(BEGIN|COMMIT|ROLLBACK|SAVEPOINT|RELEASE|CREATE|DROP)/.test(statement);
      const isConstraint = isSqliteError(error) && error.code.startsWith("SQLITE_CONSTRAINT");
      if (isOurs && !isConstraint) {
        faults.push({ check: "statement refused", detail: `${statement}: ${error}` });
      }
    }
  }
  if (sql.inTransaction) sql.exec("ROLLBACK");
  return faults;
}

/** Whether a trigger ends updates of the table, and leaves what the statement has done by then. */
function endsUpdates(sql: SqlConnection, table: string): boolean {
  const form = "%BEFORE UPDATE ON %RAISE(FAIL%";
  const find = "SELECT 1 FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = ? AND sql LIKE ?";
  return sql.prepare(find).get(table, form) !== undefined;
}

/** Whether a row that is as it was may have been removed and made again, or changed and changed back. */
function mayMakeAnew(step: Step, table: string, conflicts: readonly string[]): boolean {
  if (step.kind === "calls") return true;
  const [statement = "", ...others] = step.statements;
  if (others.length > 0 || /\bREPLACE\b/.test(statement)) return true;
  // An UPSERT of several rows may change one row twice.
  return /\), \(.*\bDO UPDATE\b/s.test(statement) || conflicts.includes(`${table} REPLACE`);
}
