// Reads on a connection of their own, each set of statements in one short transaction.
// No transaction outlives the call: rows are taken whole, nothing is iterated across an await.

import type { Statement } from "../../query/statements.ts";
import type { CallLimits, Snapshot } from "../database.ts";
import { retryWhileBusy } from "./busy-retry.ts";
import type { Connection } from "./connection.ts";
import { createStatementRunner } from "./statement-cache.ts";

/** Reads snapshots. */
export interface Reader {
  read(statements: readonly Statement[], limits?: CallLimits): Promise<Snapshot>;
  /** When the oldest read that is still going on began, in milliseconds since the epoch. */
  readonly oldestReadMs: number | undefined;
}

const BEGIN: Statement = { sql: "BEGIN", parameters: [] };
const REVISION: Statement = { sql: "SELECT revision FROM store_state", parameters: [] };
const COMMIT: Statement = { sql: "COMMIT", parameters: [] };

/** The reader of `connection`; waits up to `timeoutMs` while the database is locked. */
export function createReader(connection: Connection, timeoutMs: number): Reader {
  const runner = createStatementRunner(connection);
  let oldestReadMs: number | undefined;

  function readOnce(statements: readonly Statement[]): Snapshot {
    oldestReadMs = Date.now();
    runner.run(BEGIN);
    try {
      // The first statement opens the snapshot, so the revision is the snapshot's own.
      const [revision] = runner.get(REVISION) as [bigint];
      return { revision, rows: statements.map((statement) => runner.all(statement)) };
    } finally {
      if (connection.inTransaction) runner.run(COMMIT);
      oldestReadMs = undefined;
    }
  }

  return {
    read: (statements, limits) => retryWhileBusy(() => readOnce(statements), timeoutMs, limits),
    get oldestReadMs() {
      return oldestReadMs;
    },
  };
}
