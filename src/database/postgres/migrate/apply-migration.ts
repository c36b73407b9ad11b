// Runs one migration, up or down, together with its rows in schema_migrations and in the log.
// The caller holds the migration lock and has decided that it is this migration's turn.

import { StoreError } from "../../../errors.ts";
import { type MigrationScript, requireScript } from "../../migrations/files.ts";
import type { Step } from "../../migrations/steps.ts";
import { checkOwnTables, checkTurn, dirtyError, UNRECORDED } from "../../migrations/version.ts";
import { isServerError } from "../errors.ts";
import type { Session } from "../session.ts";
import {
  createRecordTables,
  dropTables,
  findLostTables,
  readVersionRow,
  truncateLog,
  writeLogEntry,
  writeVersion,
} from "./record.ts";
import { runScript } from "./run-script.ts";
import { isBusy, rollBack, type Target, unlessLost } from "./target.ts";

/**
 * Runs `step` and returns how long that took, in milliseconds. If this process is killed, the
 * database is at the version before or at the one after; only a file that asked for no transaction
 * can leave it dirty.
 * @throws StoreError MIGRATION_FAILED with nothing changed, MIGRATION_LOCKED, MIGRATION_DIRTY.
 */
export async function applyMigration(target: Target, step: Step): Promise<number> {
  const script = requireScript(step.file, step.direction);
  const apply = script.mode === "no-transaction" ? applyWithoutTransaction : applyInTransaction;
  return await apply(target, step, script);
}

async function applyInTransaction(
  target: Target,
  step: Step,
  script: MigrationScript,
): Promise<number> {
  const { session } = target;
  try {
    return await target.inTransaction(async () => {
      await requireTurn(target, step.before);
      const started = performance.now();
      await runScript(session, script);
      checkOwnTables(script.file, await findLostTables(session));
      const durationMs = performance.now() - started;
      await record(session, step, durationMs);
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
  const { session, database } = target;
  const { before, after } = step;
  await target.inTransaction(async () => {
    await requireTurn(target, before);
    await writeVersion(session, { version: after, dirty: true });
  });
  const started = performance.now();
  try {
    await runScript(session, script);
    if (session.inTransaction) {
      throw new StoreError("MIGRATION_FAILED", `${script.file} left a transaction open`);
    }
    checkOwnTables(script.file, await findLostTables(session));
  } catch (error) {
    await rollBack(session);
    await unlessLost(() => restoreOwnTables(target, after));
    throw dirtyError(database, after, { cause: toStoreError(script, error), before });
  }
  const durationMs = performance.now() - started;
  try {
    await target.inTransaction(async () => {
      await requireTurn(target, after);
      await record(session, step, durationMs);
    });
  } catch (error) {
    throw dirtyError(database, after, { cause: toStoreError(script, error), before });
  }
  return durationMs;
}

async function requireTurn({ session, database }: Target, expected: bigint): Promise<void> {
  const { version } = (await readVersionRow(session)) ?? UNRECORDED;
  checkTurn(database, version, expected);
}

/** Whatever the file did to them, the database must say that it is dirty. */
async function restoreOwnTables(target: Target, version: bigint): Promise<void> {
  const { session } = target;
  await session.script("RESET ALL; RESET ROLE");
  await target.inTransaction(async () => {
    await dropTables(session, await findLostTables(session));
    await createRecordTables(session);
    await writeVersion(session, { version, dirty: true });
  });
}

async function record(session: Session, step: Step, durationMs: number): Promise<void> {
  const { file, direction, after: version } = step;
  await writeVersion(session, { version, dirty: false });
  if (direction === "up") await writeLogEntry(session, file, "applied", durationMs);
  else await truncateLog(session, version);
}

/** What the server answers as what `script` did is committed, such as to a reference that is checked late. */
function atItsEnd(script: MigrationScript, error: unknown): unknown {
  return isServerError(error) && !isBusy(error) ? toStoreError(script, error) : error;
}

function toStoreError({ file }: MigrationScript, error: unknown): StoreError {
  if (error instanceof StoreError) return error;
  const message = error instanceof Error ? error.message : String(error);
  const reason = isBusy(error) ? "the database is busy" : `at its end: ${message}`;
  return new StoreError("MIGRATION_FAILED", `${file}: ${reason}`, { cause: error });
}
