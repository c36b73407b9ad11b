// Knows whether the files at a database's path are still those that a connection has open.
// Must only `stat` them: to open the database or its index once more, and close it, would drop the
// locks that SQLite holds in this process.

import { type BigIntStats, statSync } from "node:fs";
import { StoreError } from "../../../errors.ts";
import { createWalLook } from "../writer/wal.ts";
import {
  type Connection,
  type ConnectionOptions,
  isBusy,
  openConnection,
  readPragma,
  translateSqliteError,
} from "./connection.ts";
import { isCovered, type LogTail, watchTail } from "./log-file.ts";
import { mustBeImmutable } from "./media.ts";

/** What a file is, whatever its name. */
export interface FileIdentity {
  readonly device: bigint;
  readonly inode: bigint;
}

/** The files of one database; the log and its index are there in WAL mode only. */
export interface StoreFiles {
  readonly database: FileIdentity;
  readonly log?: LogFiles | undefined;
  /** True if it is read as one that nobody changes. */
  readonly immutable?: boolean;
}

interface LogFiles {
  readonly wal: FileIdentity;
  readonly index: FileIdentity;
}

/** Watches the files of a connection. What it returns is why nothing may be read or written now. */
export interface FileGuard {
  /** What the connection has open. */
  readonly files: StoreFiles;
  /** Looks at the database file only: one `stat`. */
  checkDatabase(): StoreError | undefined;
  /** Looks at the database, the log and its index: three of them, and two short reads. */
  check(): StoreError | undefined;
  /** Looks whether the log is whole, and remembers it for `check` to miss what is lost of it. */
  note(): StoreError | undefined;
  /** The same after a write of its own, whose frames need not be looked at. */
  noteOwn(): StoreError | undefined;
  /**
   * Whether the log may be copied into the file that was opened, wherever that is. Not if its content
   * is another, nor if others may use it by another index: then locks would not keep them apart.
   */
  maySave(): boolean;
  /** Closes what it has open, which is the log. */
  close(): void;
}

export interface Guarded {
  readonly connection: Connection;
  readonly guard: FileGuard;
}

export interface GuardOptions extends ConnectionOptions {
  /** The files that it must be; whatever is there if absent. */
  readonly known?: StoreFiles | undefined;
  /** Whether the database must be in WAL mode; true if absent. */
  readonly requireLog?: boolean;
}

/** Which file, and what is wrong with it: the metadata of DATABASE_REPLACED. */
export interface FileProblem {
  readonly file: "database" | "log" | "index";
  readonly state: "missing" | "replaced" | "overwritten";
}

/** How long the first read waits for another program's lock; nothing is served yet. */
const FIRST_READ_TIMEOUT_MS = 5_000;

/**
 * Opens `path` and reads from it once, which is when SQLite opens the log.
 * @throws StoreError DATABASE_REPLACED if there is another file than `known`, or than a moment ago;
 * what `openConnection` throws; SqliteError.
 */
export function openGuarded(path: string, options: GuardOptions): Guarded {
  const { known, requireLog = true } = options;
  const before = statOf(path);
  if (known && !isSame(before, known.database)) throw replaced("database", before);
  // To read from the database would make a new log where the known one is missing.
  const otherLog = known?.log && differenceOf(path, known.log);
  if (otherLog) throw otherLog;
  const found = options.immutable ?? (options.readOnly === true && mustBeImmutable(path));
  const immutable = known?.immutable ?? found;
  const connection = openConnection(path, { ...options, immutable });
  try {
    connection.pragma(`busy_timeout = ${FIRST_READ_TIMEOUT_MS}`);
    const log = immutable ? undefined : findLog(connection, path);
    connection.pragma(`busy_timeout = ${options.busyTimeoutMs}`);
    const after = statOf(path);
    if (!before || !after || !isSame(after, identityOf(before))) throw replaced("database", after);
    const files = known?.log ? known : { database: identityOf(before), log, immutable };
    const guard = immutable
      ? guardImmutable(connection, path, files, before)
      : guardFiles(connection, path, files, requireLog);
    const problem = known && guard.check();
    if (problem) throw problem;
    return { connection, guard };
  } catch (error) {
    connection.close();
    throw error;
  }
}

