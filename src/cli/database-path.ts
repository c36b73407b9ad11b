// What may be given as the database on the command line, and which files are refused because others
// than their owner could exchange them. Opens nothing.

import { lstatSync, mkdtempSync, type Stats, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { InvalidArgumentError } from "commander";
import { isPostgresUrl } from "../database/postgres/url.ts";
import { StoreError } from "../errors.ts";

/** SQLite's name for a database that is private to a connection; here, to a server. */
export const PRIVATE_DATABASE = ":memory:";

/** A path as it is; the names by which SQLite means something else are refused. */
export function parseDatabasePath(text: string): string {
  if (isPostgresUrl(text)) {
    throw new InvalidArgumentError("It must be a file: PostgreSQL has its own means.");
  }
  return parseMigratedDatabase(text);
}

/** The same for who can migrate a database that is on a server. */
export function parseMigratedDatabase(text: string): string {
  if (text === PRIVATE_DATABASE) {
    throw new InvalidArgumentError(`Only serve takes ${PRIVATE_DATABASE}.`);
  }
  return parseServedDatabase(text);
}

/** The same for who can serve a database that is gone with the process. */
export function parseServedDatabase(text: string): string {
  if (!text.startsWith("file:")) return text;
  throw new InvalidArgumentError("It must be a path; URIs are not taken (--read-only is a flag).");
}

/** The path of a new private database, in a new folder that nobody else can enter. */
export function makePrivateDatabase(): string {
  return join(mkdtempSync(join(tmpdir(), "protostore-")), "private.db");
}

const WRITABLE_BY_ALL = 0o002;
const STICKY = 0o1000;

/**
 * Refuses a database that somebody else could exchange for another: a link, a file of another owner
 * (but root), and one in a folder where everybody may rename files.
 * @throws StoreError INVALID_CONFIG, which names the flag that allows it.
 */
export function refuseUnsafePath(path: string): void {
  const file = lookAt(path, lstatSync);
  const folder = findFolder(path);
  const reason = whyUnsafe(file, folder);
  if (reason === undefined) return;
  throw new StoreError("INVALID_CONFIG", `${path}: ${reason}; --allow-unsafe-path serves it`);
}

function whyUnsafe(file: Stats | undefined, folder: string | undefined): string | undefined {
  if (file?.isSymbolicLink()) return "it is a symbolic link: name the file that it points to";
  const own = process.geteuid?.();
  if (file && own !== undefined && file.uid !== own && file.uid !== 0) {
    return "the file belongs to another user";
  }
  const mode = folder === undefined ? 0 : statSync(folder).mode;
  if ((mode & WRITABLE_BY_ALL) === 0 || (mode & STICKY) !== 0) return undefined;
  return `everybody may exchange files in ${folder}`;
}

/** What cannot be looked at cannot be opened either: then that is told. */
function lookAt(path: string, look: (path: string) => Stats): Stats | undefined {
  try {
    return look(path);
  } catch {
    return undefined;
  }
}

/** The folder that the file is in, or that its folder will be made in. */
function findFolder(path: string): string | undefined {
  let folder = dirname(resolve(path));
  for (;;) {
    const found = lookAt(folder, statSync);
    if (found) return found.isDirectory() ? folder : undefined;
    const parent = dirname(folder);
    if (parent === folder) return undefined;
    folder = parent;
  }
}
