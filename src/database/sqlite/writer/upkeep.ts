// The steps of maintenance that write. Runs in the writer thread, and each is short enough for commits to
// go on between two of them; only VACUUM is not. Must not decide which are needed.

import { accessSync, constants, statSync } from "node:fs";
import { dirname } from "node:path";
import { StoreError } from "../../../errors.ts";
import { quoteName } from "../../../schema/sql-name.ts";
import { type Connection, isBusy, isSqliteError, readPragma } from "../connection/connection.ts";
import { freeBytesOf } from "../connection/media.ts";
import { waitForLock } from "./lock-wait.ts";

/** One step; `table` is one that the schema has. */
export type UpkeepStep =
  /** What SQLite itself thinks is due. */
  | { readonly kind: "optimize" }
  | { readonly kind: "analyze"; readonly table: string }
  /** Brings the parts of a full-text index together; `isFirst` chooses all parts that there are now. */
  | { readonly kind: "merge"; readonly table: string; readonly isFirst: boolean }
  /** Makes a full-text index anew from what it is of. */
  | { readonly kind: "rebuild"; readonly table: string }
  /** Forgets some answers to request ids from before then, in milliseconds since the epoch. */
  | { readonly kind: "forget"; readonly beforeMs: number }
  /** Forgets values that other programs have sampled for the planner of queries. */
  | { readonly kind: "forget-samples" }
  /** Gives free pages back to the disk, so many at most. */
  | { readonly kind: "free"; readonly pages: number }
  | { readonly kind: "vacuum" };

/** As many rows of an index are looked at: SQLite's advice is 100 to 1000. */
const ANALYSIS_ROWS = 1_000;
/** The pages that are written to a full-text index in one step, about. */
const MERGE_PAGES = 64;
/** Answers that are forgotten in one step. */
const FORGET_ROWS = 500;
/** FTS5 says by fewer changes than these that there was nothing to do. */
const MERGE_CHANGES = 2n;
/** So often a lock is tried for, in about as many milliseconds: then commits go first. */
const ATTEMPTS = 50;

/**
 * Does one step. True if there may be more of the kind to do.
 * @throws StoreError DISK_FULL; SqliteError.
 */
export function runUpkeep(connection: Connection, step: UpkeepStep): boolean {
  for (let attempt = 0; ; attempt++) {
    try {
      return runOnce(connection, step);
    } catch (error) {
      if (!isBusy(error) || attempt >= ATTEMPTS) throw error;
    }
    waitForLock(attempt);
  }
}

function runOnce(connection: Connection, step: UpkeepStep): boolean {
  switch (step.kind) {
    case "optimize":
      connection.exec(`PRAGMA analysis_limit = ${ANALYSIS_ROWS}; PRAGMA optimize`);
      return false;
    case "analyze":
      connection.exec(
        `PRAGMA analysis_limit = ${ANALYSIS_ROWS}; ANALYZE main.${quoteName(step.table)}`,
      );
      return false;
    case "merge": {
      const before = totalChanges(connection);
      const pages = step.isFirst ? -MERGE_PAGES : MERGE_PAGES;
      const name = quoteName(step.table);
      connection.exec(`INSERT INTO ${name} (${name}, rank) VALUES ('merge', ${pages})`);
      return totalChanges(connection) - before >= MERGE_CHANGES;
    }
    case "rebuild":
      rebuild(connection, quoteName(step.table));
      return false;
    case "forget":
      return connection.prepare(FORGET).run(BigInt(step.beforeMs)).changes === FORGET_ROWS;
    case "forget-samples":
      if (hasSamples(connection)) connection.exec("DELETE FROM sqlite_stat4");
      return false;
    case "free":
      connection.pragma(`incremental_vacuum(${step.pages})`);
      return readPragma(connection, "freelist_count") !== 0n;
    case "vacuum":
      vacuum(connection);
      return false;
  }
}

/** Not made by our steps: an analysis that is limited takes none. */
function hasSamples(connection: Connection): boolean {
  const found = connection.prepare("SELECT 1 FROM sqlite_schema WHERE name = 'sqlite_stat4'");
  return found.get() !== undefined;
}

const FORGET = `
  DELETE FROM completed_requests WHERE request_id IN (
    SELECT request_id FROM completed_requests WHERE completed_at < ? LIMIT ${FORGET_ROWS}
  )`;

function rebuild(connection: Connection, name: string): void {
  try {
    connection.exec(`INSERT INTO ${name} (${name}) VALUES ('rebuild')`);
  } catch (error) {
    // One that has no content to be made from loses what was deleted when its parts become one.
    if (!isSqliteError(error) || !error.message.includes("contentless")) throw error;
    connection.exec(`INSERT INTO ${name} (${name}) VALUES ('optimize')`);
  }
}

function vacuum(connection: Connection): void {
  requireRoom(connection);
  // Otherwise the whole of the database would be in memory meanwhile.
  connection.pragma("temp_store = FILE");
  try {
    connection.exec("VACUUM");
  } finally {
    connection.pragma("temp_store = MEMORY");
  }
}

/** The new content is first in a temporary file and then in the log, each as large as the file at most. */
function requireRoom(connection: Connection): void {
  const pages = readPragma(connection, "page_count") as bigint;
  const bytes = Number(pages * (readPragma(connection, "page_size") as bigint));
  const folder = dirname(connection.name);
  const temporary = temporaryFolder();
  if (freeBytesOf(folder) >= 2 * bytes && freeBytesOf(temporary) >= bytes) return;
  const message = `VACUUM needs ${2 * bytes} bytes free, twice the database`;
  throw new StoreError("DISK_FULL", message);
}

/** Where SQLite puts its temporary files. */
function temporaryFolder(): string {
  const { SQLITE_TMPDIR, TMPDIR } = process.env;
  const places = [SQLITE_TMPDIR, TMPDIR, "/var/tmp", "/usr/tmp", "/tmp"];
  return places.find((place) => place !== undefined && isFolder(place)) ?? ".";
}

function isFolder(path: string): boolean {
  try {
    accessSync(path, constants.W_OK | constants.X_OK);
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}

function totalChanges(connection: Connection): bigint {
  return connection.prepare("SELECT total_changes()").pluck().get() as bigint;
}
