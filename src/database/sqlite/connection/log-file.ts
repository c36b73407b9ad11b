// Reads the file of a write-ahead log itself: whether it still has what SQLite has written there.
// SQLite holds no lock on this file, so that it may be opened and closed; must not open the others.

import { closeSync, openSync, readSync } from "node:fs";

/** Notices that somebody has cut the log, even if it has grown again since. */
export interface LogTail {
  /**
   * Remembers where the log ends. False if one of the frames is missing that it has had since the
   * last time: what is written after a cut leaves a hole, and the end is there.
   */
  note(): boolean;
  /** The same, but looks at the last frame only: for who has written the others. */
  noteOwn(): boolean;
  /** False if what was remembered is not there any more, and no checkpoint has ended it. */
  isWhole(): boolean;
  close(): void;
}

const HEADER_BYTES = 32;
const FRAME_HEADER_BYTES = 24;
/** Where the salt is, in the header of the log and in that of each of its frames. */
const [LOG_SALT, FRAME_SALT, SALT_BYTES] = [16, 8, 8];
/** What a log begins with; the last bit is the byte order of its checksums. */
const MAGIC = 0x377f_0682;
/** SQLite's locks are on this byte; the page that has it is never written. */
const LOCK_BYTE = 0x4000_0000n;

/**
 * Watches the log at `path`, whose frames are of one page of `pageSize` bytes; `countFrames` tells
 * how many SQLite believes to be there.
 */
export function watchTail(path: string, pageSize: number, countFrames: () => number): LogTail {
  const file = openSync(path, "r");
  const header = Buffer.alloc(HEADER_BYTES);
  const frame = Buffer.alloc(FRAME_HEADER_BYTES);
  const salt = Buffer.alloc(SALT_BYTES);
  let frames = 0;

  function readSalt(): Buffer | undefined {
    if (readSync(file, header, 0, HEADER_BYTES, 0) < HEADER_BYTES) return undefined;
    const isLog = (header.readUInt32BE(0) & ~1) === MAGIC;
    return isLog ? header.subarray(LOG_SALT, LOG_SALT + SALT_BYTES) : undefined;
  }

  /** Frames are counted from 1. */
  function hasFrames(from: number, to: number): boolean {
    for (let each = Math.max(from, 1); each <= to; each++) {
      const at = HEADER_BYTES + (each - 1) * (FRAME_HEADER_BYTES + pageSize);
      if (readSync(file, frame, 0, FRAME_HEADER_BYTES, at) < FRAME_HEADER_BYTES) return false;
      if (!frame.subarray(FRAME_SALT, FRAME_SALT + SALT_BYTES).equals(salt)) return false;
    }
    return true;
  }

  function look(): boolean {
    const found = readSalt();
    // A log that was begun again has another salt; one that was emptied has no frames.
    if (!found) return countFrames() === 0;
    return !found.equals(salt) || hasFrames(frames, frames);
  }

  function note(isOwn: boolean): boolean {
    const known = frames;
    frames = countFrames();
    const found = readSalt();
    if (!found) return frames === 0;
    const isAnother = !found.equals(salt);
    found.copy(salt);
    if (hasFrames(isOwn ? frames : isAnother ? 1 : known, frames)) return true;
    frames = 0;
    return false;
  }

  return {
    // The log may have begun again between two steps of the first attempt.
    note: () => note(false) || note(false),
    noteOwn: () => note(true) || note(true),
    isWhole: () => look() || look(),
    close: () => closeSync(file),
  };
}

/** True if the log at `path` has every page of the database after `last` up to `end`. */
export function isCovered(path: string, last: bigint, end: bigint, pageSize: bigint): boolean {
  const missing = new Set<number>();
  for (let page = last + 1n; page <= end; page++) missing.add(Number(page));
  missing.delete(Number(LOCK_BYTE / pageSize + 1n));
  for (const page of readPages(path, Number(pageSize))) missing.delete(page);
  return missing.size === 0;
}

/** The pages of the frames since the log last began again. */
function* readPages(path: string, pageSize: number): Generator<number> {
  const file = openSync(path, "r");
  try {
    const header = Buffer.alloc(HEADER_BYTES);
    if (readSync(file, header, 0, HEADER_BYTES, 0) < HEADER_BYTES) return;
    const salt = header.subarray(LOG_SALT, LOG_SALT + SALT_BYTES);
    const frame = Buffer.alloc(FRAME_HEADER_BYTES);
    for (let at = HEADER_BYTES; ; at += FRAME_HEADER_BYTES + pageSize) {
      if (readSync(file, frame, 0, FRAME_HEADER_BYTES, at) < FRAME_HEADER_BYTES) return;
      if (!frame.subarray(FRAME_SALT, FRAME_SALT + SALT_BYTES).equals(salt)) return;
      yield frame.readUInt32BE(0);
    }
  } finally {
    closeSync(file);
  }
}
