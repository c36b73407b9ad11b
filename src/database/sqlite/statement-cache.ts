// Prepares each SQL text once per connection. The texts are few: they are made from plans or written
// by hand, and values are parameters always.

import type Database from "better-sqlite3";
import type { Statement } from "../../query/statements.ts";
import type { Row, SqlValue } from "../../schema/sql-value.ts";
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

/** A runner that keeps what it has prepared. */
export function createStatementRunner(connection: Connection): StatementRunner {
  const cache = new Map<string, Prepared>();
  const prepare = (sql: string): Prepared => {
    let prepared = cache.get(sql);
    if (!prepared) {
      prepared = connection.prepare<SqlValue[], Row>(sql);
      if (prepared.reader) prepared.raw(true);
      cache.set(sql, prepared);
    }
    return prepared;
  };
  return {
    all: ({ sql, parameters }) => prepare(sql).all(...parameters),
    get: ({ sql, parameters }) => prepare(sql).get(...parameters),
    run: ({ sql, parameters }) => prepare(sql).run(...parameters).changes,
  };
}
