// Lets the writer write only while the files are its own, and saves what is in the log when they are
// not. Runs in the writer thread; must not write to any file but the one that was opened.

import { type ErrorCode, StoreError } from "../../../errors.ts";
import type { Checkpoint, CheckpointMode } from "../../checkpoint.ts";
import type { Outcome, PendingCommit, Report } from "../../sql/write/group.ts";
import { type Connection, isSqliteError, readPragma } from "../connection/connection.ts";
import type { FileGuard } from "../connection/file-guard.ts";
import { isReadOnlyNow, readOnlyMedia } from "../connection/media.ts";
import type { CommitGroup } from "./group-commit.ts";
import type { WalKeeper } from "./wal.ts";

/** The writer's care of its files. */
export interface FileKeeper {
  /** Commits a group if the files are there, and reports no success if they are not any more. */
  commit(commitGroup: CommitGroup, group: readonly PendingCommit[], report: Report): void;
  /** What is to be done once a group has its answers. The time of a checkpoint, as `WalKeeper`. */
  afterCommit(): number | undefined;
  /** Copies the log, as far as the mode says. @throws StoreError if the files are not as they should be. */
  checkpoint(mode: CheckpointMode): Checkpoint;
  /** Runs what writes and is no commit. @throws StoreError if the files are not as they should be. */
  change<T>(action: () => T): T;
  /** Looks again, and saves what can be saved. */
  mend(): void;
}

/** As what an error of the disk comes that no code of ours is about. */
const DISK_ERRORS: ReadonlySet<ErrorCode> = new Set(["INTERNAL", "READ_ONLY_MEDIA"]);

/** The keeper of the files that `connection` writes to. */
export function keepFiles(connection: Connection, guard: FileGuard, wal: WalKeeper): FileKeeper {
  const path = connection.name;
  /** What the last look found. */
  let problem: StoreError | undefined;
  let isSaved = false;
  /** From the first write that the disk refuses to the first look that finds it writable again. */
  let isReadOnly = false;

  function mend(): void {
    problem = guard.check();
    if (!problem) isSaved = false;
    else if (problem.code !== "DATABASE_REPLACED") setMode(connection);
    else if (!isSaved && guard.maySave()) isSaved = save();
  }

  function refuseIfLost(): void {
    const found = guard.check() ?? (isReadOnlyNow(path) ? readOnlyMedia() : undefined);
    if (found) throw found;
  }

  function save(): boolean {
    try {
      return wal.save();
    } catch (error) {
      if (isSqliteError(error)) return false;
      throw error;
    }
  }

  return {
    commit(commitGroup, group, report) {
      const found = (problem ? guard.check() : guard.checkDatabase()) ?? guard.note();
      problem = found;
      if (found) return report(group.map(({ id }) => ({ id, error: found })));
      isReadOnly &&= isReadOnlyNow(path);
      if (isReadOnly) return report(group.map(({ id }) => ({ id, error: readOnlyMedia() })));
      commitGroup(group, (outcomes, changes) => {
        if (outcomes.some(({ error }) => !error || isOfFiles(error)))
          problem = guard.check() ?? guard.noteOwn();
        const told = outcomes.map(nameMedia);
        if (problem) report(told.map(takeBack));
        else report(told, changes);
      });
    },
    afterCommit() {
      if (problem) mend();
      if (problem || isReadOnly) return undefined;
      try {
        return wal.afterCommit();
      } catch (error) {
        isReadOnly = isReadOnlyNow(path);
        if (isReadOnly) return undefined;
        throw error;
      }
    },
    checkpoint(mode) {
      refuseIfLost();
      return wal.checkpoint(mode);
    },
    change(action) {
      refuseIfLost();
      problem = guard.note();
      if (problem) throw problem;
      try {
        return action();
      } finally {
        problem = guard.check() ?? guard.noteOwn();
      }
    },
    mend,
  };

  /** SQLite says of a disk that has become read-only that it has failed, or less. */
  function nameMedia(outcome: Outcome): Outcome {
    const { id, error } = outcome;
    if (!error || !DISK_ERRORS.has(error.code) || !isReadOnlyNow(path)) return outcome;
    isReadOnly = true;
    return { id, error: readOnlyMedia(undefined, error.details.cause) };
  }

  function takeBack(outcome: Outcome): Outcome {
    const { id, error } = outcome;
    if (!problem || (error && !isOfFiles(error))) return outcome;
    return { id, error: error ? problem : perhapsDone(problem) };
  }
}

/** True for an error that other files than ours, or parts that are gone, would explain. */
function isOfFiles({ code }: StoreError): boolean {
  return /^(?:DATABASE|DISK|SCHEMA|READ_ONLY)_|^INTERNAL$/.test(code);
}

/** The commit is in the file that was opened, wherever that is now. */
function perhapsDone({ code, message, details }: StoreError): StoreError {
  return new StoreError(code, `${message}: the write may have been carried out`, details);
}

/** Back to a write-ahead log, if nobody uses the database now. */
function setMode(connection: Connection): void {
  try {
    readPragma(connection, "journal_mode = WAL");
  } catch (error) {
    if (!isSqliteError(error)) throw error;
  }
}
