// Knows whether files can be written where a database is, what room there is, and how it is read where none
// can be.
// Must not open the database or its index: to close them again would drop SQLite's locks.

import { accessSync, closeSync, constants, openSync, statfsSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { pathToFileURL } from "node:url";
import { StoreError } from "../../../errors.ts";

/** What writes are refused with while the disk is read-only. */
export function readOnlyMedia(message = "the database's disk is read-only", cause?: unknown) {
  return new StoreError("READ_ONLY_MEDIA", message, { cause });
}

/** Why the database at `path`, there or not, and the files beside it cannot be written. */
export function whyNotWritable(path: string): string | undefined {
  for (const [what, place] of [
    ["the file", path],
    ["its folder", dirname(path)],
  ] as const) {
    const code = accessCode(place);
    if (code === "EROFS") return "it is on a read-only file system";
    if (code === "EACCES" || code === "EPERM") return `this user cannot write ${what}`;
  }
  return undefined;
}

function accessCode(place: string): string | undefined {
  try {
    accessSync(place, constants.W_OK);
    return undefined;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code;
  }
}

/**
 * Whether the disk has become read-only under a database in WAL mode. The log is asked, on which
 * SQLite holds no lock: a file system that has met an error says of itself that it is writable.
 */
export function isReadOnlyNow(path: string): boolean {
  try {
    closeSync(openSync(`${path}-wal`, "r+"));
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EROFS";
  }
}

/**
 * Whether the database can only be read as a file that nobody changes: SQLite needs files beside one
 * in WAL mode, and they can be made nowhere.
 * @throws StoreError READ_ONLY_MEDIA if there are changes beside it that are then not seen.
 */
export function mustBeImmutable(path: string): boolean {
  if (sizeOf(`${path}-shm`) !== undefined) return false;
  const reason = whyNotWritable(path);
  if (reason === undefined || sizeOf(path) === undefined) return false;
  for (const suffix of ["-wal", "-journal"]) {
    if (!sizeOf(path + suffix)) continue;
    const todo = "open it once where it can be written";
    throw readOnlyMedia(
      `${reason}, and changes in its ${suffix} cannot be recovered there: ${todo}`,
    );
  }
  return true;
}

function sizeOf(path: string): number | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false })?.size;
  } catch {
    // What cannot be looked at is not there.
    return undefined;
  }
}

/** The name by which SQLite opens `path` as a file that nobody changes. */
export function immutableName(path: string): string {
  return `${pathToFileURL(path).href}?immutable=1`;
}

/** The room on the disk of a folder for whoever is not root, in bytes. */
export function freeBytesOf(folder: string): number {
  const { bavail, bsize } = statfsSync(folder);
  return bavail * bsize;
}
