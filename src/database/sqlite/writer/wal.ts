// Care of the write-ahead log: it is checkpointed by the server, so that the server knows when.
// Must not wait for readers: what they still need stays in the log.

import type { Checkpoint, CheckpointMode } from "../../checkpoint.ts";
import { type Connection, isSqliteError } from "../connection/connection.ts";
import { waitForLock } from "./lock-wait.ts";

/** What the log holds. */
export interface WalState {
  /** Frames (pages) in the log. */
  readonly frames: number;
  /** Frames that are not yet copied into the database file. */
  readonly pendingFrames: number;
}

/** Watches the log of one write connection. */
export interface WalKeeper {
  /**
   * Copies the log into the database if it has grown long; called after each commit. The time if all
   * of it was copied, in milliseconds since the epoch.
   */
  afterCommit(): number | undefined;
  /** Copies as much of the log as the mode says and others allow. */
  checkpoint(mode: CheckpointMode): Checkpoint;
  /** Copies all of the log into the database and empties it, if that can be done without waiting. */
  save(): boolean;
}

/**
 * The frames after which the log is copied, 13.4 MiB. SQLite's own default is 1000; but a page that is
 * written again and again is copied once, and so the fewer copies the less work.
 */
export const CHECKPOINT_FRAMES = 3400;

/**
 * A log that has not begun again after a copy is tried again when it has grown by so many, and after each
 * attempt by twice as many, up to the last: each may keep writes waiting for a moment.
 */
const [FIRST_AGAIN_FRAMES, LAST_AGAIN_FRAMES] = [100, 4000];

/** A millisecond each: as long as reads of a few milliseconds take that follow each other. */
const RESTART_ATTEMPTS = 20;

/**
 * Reads, without any side effect, what the log holds; zeros if the journal mode is not WAL, or if the
 * index of the log cannot be written, so that SQLite does not look.
 */
export function createWalLook(connection: Connection): () => WalState {
  const look = connection.prepare(LOOK).raw();
  return () => {
    try {
      return toState(look.get());
    } catch (error) {
      if (isSqliteError(error) && error.code.startsWith("SQLITE_READONLY")) return toState([]);
      throw error;
    }
  };
}

/** What the log holds at this moment. */
export function readWal(connection: Connection): WalState {
  return createWalLook(connection)();
}

/** The answer is whether it was busy, the frames of the log, and those that are copied. */
const LOOK = "PRAGMA wal_checkpoint(NOOP)";

/** Takes over checkpoints from SQLite. A log is cut to `sizeBytes` when it is reset. */
export function keepWal(connection: Connection, sizeBytes: number): WalKeeper {
  connection.pragma("wal_autocheckpoint = 0");
  connection.pragma(`journal_size_limit = ${sizeBytes}`);
  const look = createWalLook(connection);
  let nextFrames = CHECKPOINT_FRAMES;
  let againFrames = FIRST_AGAIN_FRAMES;
  const run = (mode: CheckpointMode) =>
    connection.prepare(`PRAGMA wal_checkpoint(${mode})`).raw().get();

  /**
   * Has the next commit begin the log again. Reads that began before the newest commit must end first, and
   * then those that began before all was copied: SQLite itself does not wait for the first kind.
   */
  function restart(): unknown {
    for (let attempt = 0; ; attempt++) {
      const answer = run("RESTART") as [bigint];
      if (answer[0] === 0n || attempt === RESTART_ATTEMPTS) return answer;
      waitForLock(attempt);
    }
  }

  return {
    checkpoint(mode) {
      const answer = run(mode);
      const [busy] = answer as [bigint];
      const { frames, pendingFrames } = toState(answer);
      return { blocked: busy !== 0n, frames, checkpointedFrames: frames - pendingFrames };
    },
    save() {
      // What is then left of the log, wherever it is, can neither be lost nor taken for another's.
      const [busy] = run("TRUNCATE") as [bigint];
      return busy === 0n;
    },
    afterCommit() {
      const { frames } = look();
      if (frames < CHECKPOINT_FRAMES) {
        nextFrames = CHECKPOINT_FRAMES;
        againFrames = FIRST_AGAIN_FRAMES;
        return undefined;
      }
      if (frames < nextFrames) return undefined;
      // Waits for nobody. But it never catches up while other processes write; and a read that goes on keeps
      // the next commit from beginning the log again, until which it grows though all of it is copied.
      const isFirst = nextFrames === CHECKPOINT_FRAMES;
      nextFrames = frames + againFrames;
      againFrames = Math.min(againFrames * 2, LAST_AGAIN_FRAMES);
      const after = toState(isFirst ? run("PASSIVE") : restart());
      return after.pendingFrames === 0 ? Date.now() : undefined;
    },
  };
}

function toState(answer: unknown): WalState {
  const [, log, checkpointed] = (answer ?? []) as (bigint | undefined)[];
  const frames = Math.max(Number(log ?? 0), 0);
  const copied = Math.max(Number(checkpointed ?? 0), 0);
  return { frames, pendingFrames: frames - copied };
}
