// Runs the text of a migration, statement by statement, so that a failure has a line number.
// Knows nothing of versions; the caller decides on the transaction.

import { StoreError } from "../../../errors.ts";
import type { MigrationScript } from "../../migrations/files.ts";
import { lineAt } from "../../migrations/sql-text.ts";
import { isServerError } from "../errors.ts";
import type { Session } from "../session.ts";
import { type ScriptStatement, splitStatements } from "./script-statements.ts";
import { isBusy } from "./target.ts";

const ENDS_TRANSACTION =
  /^(?:BEGIN|START|COMMIT|END|ABORT|ROLLBACK|PREPARE\s+TRANSACTION)\b(?!\s+(?:(?:WORK|TRANSACTION)\s+)?TO\b)/i;

/**
 * Runs every statement of `script`, and takes back what it has set for the session.
 * @throws StoreError MIGRATION_FAILED with file, line and the server's message (for operators only), whose error
 *   is its cause. A busy database is thrown as it is, and so is a connection that is lost.
 */
export async function runScript(session: Session, script: MigrationScript): Promise<void> {
  const isWhole = script.mode !== "no-transaction";
  for (const statement of splitStatements(script.sql)) {
    try {
      if (isWhole && ENDS_TRANSACTION.test(statement.text)) {
        throw new StoreError("MIGRATION_FAILED", "the file runs in one transaction already");
      }
      await session.script(statement.text);
    } catch (error) {
      if (isBusy(error) || !(error instanceof StoreError || isServerError(error))) throw error;
      throw failure(script, statement, error);
    }
  }
  // The next statements are ours, and count on the schema, the role and the limits that they began with.
  if (isWhole || !session.inTransaction) await session.script("RESET ALL; RESET ROLE");
}

function failure({ file, sql }: MigrationScript, at: ScriptStatement, error: Error): StoreError {
  const { detail, position } = isServerError(error) ? error : {};
  const line = lineAt(sql, at.index + offsetOf(at.text, position));
  const message = detail === undefined ? error.message : `${error.message} (${detail})`;
  return new StoreError("MIGRATION_FAILED", `${file}, line ${line}: ${message}`, { cause: error });
}

/** The server counts characters, from 1. */
function offsetOf(text: string, position: string | undefined): number {
  if (position === undefined) return 0;
  return Array.from(text)
    .slice(0, Number(position) - 1)
    .join("").length;
}
