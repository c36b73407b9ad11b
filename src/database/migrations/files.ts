// Reads the migration files from their folder: pairs as golang-migrate has them, or goose's one file.
// Must not open a database: what was applied is the log's affair.

import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { StoreError } from "../../errors.ts";
import { decodeScript, findIneffective, type MigrationMode, readMode } from "./directives.ts";
import { type MigrationName, parseMigrationName } from "./file-name.ts";
import { hasGooseMarkers, splitGoose } from "./goose.ts";

/** The SQL of one direction of a migration. */
export interface MigrationScript {
  /** The name of the file, for messages; the one that it would have if it is missing. */
  readonly file: string;
  /** True if there is no such file: nothing is run in its place. */
  readonly isMissing: boolean;
  readonly sql: string;
  readonly mode: MigrationMode;
  /** What in it has no effect though it looks so, each with file and line. */
  readonly notices: readonly string[];
}

/** One migration: the pair of its files, one of which may be missing, or goose's one. */
export interface MigrationFile {
  /** Any number from 0 to 2^63-1. */
  readonly version: bigint;
  /** `000002_resources`. */
  readonly name: string;
  /** The version as the name has it, with its zeros. */
  readonly digits: string;
  readonly form: "pair" | "goose";
  readonly up: MigrationScript;
  readonly down: MigrationScript;
  /** The SHA-256 of the up file's bytes, in hex. */
  readonly checksum: string;
  /** The checksums that it would have if every line ended in LF, and in CR LF. */
  readonly otherEndings: readonly string[];
}

/**
 * The migrations in `dir`, in order of version, which may have gaps.
 * @throws StoreError MIGRATION_INVALID for a file that looks like a migration and is none, or that
 *   has the version of another; INVALID_CONFIG if the folder cannot be read.
 */
export function readMigrationFiles(dir: string): readonly MigrationFile[] {
  const versions = new Map<bigint, Sources>();
  for (const file of listFiles(dir)) {
    const name = parseMigrationName(file);
    if (!name) continue;
    const sources = versions.get(name.version) ?? {};
    const other =
      name.direction === "both" ? (sources.up ?? sources.down) : sources[name.direction];
    if (other) {
      throw new StoreError("MIGRATION_INVALID", `${file} has the number of ${other.file}`);
    }
    const source = { ...name, file, bytes: readFileSync(join(dir, file)) };
    if (name.direction !== "down") sources.up = source;
    if (name.direction !== "up") sources.down = source;
    versions.set(name.version, sources);
  }
  return [...versions]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([version, { up, down }]) =>
      up?.direction === "both" ? readGoose(version, up) : readPair(version, up, down),
    );
}

/**
 * Makes sure that `files` are in order of version.
 * @throws StoreError MIGRATION_INVALID, naming the first file that is not.
 */
export function checkSequence(files: readonly MigrationFile[]): void {
  for (const [index, { version, up }] of files.entries()) {
    const before = files[index - 1];
    if (!before || before.version < version) continue;
    throw new StoreError("MIGRATION_INVALID", `${up.file} comes after ${before.up.file}`);
  }
}

/**
 * The script of `file` in `direction`.
 * @throws StoreError MIGRATION_MISSING if there is none.
 */
export function requireScript(file: MigrationFile, direction: "up" | "down"): MigrationScript {
  const script = file[direction];
  if (!script.isMissing) return script;
  throw new StoreError(
    "MIGRATION_MISSING",
    `the file ${script.file} is missing; if there is nothing to do, put an empty one there`,
  );
}

interface Source extends MigrationName {
  readonly file: string;
  readonly bytes: Buffer;
}

interface Sources {
  up?: Source;
  down?: Source;
}

function listFiles(dir: string): readonly string[] {
  try {
    return readdirSync(dir, { withFileTypes: true })
      .filter((entry) => !entry.isDirectory())
      .map(({ name }) => name)
      .sort();
  } catch (error) {
    const message = `${dir}: the folder of the migrations cannot be read`;
    throw new StoreError("INVALID_CONFIG", message, { cause: error });
  }
}

function readPair(version: bigint, up?: Source, down?: Source): MigrationFile {
  const { stem = "", digits = "" } = up ?? down ?? {};
  return {
    version,
    name: stem,
    digits,
    form: "pair",
    up: up ? readPaired(up) : missing(`${stem}.up.sql`),
    down: down ? readPaired(down) : missing(`${stem}.down.sql`),
    ...checksumsOf(up?.bytes ?? Buffer.alloc(0)),
  };
}

function readPaired({ file, bytes }: Source): MigrationScript {
  const sql = decodeScript(file, bytes);
  if (!hasGooseMarkers(sql)) return toScript(file, sql);
  throw new StoreError(
    "MIGRATION_INVALID",
    `${file} has goose's markers: name it VERSION_name.sql, or take them out`,
  );
}

function readGoose(version: bigint, { file, bytes, stem, digits }: Source): MigrationFile {
  const sql = decodeScript(file, bytes);
  if (!hasGooseMarkers(sql)) {
    throw new StoreError(
      "MIGRATION_INVALID",
      `${file} is neither up nor down: name it ${stem}.up.sql or ${stem}.down.sql, ` +
        "or mark its parts as goose does",
    );
  }
  const { up, down, isTransaction } = splitGoose(file, sql);
  const mode = isTransaction ? undefined : "no-transaction";
  return {
    version,
    name: stem,
    digits,
    form: "goose",
    up: toScript(file, up, mode),
    down: down === undefined ? missing(`${file} (its part Down)`) : toScript(file, down, mode),
    ...checksumsOf(bytes),
  };
}

function toScript(file: string, sql: string, given?: MigrationMode): MigrationScript {
  const asked = readMode(file, sql);
  const mode = given ?? asked;
  return { file, isMissing: false, sql, mode, notices: findIneffective(file, sql, mode) };
}

function missing(file: string): MigrationScript {
  return { file, isMissing: true, sql: "", mode: "transaction", notices: [] };
}

function checksumsOf(bytes: Buffer): Pick<MigrationFile, "checksum" | "otherEndings"> {
  const sha256 = (data: string | Buffer) => createHash("sha256").update(data).digest("hex");
  const lf = bytes.toString("latin1").replaceAll("\r\n", "\n");
  const endings = [lf, lf.replaceAll("\n", "\r\n")];
  return {
    checksum: sha256(bytes),
    otherEndings: endings.map((text) => sha256(Buffer.from(text, "latin1"))),
  };
}
