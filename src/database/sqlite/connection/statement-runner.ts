// Runs the statements of a connection: the one place where they can be seen. Prepares each text once,
// and keeps the texts that are used: values are parameters always, but filters and orders make new
// texts without end.

import type Database from "better-sqlite3";
import { monotonicMs, type OnStatement } from "../../../observe/statement-run.ts";
import type { Row, SqlValue } from "../../../schema/sql-value.ts";
import type { Statement } from "../../sql/statements.ts";
import { nameOf } from "../../statement-name.ts";
import { type Connection, sqliteCode } from "./connection.ts";

/** Runs statements on a connection. */
export interface StatementRunner {
  /** The rows of a statement. */
  all(statement: Statement): Row[];
  /** The only row of a statement, if it has one. */
  get(statement: Statement): Row | undefined;
  /** Runs a statement that has no rows; the number of rows that it changed. */
  run(statement: Statement): number;
}

export interface RunnerOptions {
  readonly onStatement?: OnStatement | undefined;
  /** The most statements that are kept prepared. */
  readonly statementsMax?: number;
}

interface Prepared {
  readonly name: string;
  readonly statement: Database.Statement<SqlValue[], Row>;
}

/** A connection keeps so many statements prepared; each takes some kilobytes. */
const STATEMENTS_MAX = 500;

/** The runner of a connection, which keeps the statements that it has prepared. */
export function createStatementRunner(
  connection: Connection,
  { onStatement, statementsMax = STATEMENTS_MAX }: RunnerOptions = {},
): StatementRunner {
  // Two generations: when `recent` is full it becomes `older`; a hit in `older` is promoted.
  let recent = new Map<string, Prepared>();
  let older = new Map<string, Prepared>();

  function prepare(sql: string): Prepared {
    const known = recent.get(sql);
    if (known) return known;
    const prepared = older.get(sql) ?? prepareNew(sql);
    if (recent.size >= statementsMax / 2) {
      older = recent;
      recent = new Map();
    }
    recent.set(sql, prepared);
    return prepared;
  }

  function prepareNew(sql: string): Prepared {
    const statement = connection.prepare<SqlValue[], Row>(sql);
    if (statement.reader) statement.raw(true);
    return { name: nameOf(sql), statement };
  }

  /** Runs a statement by `method`, and tells of it. */
  function observe<T>(
    { sql, parameters }: Statement,
    method: Method<T>,
    count: (result: T) => number,
  ): T {
    if (!onStatement) return method(prepare(sql).statement, parameters);
    const threadMs = performance.now();
    const startMs = monotonicMs(threadMs);
    let prepared: Prepared | undefined;
    let result: T;
    try {
      prepared = prepare(sql);
      result = method(prepared.statement, parameters);
    } catch (error) {
      const name = prepared?.name ?? nameOf(sql);
      const errorCode = sqliteCode(error);
      onStatement({ name, startMs, durationNs: nsSince(threadMs), rows: 0, errorCode });
      throw error;
    }
    const { name } = prepared;
    onStatement({ name, startMs, durationNs: nsSince(threadMs), rows: count(result) });
    return result;
  }

  return {
    all: (statement) => observe(statement, allRows, (rows) => rows.length),
    get: (statement) => observe(statement, oneRow, (row) => (row ? 1 : 0)),
    run: (statement) => observe(statement, changes, (changed) => changed),
  };
}

type Method<T> = (statement: Prepared["statement"], parameters: readonly SqlValue[]) => T;

const allRows: Method<Row[]> = (statement, parameters) => statement.all(...parameters);
const oneRow: Method<Row | undefined> = (statement, parameters) => statement.get(...parameters);
const changes: Method<number> = (statement, parameters) => statement.run(...parameters).changes;

function nsSince(threadMs: number): number {
  return (performance.now() - threadMs) * 1e6;
}
