// Runs the statements of a connection: the one place where they can be seen. Prepares each text once,
// and keeps the texts that are used: values are parameters always, but filters and orders make new
// texts without end.

import type Database from "better-sqlite3";
import type { Row, SqlValue } from "../../../schema/sql-value.ts";
import type { Statement } from "../../sql/statements.ts";
import type { Connection } from "./connection.ts";

/** Runs statements on a connection. */
export interface StatementRunner {
  /** The rows of a statement. */
  all(statement: Statement): Row[];
  /** The only row of a statement, if it has one. */
  get(statement: Statement): Row | undefined;
  /** Runs a statement that has no rows; the number of rows that it changed. */
  run(statement: Statement): number;
}

/** How a statement went. */
export interface StatementRun {
  /** What it does, and to which table, such as `SELECT books`: as many names as there are tables. */
  readonly name: string;
  /** How long it blocked its thread, in nanoseconds. */
  readonly durationNs: number;
  /** How many rows it gave, or changed; 0 if it failed. */
  readonly rows: number;
  readonly error?: unknown;
}

/** Told of each statement when it has ended. */
export type OnStatement = (run: StatementRun) => void;

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
    const startMs = performance.now();
    let prepared: Prepared | undefined;
    let result: T;
    try {
      prepared = prepare(sql);
      result = method(prepared.statement, parameters);
    } catch (error) {
      const name = prepared?.name ?? nameOf(sql);
      onStatement({ name, durationNs: nsSince(startMs), rows: 0, error });
      throw error;
    }
    onStatement({ name: prepared.name, durationNs: nsSince(startMs), rows: count(result) });
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

function nsSince(startMs: number): number {
  return (performance.now() - startMs) * 1e6;
}

const VERB = /^\s*(\w+)/;
const TABLE = /\b(?:FROM|INTO|UPDATE)\s+"?(\w+)/i;

/** No values, and no more than that: it is a label of figures. */
function nameOf(sql: string): string {
  const verb = VERB.exec(sql)?.[1]?.toUpperCase() ?? "";
  const table = TABLE.exec(sql)?.[1];
  return table === undefined ? verb : `${verb} ${table}`;
}
