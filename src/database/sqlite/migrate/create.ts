// Writes the files of a new migration: an empty pair, or the table of a new resource.
// Must not open the database that they are for.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { systemClock } from "../../../clock.ts";
import { StoreError } from "../../../errors.ts";
import { SYSTEM_COLUMNS } from "../../../schema/plan.ts";
import { sqlName } from "../../../schema/sql-name.ts";
import { resourceTriggers } from "../../../schema/triggers.ts";
import { openConnection } from "../connection/connection.ts";
import { VERSION_MAX } from "./file-name.ts";
import { type MigrationFile, readMigrationFiles } from "./files.ts";

/** The table of a new resource; both are plain SQL identifiers. */
export interface NewTable {
  readonly table: string;
  /** The column that is its INTEGER PRIMARY KEY. */
  readonly key: string;
}

/** How a new migration is written. */
export interface CreateOptions {
  /** The folder of the migrations. */
  readonly dir: string;
  readonly table?: NewTable;
}

const COLUMNS_OF_STORE = new Set<string>(SYSTEM_COLUMNS);

/**
 * Writes the files of the next migration, in the form and with the kind of number that the last one
 * has, and returns their paths, up first.
 * @throws StoreError MIGRATION_INVALID if a name cannot be used; INVALID_CONFIG if the folder cannot be
 * read or written.
 */
export function createMigration(name: string, options: CreateOptions): readonly string[] {
  if (!/^[a-z0-9][a-z0-9_]*$/.test(name)) {
    throw new StoreError(
      "MIGRATION_INVALID",
      `"${name}" is no name for a migration: use lower-case letters, digits and _`,
    );
  }
  const dir = options.dir;
  const last = readMigrationFiles(dir).at(-1);
  const base = join(dir, `${nextVersion(last, new Date(systemClock()))}_${name}`);
  const [up, down] = options.table ? tableScripts(options.table) : emptyScripts();
  const contents: readonly [string, string][] =
    last?.form === "goose"
      ? [[`${base}.sql`, gooseScript(up, down)]]
      : [
          [`${base}.up.sql`, up],
          [`${base}.down.sql`, down],
        ];
  for (const [path, text] of contents) writeNew(path, text);
  return contents.map(([path]) => path);
}

function writeNew(path: string, text: string): void {
  try {
    writeFileSync(path, text, { flag: "wx" });
  } catch (cause) {
    throw new StoreError("INVALID_CONFIG", `${path} cannot be written`, { cause });
  }
}

/** How the versions that are times are written, by their number of digits; all are in UTC. */
const TIMES: Readonly<Record<number, (now: Date) => string>> = {
  10: (now) => String(Math.floor(now.getTime() / 1_000)),
  13: (now) => String(now.getTime()),
  14: (now) => now.toISOString().replace(/\D/g, "").slice(0, 14),
  19: (now) => String(BigInt(now.getTime()) * 1_000_000n),
};

/** The version after that of `last`, with as many digits: counted on, or the time if that was one. */
function nextVersion(last: MigrationFile | undefined, now: Date): string {
  const { version, digits } = last ?? { version: 0n, digits: "000000" };
  const next = version + 1n;
  if (next > VERSION_MAX) {
    throw new StoreError("MIGRATION_INVALID", `there is no version after ${version}`);
  }
  const time = digits.startsWith("0") ? undefined : TIMES[digits.length]?.(now);
  if (time !== undefined && BigInt(time) >= next) return time;
  return String(next).padStart(digits.length, "0");
}

function gooseScript(up: string, down: string): string {
  const block = (sql: string) => `-- +goose StatementBegin\n${sql}-- +goose StatementEnd\n`;
  return `-- +goose Up\n${block(up)}\n-- +goose Down\n${block(down)}`;
}

function emptyScripts(): [string, string] {
  return [
    "-- What this migration does, and why.\n",
    "-- Takes back what the up file does; say which data are lost.\n",
  ];
}

function tableScripts({ table: name, key: keyName }: NewTable): [string, string] {
  checkIdentifiers(name, keyName);
  const [table, key] = [sqlName(name), sqlName(keyName)];
  const triggers = resourceTriggers({ table: name, key: keyName }).map(({ sql }) => `${sql};\n`);
  const up = `-- The resource table ${name}.

CREATE TABLE ${table} (
  ${key} INTEGER NOT NULL PRIMARY KEY,
  -- Its own columns go here: one for each field with the option (protostore.v1.column).
  data TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(data)),
  wire BLOB,
  revision INTEGER,
  created_at TEXT,
  updated_at TEXT,
  checksum INTEGER
);

${triggers.join("\n")}`;
  return [up, `-- Deletes every row of ${name}.\nDROP TABLE ${table};\n`];
}

/** SQLite itself says what cannot be a name. */
function checkIdentifiers(table: string, key: string): void {
  for (const name of [table, key]) {
    if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) continue;
    throw new StoreError("MIGRATION_INVALID", `"${name}" is no plain SQL identifier`);
  }
  if (COLUMNS_OF_STORE.has(key.toLowerCase())) {
    throw new StoreError("MIGRATION_INVALID", `the key cannot be named "${key}"`);
  }
  const connection = openConnection(":memory:", { busyTimeoutMs: 0 });
  try {
    connection.exec(
      `CREATE TABLE ${sqlName(table)} (${sqlName(key)} INTEGER NOT NULL PRIMARY KEY)`,
    );
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new StoreError("MIGRATION_INVALID", `SQLite refuses these names: ${reason}`);
  } finally {
    connection.close();
  }
}
