// Notices that a read transaction keeps the log from being copied and cut, and whose it is.
// Must not open the database's files: to close them would drop the locks of this process.

import { readFileSync, statSync } from "node:fs";
import { CHECKPOINT_FRAMES, type WalState } from "../writer/wal.ts";

/** Why the log grows. */
export interface LogHold {
  /** When it was first seen, in milliseconds since the epoch. */
  readonly sinceMs: number;
  /** Frames that are not copied into the database. */
  readonly frames: number;
  /** The other processes that have a read transaction open. */
  readonly processIds: readonly number[];
}

/** Sees a hold if two looks in a row find so many frames that a checkpoint must have failed. */
export interface HoldWatch {
  /** What has changed since the look before. */
  look(): "began" | "ended" | undefined;
  /** What the last look saw. */
  readonly hold: LogHold | undefined;
}

/** Watches the log of the database at `path`; `readWal` tells what it holds. */
export function watchHold(path: string, readWal: () => WalState): HoldWatch {
  let sinceMs: number | undefined;
  let hold: LogHold | undefined;
  return {
    look() {
      const { pendingFrames: frames } = readWal();
      const before = hold;
      const isSecond = sinceMs !== undefined;
      sinceMs = frames < CHECKPOINT_FRAMES ? undefined : (sinceMs ?? Date.now());
      // A checkpoint follows each commit that leaves so many frames: it may just be at work.
      hold =
        sinceMs !== undefined && isSecond
          ? { sinceMs, frames, processIds: otherReaders(path) }
          : undefined;
      if (hold && !before) return "began";
      return before && !hold ? "ended" : undefined;
    },
    get hold() {
      return hold;
    },
  };
}

/** Where in the index the locks of read transactions are (sqlite.org/walformat.html). */
const READ_LOCKS = { first: 123, last: 127 };

/** `1: POSIX  ADVISORY  READ 4711 08:01:131 123 123`: process, device and inode, bytes from and to. */
const LOCK =
  /^\d+: POSIX +\w+ +\w+ +(?<pid>\d+) +\w+:\w+:(?<inode>\d+) +(?<first>\d+) +(?<last>\d+)$/;

function otherReaders(path: string): readonly number[] {
  return processesWithLocks(`${path}-shm`, READ_LOCKS);
}

/**
 * The other processes that have locks on a file, or on some bytes of it; none where the system does not
 * tell. A database that somebody has open is locked in its own file.
 */
export function processesWithLocks(
  path: string,
  bytes = { first: 0, last: Number.POSITIVE_INFINITY },
): readonly number[] {
  const inode = statSync(path, { throwIfNoEntry: false })?.ino;
  const found = new Set<number>();
  for (const line of readLocks()) {
    const { groups } = LOCK.exec(line) ?? {};
    if (!groups || Number(groups.inode) !== inode) continue;
    const isThere = Number(groups.first) <= bytes.last && Number(groups.last) >= bytes.first;
    if (isThere && Number(groups.pid) !== process.pid) found.add(Number(groups.pid));
  }
  return [...found];
}

/** The locks on all files; none where the system does not tell. */
function readLocks(): readonly string[] {
  try {
    return readFileSync("/proc/locks", "utf8").split("\n");
  } catch {
    return [];
  }
}
