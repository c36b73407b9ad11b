// Runs one migration, up or down, together with its rows in schema_migrations and in the log.
// The caller holds the migration lock and has decided that it is this migration's turn.

import { type Connection, readPragma } from "../database/sqlite/connection.ts";
import { StoreError } from "../errors.ts";
import type { MigrationFile, MigrationScript } from "./files.ts";
import { truncateLog, writeLogEntry } from "./log.ts";
import { runScript } from "./statements.ts";
import { inTransaction, rollBack, type Target } from "./target.ts";
import { readVersion, writeVersion } from "./version.ts";

/** Which way a migration is run. */
export type Direction = "up" | "down";

/**
 * Runs `file` in `direction` and returns how long that took, in milliseconds. If this process is
 * killed, the database is at the version before or at the one after; only a file that asked for no
 * transaction can leave it dirty.
 * @throws StoreError MIGRATION_FAILED with nothing changed, or MIGRATION_DIRTY.
 */
export async function applyMigration(
  target: Target,
  file: MigrationFile,
  direction: Direction,
): Promise<number> {
  const step = { file, direction, script: file[direction] };
  switch (step.script.mode) {
    case "transaction":
      return await applyInTransaction(target, step);
    case "foreign-keys-off":
      // The pragma does nothing inside a transaction.
      target.connection.pragma("foreign_keys = OFF");
      try {
        return await applyInTransaction(target, step);
      } finally {
        target.connection.pragma("foreign_keys = ON");
      }
    case "no-transaction":
      return await applyWithoutTransaction(target, step);
  }
}

/** The error for a database that is dirty at `version`; it has the command that repairs it. */
export function dirtyError(database: string, version: number, cause?: StoreError): StoreError {
  const reason = cause ? `: ${cause.message}` : "";
  return new StoreError(
    "MIGRATION_DIRTY",
    `a migration to version ${version} did not finish${reason}. Bring the schema to version ` +
      `${version} by hand, then run: protostore migrate force ${version} --database ${database}`,
    { cause },
  );
}

interface Step {
  readonly file: MigrationFile;
  readonly direction: Direction;
  readonly script: MigrationScript;
}

async function applyInTransaction(target: Target, step: Step): Promise<number> {
  return await inTransaction(target, () => {
    checkTurn(target, versionBefore(step));
    const started = performance.now();
    runScript(target.connection, step.script);
    if (step.script.mode === "foreign-keys-off") checkForeignKeys(target.connection, step.script);
    const durationMs = performance.now() - started;
    record(target.connection, step, durationMs);
    return durationMs;
  });
}

async function applyWithoutTransaction(target: Target, step: Step): Promise<number> {
  const { connection, database, lockTimeoutMs } = target;
  const after = versionAfter(step);
  await inTransaction(target, () => {
    checkTurn(target, versionBefore(step));
    writeVersion(connection, { version: after, dirty: true });
  });
  const started = performance.now();
  const busyTimeoutMs = readPragma(connection, "busy_timeout");
  try {
    // A statement outside a transaction cannot be tried again, so it waits inside SQLite.
    connection.pragma(`busy_timeout = ${lockTimeoutMs}`);
    runScript(connection, step.script);
    if (connection.inTransaction) {
      throw new StoreError("MIGRATION_FAILED", `${step.script.file} left a transaction open`);
    }
  } catch (error) {
    rollBack(connection);
    throw dirtyError(database, after, error instanceof StoreError ? error : busyError(step));
  } finally {
    connection.pragma(`busy_timeout = ${busyTimeoutMs}`);
  }
  const durationMs = performance.now() - started;
  await inTransaction(target, () => {
    checkTurn(target, after);
    record(connection, step, durationMs);
  });
  return durationMs;
}

/** golang-migrate does not know our lock: it may have moved the version since we read it. */
function checkTurn({ connection, database }: Target, expected: number): void {
  const { version } = readVersion(connection);
  if (version === expected) return;
  throw new StoreError(
    "MIGRATION_LOCKED",
    `another tool is migrating ${database}: its version is ${version} and was ${expected}`,
  );
}

function checkForeignKeys(connection: Connection, { file }: MigrationScript): void {
  const violations = connection.pragma("foreign_key_check") as { table: string; parent: string }[];
  const [first] = violations;
  if (!first) return;
  throw new StoreError(
    "MIGRATION_FAILED",
    `${file}: ${violations.length} references point to nothing afterwards, ` +
      `the first from ${first.table} to ${first.parent}`,
  );
}

function record(connection: Connection, step: Step, durationMs: number): void {
  const version = versionAfter(step);
  writeVersion(connection, { version, dirty: false });
  if (step.direction === "up") writeLogEntry(connection, step.file, "applied", durationMs);
  else truncateLog(connection, version);
}

function versionBefore({ file, direction }: Step): number {
  return direction === "up" ? file.version - 1 : file.version;
}

function versionAfter({ file, direction }: Step): number {
  return direction === "up" ? file.version : file.version - 1;
}

function busyError({ script }: Step): StoreError {
  return new StoreError("MIGRATION_FAILED", `${script.file}: the database is busy`);
}
