// Reads the migration files, `NNNNNN_name.up.sql` and `NNNNNN_name.down.sql`, from their folder.
// Must not open a database: what was applied is the log's affair.

import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { StoreError } from "../errors.ts";
import { PACKAGE_ROOT } from "../package-root.ts";

/** How a file asks to be run: in one transaction unless its first comment lines say otherwise. */
export type MigrationMode = "transaction" | "foreign-keys-off" | "no-transaction";

/** The SQL of one direction of a migration. */
export interface MigrationScript {
  /** The name of the file, for messages. */
  readonly file: string;
  readonly sql: string;
  readonly mode: MigrationMode;
}

/** One migration: the pair of its files. */
export interface MigrationFile {
  /** 1 for the first; each next one is higher by 1. */
  readonly version: number;
  /** `000002_resources`. */
  readonly name: string;
  readonly up: MigrationScript;
  readonly down: MigrationScript;
  /** The SHA-256 of the up file's bytes, in hex. */
  readonly checksum: string;
}

/** The folder of the migrations that come with this package. */
export const MIGRATIONS_DIR: string = join(PACKAGE_ROOT, "migrations", "sqlite");

const FILE_NAME = /^((\d{6})_[a-z0-9][a-z0-9_]*)\.(up|down)\.sql$/;

/**
 * The migrations in `dir`, in order of version.
 * @throws StoreError MIGRATION_MISSING or MIGRATION_INVALID if they are not 1, 2, 3, … in pairs.
 */
export function readMigrationFiles(dir?: string): readonly MigrationFile[] {
  const files = listMigrationFiles(dir);
  checkSequence(files);
  return files;
}

/**
 * The migrations in `dir` like `readMigrationFiles`, but with gaps let through: who holds the log
 * can tell the name of a missing file, which its number alone cannot.
 */
export function listMigrationFiles(dir: string = MIGRATIONS_DIR): readonly MigrationFile[] {
  const names = new Map<string, Set<string>>();
  for (const file of readdirSync(dir).sort()) {
    if (!file.endsWith(".sql")) continue;
    const match = FILE_NAME.exec(file);
    if (!match) {
      throw new StoreError(
        "MIGRATION_INVALID",
        `${file}: a migration is named NNNNNN_name.up.sql or NNNNNN_name.down.sql, in lower case`,
      );
    }
    const [, name = "", , direction = ""] = match;
    names.set(name, (names.get(name) ?? new Set()).add(direction));
  }
  return [...names].map(([name, directions]) => readPair(dir, name, directions));
}

/**
 * Makes sure that `files` are numbered 1, 2, 3, … in this order.
 * @throws StoreError MIGRATION_INVALID or MIGRATION_MISSING, naming the first file that is not.
 */
export function checkSequence(files: readonly MigrationFile[]): void {
  for (const [index, { version, name }] of files.entries()) {
    const expected = index + 1;
    if (version === expected) continue;
    const before = files[index - 1];
    if (before && version <= before.version) {
      const fault = version === before.version ? "has the number of" : "comes after";
      throw new StoreError("MIGRATION_INVALID", `${name}.up.sql ${fault} ${before.name}.up.sql`);
    }
    throw new StoreError(
      version === 0 ? "MIGRATION_INVALID" : "MIGRATION_MISSING",
      version === 0
        ? `${name}.up.sql: the first migration is number 000001`
        : `migration ${padVersion(expected)} is missing: the file after it is ${name}.up.sql`,
    );
  }
}

/** The version as it stands in file names: six digits. */
export function padVersion(version: number): string {
  return String(version).padStart(6, "0");
}

function readPair(dir: string, name: string, directions: ReadonlySet<string>): MigrationFile {
  for (const direction of ["up", "down"]) {
    if (directions.has(direction)) continue;
    throw new StoreError("MIGRATION_MISSING", `the file ${name}.${direction}.sql is missing`);
  }
  const up = readFileSync(join(dir, `${name}.up.sql`));
  return {
    version: Number(name.slice(0, 6)),
    name,
    up: toScript(`${name}.up.sql`, up.toString("utf8")),
    down: toScript(`${name}.down.sql`, readFileSync(join(dir, `${name}.down.sql`), "utf8")),
    checksum: createHash("sha256").update(up).digest("hex"),
  };
}

function toScript(file: string, sql: string): MigrationScript {
  return { file, sql, mode: readMode(file, sql) };
}

function readMode(file: string, sql: string): MigrationMode {
  const [comments = ""] = /^(\s*(--.*)?(\n|$))*/.exec(sql) ?? [];
  const directives = [...comments.matchAll(/^\s*--\s*protostore:\s*(.*?)\s*$/gm)];
  let mode: MigrationMode = "transaction";
  for (const [, directive] of directives) {
    if (directive === "no-transaction") mode = "no-transaction";
    else if (directive === "foreign-keys off") mode = "foreign-keys-off";
    else {
      throw new StoreError(
        "MIGRATION_INVALID",
        `${file}: "protostore: ${directive}" is neither "no-transaction" nor "foreign-keys off"`,
      );
    }
  }
  return mode;
}
