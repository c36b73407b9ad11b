// A file that is copied into. Nobody migrates it meanwhile, no server serves it until it is finished, and
// references are not looked at: the rows that they are to come later.

import { affinityOf } from "../../../schema/drift.ts";
import type { Row, SqlValue } from "../../../schema/sql-value.ts";
import { WRITING } from "../../../schema/triggers.ts";
import type { CopiedTable, CopyState, CopyTarget, RefusedRow } from "../../copy/copy-ends.ts";
import { inSql } from "../../copy/table-pages.ts";
import type { Statement } from "../../sql/statements.ts";
import { isConstraintError, translateSqliteError } from "../connection/connection.ts";
import { createStatementRunner, type StatementRunner } from "../connection/statement-runner.ts";
import { useSchemaStore } from "../descriptors/schema-store.ts";
import { UNFINISHED_COPY } from "../inspect/store-state.ts";
import { refuseUnmanaged } from "../migrate/detect.ts";
import { runUp } from "../migrate/migrate.ts";
import {
  createDatabase,
  inTransaction,
  requireWritable,
  type Target,
  withDatabase,
} from "../migrate/target.ts";
import { type FileSetup, fileEnd } from "./file-end.ts";

/**
 * Runs `action` with the file at `path`, which is made if there is none.
 * @throws StoreError READ_ONLY_MEDIA, MIGRATION_LOCKED if another process copies into it or migrates it
 */
export async function withFileTarget<T>(
  path: string,
  setup: FileSetup & { readonly lockTimeoutMs: number },
  action: (target: CopyTarget) => Promise<T>,
): Promise<T> {
  requireWritable(path);
  createDatabase(path);
  return await withDatabase(path, setup.lockTimeoutMs, async (target) => {
    refuseUnmanaged(target.connection, path, setup.foreign);
    useSchemaStore(setup.registry, target.connection);
    // Rows refer to some that come later.
    target.connection.pragma("foreign_keys = OFF");
    return await action(fileTarget(target, setup));
  });
}

const statement = (sql: string, ...parameters: SqlValue[]): Statement => ({ sql, parameters });

function fileTarget(target: Target, { registry, files, foreign }: FileSetup): CopyTarget {
  const { connection, database } = target;
  const runner = createStatementRunner(connection);
  const end = fileEnd(connection, database, registry, runner);

  /** What `work` does in one transaction, while our triggers, which are for other programs, rest. */
  const write = <T>(work: () => T) =>
    inTransaction(target, () => {
      runner.run(statement("UPDATE store_state SET writing = ?", BigInt(WRITING.own)));
      const result = work();
      runner.run(statement("UPDATE store_state SET writing = ?", BigInt(WRITING.outside)));
      return result;
    });

  const setRevision = ({ revision }: CopyState) =>
    runner.run(statement("UPDATE store_state SET revision = ?", revision));

  return {
    ...end,
    needsReferences: false,
    async unfinished() {
      if (!(await end.describe(UNFINISHED_COPY))) return undefined;
      const [fingerprint, revision] =
        runner.get(statement(`SELECT fingerprint, revision FROM ${UNFINISHED_COPY}`)) ?? [];
      return { fingerprint: fingerprint as string, revision: revision as bigint };
    },
    async makeTables() {
      await runUp(target, { files, foreign });
    },
    async begin({ fingerprint, revision }, _tables, cleared) {
      if (await end.describe(UNFINISHED_COPY)) return;
      await write(() => {
        runner.run(
          statement(
            `CREATE TABLE ${UNFINISHED_COPY} (fingerprint TEXT NOT NULL, revision INTEGER NOT NULL)`,
          ),
        );
        runner.run(
          statement(`INSERT INTO ${UNFINISHED_COPY} VALUES (?, ?)`, fingerprint, revision),
        );
        for (const table of cleared) runner.run(statement(`DELETE FROM ${inSql(table)}`));
      });
    },
    insert: (table, rows) => write(() => insertRows(runner, table, rows)),
    async complete(state) {
      await write(() => setRevision(state));
    },
    async finish(state) {
      await write(() => {
        // An index that was made anew has taken a revision.
        setRevision(state);
        runner.run(statement(`DROP TABLE ${UNFINISHED_COPY}`));
      });
    },
  };
}

function insertRows(
  runner: StatementRunner,
  { name, columns }: CopiedTable,
  rows: readonly Row[],
): readonly RefusedRow[] {
  const numeric = numericColumns(runner, name);
  const isNumeric = columns.map((column) => numeric.has(column.toLowerCase()));
  const names = columns.map(inSql).join(", ");
  const marks = columns.map(() => "?").join(", ");
  const sql = `INSERT INTO ${inSql(name)} (${names}) VALUES (${marks})`;
  return rows.flatMap((row) => {
    const place = row.findIndex((value, index) => isChanged(value, isNumeric[index] === true));
    if (place >= 0) return [{ row, reason: `${columns[place]} has a value that SQLite changes` }];
    try {
      runner.run({ sql, parameters: row });
      return [];
    } catch (error) {
      if (!isConstraintError(error)) throw error;
      return [{ row, reason: translateSqliteError(error).message }];
    }
  });
}

/** The columns, in lower case, that make numbers of texts. */
function numericColumns(runner: StatementRunner, table: string): ReadonlySet<unknown> {
  const columns = runner.all(
    statement("SELECT lower(name), type FROM pragma_table_xinfo(?)", table),
  );
  const isNumeric = (type: SqlValue | undefined) =>
    !["TEXT", "BLOB"].includes(affinityOf(type as string, false));
  return new Set(columns.filter(([, type]) => isNumeric(type)).map(([name]) => name));
}

const NUMBER = /^\s*[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?\s*$/;

/** NaN becomes NULL, the sign of a zero is lost, and a text that is a number becomes one. */
function isChanged(value: SqlValue, isNumeric: boolean): boolean {
  if (typeof value === "string") return isNumeric && NUMBER.test(value);
  return typeof value === "number" && (Number.isNaN(value) || Object.is(value, -0));
}
