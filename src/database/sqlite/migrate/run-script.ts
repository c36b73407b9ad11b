// Runs the text of a migration, statement by statement, so that a failure has a line number.
// Knows nothing of versions; the caller decides on the transaction.

import { StoreError } from "../../../errors.ts";
import type { MigrationScript } from "../../migrations/files.ts";
import { findEnds, lineAt, skipBlank } from "../../migrations/sql-text.ts";
import { type Connection, isBusy, isSqliteError } from "../connection/connection.ts";

const ENDS_TRANSACTION = /^(BEGIN|COMMIT|END|ROLLBACK)\b(?!\s+(TRANSACTION\s+)?TO\b)/i;

/**
 * Runs every statement of `script`; `onStatement` is called with each before it is run.
 * @throws StoreError MIGRATION_FAILED with file, line and SQLite's message (for operators only);
 *   the SqliteError is its cause. A busy database is thrown as it is: the caller may try again.
 */
export function runScript(
  connection: Connection,
  script: MigrationScript,
  onStatement: (sql: string) => void = () => {},
): void {
  const { sql, mode } = script;
  let start = skipBlank(sql, 0);
  for (const end of findEnds(sql)) {
    const statement = sql.slice(start, end);
    if (end <= start || statement.trim() === "") continue;
    try {
      if (mode !== "no-transaction" && ENDS_TRANSACTION.test(statement)) {
        throw new StoreError("MIGRATION_FAILED", "the file runs in one transaction already");
      }
      const prepared = connection.prepare(statement);
      onStatement(statement);
      if (prepared.reader) prepared.all();
      else prepared.run();
    } catch (error) {
      if (isBusy(error)) throw error;
      // The body of a trigger has semicolons too: the statement goes on to a later one.
      if (end < sql.length && isSqliteError(error) && error.message === "incomplete input")
        continue;
      throw failure(script, lineAt(sql, start), error);
    }
    start = skipBlank(sql, end);
  }
}

function failure(script: MigrationScript, line: number, error: unknown): StoreError {
  const message = error instanceof Error ? error.message : String(error);
  return new StoreError("MIGRATION_FAILED", `${script.file}, line ${line}: ${message}`, {
    cause: error,
  });
}
