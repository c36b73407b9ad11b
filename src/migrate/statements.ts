// Runs the text of a migration, statement by statement, so that a failure has a line number.
// Knows nothing of versions; the caller decides on the transaction.

import { type Connection, isBusy, isSqliteError } from "../database/sqlite/connection.ts";
import { StoreError } from "../errors.ts";
import type { MigrationScript } from "./files.ts";

/** What may hide a semicolon, or is one. */
const TOKEN = /'[^']*'|"[^"]*"|`[^`]*`|\[[^\]]*\]|--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|;/g;
const BLANK = /^(?:\s|;|--[^\n]*(?:\n|$)|\/\*[\s\S]*?(?:\*\/|$))*/;
const ENDS_TRANSACTION = /^(BEGIN|COMMIT|END|ROLLBACK)\b(?!\s+(TRANSACTION\s+)?TO\b)/i;

/**
 * Runs every statement of `script`.
 * @throws StoreError MIGRATION_FAILED with file, line and SQLite's message (for operators only);
 *   the SqliteError is its cause. A busy database is thrown as it is: the caller may try again.
 */
export function runScript(connection: Connection, script: MigrationScript): void {
  const { sql, mode } = script;
  const ends = [...sql.matchAll(TOKEN)].filter(([token]) => token === ";").map((m) => m.index + 1);
  ends.push(sql.length);
  let start = skipBlank(sql, 0);
  for (const end of ends) {
    const statement = sql.slice(start, end);
    if (end <= start || statement.trim() === "") continue;
    try {
      if (mode !== "no-transaction" && ENDS_TRANSACTION.test(statement)) {
        throw new StoreError("MIGRATION_FAILED", "the file runs in one transaction already");
      }
      runStatement(connection, statement);
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

function runStatement(connection: Connection, sql: string): void {
  const statement = connection.prepare(sql);
  if (statement.reader) statement.all();
  else statement.run();
}

function failure(script: MigrationScript, line: number, error: unknown): StoreError {
  const message = error instanceof Error ? error.message : String(error);
  return new StoreError("MIGRATION_FAILED", `${script.file}, line ${line}: ${message}`, {
    cause: error,
  });
}

function skipBlank(sql: string, offset: number): number {
  return offset + (BLANK.exec(sql.slice(offset))?.[0].length ?? 0);
}

function lineAt(sql: string, offset: number): number {
  return sql.slice(0, offset).split("\n").length;
}
