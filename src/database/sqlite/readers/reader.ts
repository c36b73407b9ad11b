// Reads snapshots on a connection of its own, each in one short transaction.
// No transaction outlives the call: it is made of synchronous steps only.

import type { Registry } from "@bufbuild/protobuf";
import type { OnStatement } from "../../../observe/statement-run.ts";
import type { Snapshot } from "../../database.ts";
import type { BatchBytes, BatchRequest, PageBytes, PageRequest } from "../../page-request.ts";
import { assembleBatch, assemblePage } from "../../sql/read/pages.ts";
import { createWireReader } from "../../sql/read/wires.ts";
import type { Statement } from "../../sql/statements.ts";
import { type Connection, checkWhileReading, schemaMismatch } from "../connection/connection.ts";
import { runSteps } from "../connection/run-steps.ts";
import { createStatementRunner, type StatementRunner } from "../connection/statement-runner.ts";
import { rowDialect } from "../dialect/row-dialect.ts";
import { joinsBytes, selectWires } from "./row-statements.ts";

/** Reads, blocking its thread. Every method fails with what SQLite or the rows fail with. */
export interface Reader {
  read(statements: readonly Statement[]): Snapshot;
  page(request: PageRequest): PageBytes;
  batch(request: BatchRequest): BatchBytes;
}

const BEGIN: Statement = { sql: "BEGIN", parameters: [] };
const REVISION: Statement = { sql: "SELECT revision FROM store_state", parameters: [] };
const COMMIT: Statement = { sql: "COMMIT", parameters: [] };

/** The reader of `connection`; what `check` throws, before and within statements, ends a read. */
export function createReader(
  connection: Connection,
  registry: Registry,
  check: () => void = () => {},
  onStatement?: OnStatement,
): Reader {
  checkWhileReading(connection, check);
  const runner = checked(createStatementRunner(connection, { onStatement }), check);
  const readWires = createWireReader(selectWires, joinsBytes(connection));
  const source = { registry, dialect: rowDialect(connection), readWires };
  return {
    read: (statements) =>
      inSnapshot(connection, runner, () => ({
        rows: statements.map((statement) => runner.all(statement)),
      })),
    page: (request) =>
      inSnapshot(connection, runner, () => runSteps(runner, assemblePage(source, request))),
    batch: (request) =>
      inSnapshot(connection, runner, () => runSteps(runner, assembleBatch(source, request))),
  };
}

/** Checks before each statement that reads; those that begin and end a transaction are run always. */
function checked({ all, get, run }: StatementRunner, check: () => void): StatementRunner {
  return {
    all(statement) {
      check();
      return all(statement);
    },
    get(statement) {
      check();
      return get(statement);
    },
    run,
  };
}

/** What `work` reads, with the revision of the snapshot that it sees. */
export function inSnapshot<T extends object>(
  connection: Connection,
  runner: StatementRunner,
  work: () => T,
): T & { readonly revision: bigint } {
  runner.run(BEGIN);
  try {
    // The first statement opens the snapshot, so the revision is the snapshot's own.
    const [revision] = runner.get(REVISION) ?? [];
    if (typeof revision !== "bigint") throw schemaMismatch();
    return { ...work(), revision };
  } finally {
    if (connection.inTransaction) runner.run(COMMIT);
  }
}