function guardFiles(
  connection: Connection,
  path: string,
  { database, log: known }: StoreFiles,
  requireLog: boolean,
): FileGuard {
  let log = known;
  let size = statOf(path)?.size ?? 0n;
  /** Lasts: what was written over is not the same again when its size is. */
  let overwritten: StoreError | undefined;
  let tail: LogTail | undefined;

  function noteBy(look: (tail: LogTail) => boolean): StoreError | undefined {
    if (log && !overwritten) {
      tail ??= openTail(connection, path);
      if (!look(tail)) overwritten = problemOf({ file: "log", state: "overwritten" });
    }
    return overwritten;
  }

  function checkDatabase(): StoreError | undefined {
    const found = statOf(path);
    if (!found || !isSame(found, database)) return replaced("database", found);
    if (found.size !== size && !overwritten) {
      const explained = isExplained(connection, path, size, found.size);
      if (explained) size = found.size;
      // A checkpoint may have gone on meanwhile.
      else if (explained === false && statOf(path)?.size === found.size) {
        overwritten = problemOf({ file: "database", state: "overwritten" });
      }
    }
    return overwritten;
  }

  function checkLog(): StoreError | undefined {
    try {
      log ??= findLog(connection, path);
    } catch (error) {
      return translateSqliteError(error);
    }
    if (!log) return requireLog ? noLog() : undefined;
    const difference = differenceOf(path, log);
    if (difference) return difference;
    if (tail?.isWhole() === false) {
      overwritten = problemOf({ file: "log", state: "overwritten" });
    }
    return overwritten;
  }

  return {
    get files() {
      return { database, log };
    },
    checkDatabase,
    check: () => checkDatabase() ?? checkLog(),
    note: () => noteBy((tail) => tail.note()),
    noteOwn: () => noteBy((tail) => tail.noteOwn()),
    close() {
      tail?.close();
      tail = undefined;
    },
    maySave() {
      const index = statOf(`${path}-shm`);
      return !overwritten && log !== undefined && (!index || isSame(index, log.index));
    },
  };
}

/** Nobody can write there, or so it was: what is noticed of a change must be served no more. */
function guardImmutable(
  connection: Connection,
  path: string,
  files: StoreFiles,
  { size, mtimeNs }: BigIntStats,
): FileGuard {
  // The first read: a file that is no database is not to be served.
  readPragma(connection, "schema_version");
  let changed: StoreError | undefined;

  function check(): StoreError | undefined {
    const found = statOf(path);
    if (!found || !isSame(found, files.database)) return replaced("database", found);
    if (found.size !== size || found.mtimeNs !== mtimeNs) {
      changed = problemOf({ file: "database", state: "overwritten" });
    }
    if (statOf(`${path}-wal`)?.size) changed ??= problemOf({ file: "log", state: "replaced" });
    return changed;
  }

  return {
    files,
    checkDatabase: check,
    check,
    note: () => undefined,
    noteOwn: () => undefined,
    maySave: () => false,
    close() {},
  };
}

/** Why the log at `path` is not this one, if it is not. */
function differenceOf(path: string, log: LogFiles): StoreError | undefined {
  const wal = statOf(`${path}-wal`);
  if (!isSame(wal, log.wal)) return replaced("log", wal);
  const index = statOf(`${path}-shm`);
  return isSame(index, log.index) ? undefined : replaced("index", index);
}

function openTail(connection: Connection, path: string): LogTail {
  const look = createWalLook(connection);
  const pageSize = Number(readPragma(connection, "page_size"));
  return watchTail(`${path}-wal`, pageSize, () => look().frames);
}

/** The log that `connection` has open, if the database is in WAL mode. */
function findLog(connection: Connection, path: string): LogFiles | undefined {
  // The mode is known after a read.
  readPragma(connection, "schema_version");
  if (readPragma(connection, "journal_mode") !== "wal") return undefined;
  const [wal, index] = [statOf(`${path}-wal`), statOf(`${path}-shm`)];
  if (!wal) throw replaced("log", wal);
  if (!index) throw replaced("index", index);
  return { wal: identityOf(wal), index: identityOf(index) };
}

/**
 * Whether SQLite may have changed the size of the file: a checkpoint makes it smaller only by what
 * the database has lost or the log still has. Undefined if that cannot be told now.
 */
function isExplained(
  connection: Connection,
  path: string,
  before: bigint,
  now: bigint,
): boolean | undefined {
  try {
    const pageSize = readPragma(connection, "page_size") as bigint;
    const pageCount = readPragma(connection, "page_count") as bigint;
    const expected = pageCount * pageSize;
    if (now >= expected || now > before) return true;
    return isCovered(`${path}-wal`, now / pageSize, pageCount, pageSize);
  } catch (error) {
    return isBusy(error) ? undefined : false;
  }
}

function statOf(path: string): BigIntStats | undefined {
  try {
    return statSync(path, { bigint: true, throwIfNoEntry: false });
  } catch {
    // What cannot be looked at, for example in a folder that may not be read, is not there.
    return undefined;
  }
}

function identityOf({ dev, ino }: BigIntStats): FileIdentity {
  return { device: dev, inode: ino };
}

function isSame(found: BigIntStats | undefined, { device, inode }: FileIdentity): boolean {
  return found !== undefined && found.ino === inode && found.dev === device;
}

function replaced(file: FileProblem["file"], found: BigIntStats | undefined): StoreError {
  return problemOf({ file, state: found ? "replaced" : "missing" });
}

const NAMES = {
  database: "the database file",
  log: "the database's write-ahead log",
  index: "the index of the database's write-ahead log",
} as const;

const STATES = {
  missing: "is not at its place any more",
  replaced: "has been replaced by another file",
  overwritten: "has been truncated or overwritten",
} as const;

function problemOf(problem: FileProblem): StoreError {
  const message = `${NAMES[problem.file]} ${STATES[problem.state]}`;
  return new StoreError("DATABASE_REPLACED", message, { metadata: { ...problem } });
}

function noLog(): StoreError {
  return new StoreError("DATABASE_UNAVAILABLE", "the database is not in WAL mode");
}
