// What is done to the files of a database while a server has them open.
// Each is done as an operator or another program would do it, in this process.

import {
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  renameSync,
  statSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join } from "node:path";

/** One thing that is done, synchronously. */
export interface Harm {
  do(path: string): void;
  /** Puts the right files back; absent if that cannot be. */
  undo?(path: string): void;
  /** Where the file that the server opened is then; absent if it was itself destroyed. */
  readonly right?: (path: string) => string;
  /** What the errors name. */
  readonly file: "database" | "log" | "index";
  readonly state: "missing" | "replaced" | "overwritten";
}

const FILES = ["", "-wal", "-shm"];
const away = (path: string) => `${path}.away`;
const itself = (path: string) => path;

/** The name of the copy of another database that is beside the served one. */
export const OTHER = "other.db";

const otherOf = (path: string) => join(dirname(path), OTHER);

function replaceBy(path: string, make: (temporary: string) => void): void {
  make(`${path}.new`);
  renameSync(`${path}.new`, path);
}

export const HARMS: Readonly<Record<string, Harm>> = {
  "the file is moved away": {
    do: (path) => renameSync(path, away(path)),
    undo: (path) => renameSync(away(path), path),
    right: away,
    file: "database",
    state: "missing",
  },
  "all files are moved away": {
    do(path) {
      mkdirSync(away(path));
      for (const end of FILES) moveInto(path + end, away(path));
    },
    undo(path) {
      for (const end of FILES) renameSync(join(away(path), basename(path) + end), path + end);
    },
    right: (path) => join(away(path), basename(path)),
    file: "database",
    state: "missing",
  },
  "the file is moved away and another put there": {
    do(path) {
      renameSync(path, away(path));
      copyFileSync(otherOf(path), path);
    },
    undo: (path) => renameSync(away(path), path),
    right: away,
    file: "database",
    state: "replaced",
  },
  "another file is moved over it": {
    do(path) {
      linkSync(path, away(path));
      replaceBy(path, (temporary) => copyFileSync(otherOf(path), temporary));
    },
    undo: (path) => renameSync(away(path), path),
    right: away,
    file: "database",
    state: "replaced",
  },
  "a copy of itself is moved over it": {
    do(path) {
      linkSync(path, away(path));
      replaceBy(path, (temporary) => copyFileSync(path, temporary));
    },
    undo: (path) => renameSync(away(path), path),
    right: away,
    file: "database",
    state: "replaced",
  },
  "the file is deleted": {
    do(path) {
      linkSync(path, away(path));
      unlinkSync(path);
    },
    undo: (path) => renameSync(away(path), path),
    right: away,
    file: "database",
    state: "missing",
  },
  "the log is deleted": {
    do: (path) => unlinkSync(`${path}-wal`),
    right: itself,
    file: "log",
    state: "missing",
  },
  "the log is moved away": {
    do: (path) => renameSync(`${path}-wal`, away(path)),
    undo: (path) => renameSync(away(path), `${path}-wal`),
    right: itself,
    file: "log",
    state: "missing",
  },
  "the log is replaced by a copy of itself": {
    do: (path) => replaceBy(`${path}-wal`, (temporary) => copyFileSync(`${path}-wal`, temporary)),
    right: itself,
    file: "log",
    state: "replaced",
  },
  "log and index are deleted": {
    do(path) {
      unlinkSync(`${path}-wal`);
      unlinkSync(`${path}-shm`);
    },
    right: itself,
    file: "log",
    state: "missing",
  },
  "the index is deleted": {
    do: (path) => unlinkSync(`${path}-shm`),
    right: itself,
    file: "index",
    state: "missing",
  },
  "the index is replaced": {
    do: (path) => replaceBy(`${path}-shm`, (temporary) => writeFileSync(temporary, "")),
    file: "index",
    state: "replaced",
  },
  "the file is truncated to nothing": {
    do: (path) => truncateSync(path, 0),
    file: "database",
    state: "overwritten",
  },
  "the file is truncated to half": {
    do: (path) => truncateSync(path, statSync(path).size / 2),
    file: "database",
    state: "overwritten",
  },
  "the log is truncated to nothing": {
    do: (path) => truncateSync(`${path}-wal`, 0),
    file: "log",
    state: "overwritten",
  },
  "the log is truncated to half": {
    do: (path) => truncateSync(`${path}-wal`, Math.floor(statSync(`${path}-wal`).size / 2)),
    file: "log",
    state: "overwritten",
  },
};

function moveInto(path: string, folder: string): void {
  if (existsSync(path)) renameSync(path, join(folder, basename(path)));
}
