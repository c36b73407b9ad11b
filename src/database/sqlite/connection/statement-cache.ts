// Prepares an SQL text once per connection, and keeps the texts that are used.
// Values are parameters always; but filters and orders make new texts without end.

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

type Prepared = Database.Statement<SqlValue[], Row>;

/** The most statements that a connection keeps prepared; each takes some kilobytes. */
const STATEMENTS_MAX = 500;

/** A runner that keeps up to `statementsMax` statements that it has prepared. */
export function createStatementRunner(
  connection: Connection,
  statementsMax = STATEMENTS_MAX,
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
    const prepared = connection.prepare<SqlValue[], Row>(sql);
    if (prepared.reader) prepared.raw(true);
    return prepared;
  }

  return {
    all: ({ sql, parameters }) => prepare(sql).all(...parameters),
    get: ({ sql, parameters }) => prepare(sql).get(...parameters),
    run: ({ sql, parameters }) => prepare(sql).run(...parameters).changes,
  };
}
