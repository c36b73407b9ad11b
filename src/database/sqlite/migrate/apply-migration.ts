// Runs one migration, up or down, together with its rows in schema_migrations and in the log.
// The caller holds the migration lock and has decided that it is this migration's turn.

import { StoreError } from "../../../errors.ts";
import { type Connection, isBusy, readPragma } from "../connection/connection.ts";
import { type MigrationFile, type MigrationScript, requireScript } from "./files.ts";
import { createLogTable, hasLogTable, truncateLog, writeLogEntry } from "./migration-log.ts";
import { watchRows } from "./row-guard.ts";
import { runScript } from "./run-script.ts";
import { inTransaction, rollBack, type Target } from "./target.ts";
import {
  createVersionTable,
  hasVersionTable,
  NO_VERSION,
  readVersion,
  writeVersion,
} from "./version.ts";

/** Which way a migration is run. */
export type Direction = "up" | "down";

/** One migration that is to be run, and the versions before and after it. */
export interface Step {
  readonly file: MigrationFile;
  readonly direction: Direction;
  readonly before: bigint;
  readonly after: bigint;
}

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

/** The error for a database that is dirty at `version`; it has the commands that repair it. */
export function dirtyError(
  database: string,
  version: bigint,
  { cause, before }: { readonly cause?: StoreError; readonly before?: bigint } = {},
): StoreError {
  const reason = cause ? `: ${cause.message}` : "";
  const command = `protostore migrate force ${version} --database ${database}`;
  const other = before === undefined ? "or to the one before" : `or back to ${nameVersion(before)}`;
  return new StoreError(
    "MIGRATION_DIRTY",
    `a migration to ${nameVersion(version)} did not finish${reason}. Bring the schema there by ` +
      `hand, then run: ${command}; ${other}, then force that one`,
    { cause },
  );
}

/** The version in a sentence, and in a command if it is none. */
function nameVersion(version: bigint): string {
  return version === NO_VERSION ? "no version (-1)" : `version ${version}`;
}

async function applyInTransaction(
  target: Target,
  step: Step,
  script: MigrationScript,
): Promise<number> {
  const { connection } = target;
  try {
    return await inTransaction(target, () => {
      checkTurn(target, step.before);
      const started = performance.now();
      const rows = watchRows(connection, script);
      runScript(connection, script, rows.before);
      rows.after();
      checkOwnTables(connection, script);
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
    checkTurn(target, before);
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
    checkOwnTables(connection, script);
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
      checkTurn(target, after);
      record(connection, step, durationMs);
    });
  } catch (error) {
    throw dirtyError(database, after, { cause: atItsEnd(script, error), before });
  }
  return durationMs;
}

/** golang-migrate does not know our lock: it may have moved the version since we read it. */
function checkTurn({ connection, database }: Target, expected: bigint): void {
  const { version } = readVersion(connection);
  if (version === expected) return;
  throw new StoreError(
    "MIGRATION_LOCKED",
    `another tool is migrating ${database}: its version is ${version} and was ${expected}`,
  );
}

/** What is recorded in cannot be dropped by what is recorded. */
function checkOwnTables(connection: Connection, { file }: MigrationScript): void {
  const lost = [
    ...(hasVersionTable(connection) ? [] : ["schema_migrations"]),
    ...(hasLogTable(connection) ? [] : ["schema_migrations_log"]),
  ];
  if (lost.length === 0) return;
  throw new StoreError(
    "MIGRATION_FAILED",
    `${file} drops or changes ${lost.join(" and ")}, where migrations are recorded`,
  );
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
