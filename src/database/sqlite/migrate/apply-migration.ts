// Runs one migration, up or down, together with its rows in schema_migrations and in the log.
// The caller holds the migration lock and has decided that it is this migration's turn.

import { StoreError } from "../../../errors.ts";
import { type MigrationScript, requireScript } from "../../migrations/files.ts";
import type { Step } from "../../migrations/steps.ts";
import { checkOwnTables, checkTurn, dirtyError } from "../../migrations/version.ts";
import { type Connection, isBusy, readPragma } from "../connection/connection.ts";
import { createLogTable, hasLogTable, truncateLog, writeLogEntry } from "./log-table.ts";
import { watchRows } from "./row-guard.ts";
import { runScript } from "./run-script.ts";
import { inTransaction, rollBack, type Target } from "./target.ts";
import { createVersionTable, hasVersionTable, readVersion, writeVersion } from "./version-table.ts";

/**
 * Runs `step` and returns how long that took, in milliseconds. If this process is killed, the
 * database is at the version before or at the one after; only a file that asked for no transaction
 * can leave it dirty.
 * @throws StoreError MIGRATION_FAILED with nothing changed, MIGRATION_MISSING or MIGRATION_DIRTY.
 */
export async function applyMigration(target: Target, step: Step): Promise<number> {
  const script = requireScript(step.file, step.direction);
  switch (script.mode) {
    case "transaction":
      return await applyInTransaction(target, step, script);
    case "foreign-keys-off":
      // The pragma does nothing inside a transaction.
      target.connection.pragma("foreign_keys = OFF");
      try {
        return await applyInTransaction(target, step, script);
      } finally {
        target.connection.pragma("foreign_keys = ON");
      }
    case "no-transaction":
      return await applyWithoutTransaction(target, step, script);
  }
}

async function applyInTransaction(
  target: Target,
  step: Step,
  script: MigrationScript,
): Promise<number> {
  const { connection } = target;
  try {
    return await inTransaction(target, () => {
      requireTurn(target, step.before);
      const started = performance.now();
      const rows = watchRows(connection, script);
      runScript(connection, script, rows.before);
      rows.after();
      requireOwnTables(connection, script);
      const durationMs = performance.now() - started;
      record(connection, step, durationMs);
      return durationMs;
    });
  } catch (error) {
    throw atItsEnd(script, error);
  }
}

async function applyWithoutTransaction(
  target: Target,
  step: Step,
  script: MigrationScript,
): Promise<number> {
  const { connection, database, lockTimeoutMs } = target;
  const { before, after } = step;
  await inTransaction(target, () => {
    requireTurn(target, before);
    writeVersion(connection, { version: after, dirty: true });
  });
  const started = performance.now();
  const busyTimeoutMs = readPragma(connection, "busy_timeout");
  try {
    // A statement outside a transaction cannot be tried again, so it waits inside SQLite.
    connection.pragma(`busy_timeout = ${lockTimeoutMs}`);
    const rows = watchRows(connection, script);
    runScript(connection, script, rows.before);
    if (connection.inTransaction) {
      throw new StoreError("MIGRATION_FAILED", `${script.file} left a transaction open`);
    }
    rows.after();
    requireOwnTables(connection, script);
  } catch (error) {
    rollBack(connection);
    await inTransaction(target, () => restoreOwnTables(connection, after));
    throw dirtyError(database, after, { cause: atItsEnd(script, error), before });
  } finally {
    connection.pragma(`busy_timeout = ${busyTimeoutMs}`);
    // The file may have set it, and the next one counts on it.
    connection.pragma("foreign_keys = ON");
  }
  const durationMs = performance.now() - started;
  try {
    await inTransaction(target, () => {
      requireTurn(target, after);
      record(connection, step, durationMs);
    });
  } catch (error) {
    throw dirtyError(database, after, { cause: atItsEnd(script, error), before });
  }
  return durationMs;
}

/** golang-migrate does not know our lock: it may have moved the version since we read it. */
function requireTurn({ connection, database }: Target, expected: bigint): void {
  checkTurn(database, readVersion(connection).version, expected);
}

function requireOwnTables(connection: Connection, { file }: MigrationScript): void {
  checkOwnTables(file, [
    ...(hasVersionTable(connection) ? [] : ["schema_migrations"]),
    ...(hasLogTable(connection) ? [] : ["schema_migrations_log"]),
  ]);
}

/** Whatever the file did to them, the database must say that it is dirty. */
function restoreOwnTables(connection: Connection, version: bigint): void {
  if (!hasVersionTable(connection)) {
    connection.exec("DROP TABLE IF EXISTS schema_migrations");
    createVersionTable(connection);
  }
  if (!hasLogTable(connection)) {
    connection.exec("DROP TABLE IF EXISTS schema_migrations_log");
    createLogTable(connection);
  }
  writeVersion(connection, { version, dirty: true });
}

function record(connection: Connection, step: Step, durationMs: number): void {
  const { file, direction, after: version } = step;
  writeVersion(connection, { version, dirty: false });
  if (direction === "up") writeLogEntry(connection, file, "applied", durationMs);
  else truncateLog(connection, version);
}

/** The StoreError for what was thrown while `script` ran, or as what it did was committed. */
function atItsEnd({ file }: MigrationScript, error: unknown): StoreError {
  if (error instanceof StoreError) return error;
  const message = error instanceof Error ? error.message : String(error);
  const reason = isBusy(error) ? "the database is busy" : `at its end: ${message}`;
  return new StoreError("MIGRATION_FAILED", `${file}: ${reason}`, { cause: error });
}
