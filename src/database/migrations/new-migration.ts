// Writes the files of a new migration: an empty pair, or the table of a new resource, in the SQL of each
// database that it is for. Must not open one.

import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { systemClock } from "../../clock.ts";
import { StoreError } from "../../errors.ts";
import { SYSTEM_COLUMNS } from "../../schema/plan.ts";
import { VERSION_MAX } from "./file-name.ts";
import { type MigrationFile, readMigrationFiles } from "./files.ts";

/** The table of a new resource; both are plain SQL identifiers. */
export interface NewTable {
  readonly table: string;
  /** The column that is its primary key, a whole number. */
  readonly key: string;
}

/** A folder of migrations, and how a table is made in the SQL of its database. */
export interface MigrationFolder {
  readonly dir: string;
  /** The scripts, up and down. @throws StoreError MIGRATION_INVALID if a name cannot be used there. */
  readonly tableScripts: (table: NewTable) => readonly [string, string];
}

const COLUMNS_OF_STORE = new Set<string>(SYSTEM_COLUMNS);

/**
 * Writes the files of the next migration to each folder, under one number: the next after all that are there,
 * of the same kind; in the form that the last one of the folder has. Returns their paths, up first.
 * @throws StoreError MIGRATION_INVALID if a name cannot be used; INVALID_CONFIG if a folder cannot be
 * read or written.
 */
export function createMigration(
  name: string,
  folders: readonly MigrationFolder[],
  table?: NewTable,
): readonly string[] {
  if (!/^[a-z0-9][a-z0-9_]*$/.test(name)) {
    throw new StoreError(
      "MIGRATION_INVALID",
      `"${name}" is no name for a migration: use lower-case letters, digits and _`,
    );
  }
  if (table) checkIdentifiers(table);
  const present = folders.map(({ dir }) => readMigrationFiles(dir));
  const version = nextVersion(present.flat(), new Date(systemClock()));
  const contents = folders.flatMap(({ dir, tableScripts }, index) => {
    const [up, down] = table ? tableScripts(table) : EMPTY_SCRIPTS;
    const base = join(dir, `${version}_${name}`);
    return present[index]?.at(-1)?.form === "goose"
      ? [{ path: `${base}.sql`, text: gooseScript(up, down) }]
      : [
          { path: `${base}.up.sql`, text: up },
          { path: `${base}.down.sql`, text: down },
        ];
  });
  for (const { path, text } of contents) writeNew(path, text);
  return contents.map(({ path }) => path);
}

function checkIdentifiers({ table, key }: NewTable): void {
  for (const name of [table, key]) {
    if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) continue;
    throw new StoreError("MIGRATION_INVALID", `"${name}" is no plain SQL identifier`);
  }
  if (COLUMNS_OF_STORE.has(key.toLowerCase())) {
    throw new StoreError("MIGRATION_INVALID", `the key cannot be named "${key}"`);
  }
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

/** The version after the highest, with as many digits: counted on, or the time if that was one. */
function nextVersion(files: readonly MigrationFile[], now: Date): string {
  const { version, digits } = files.reduce<Pick<MigrationFile, "version" | "digits">>(
    (highest, file) => (file.version > highest.version ? file : highest),
    files[0] ?? { version: 0n, digits: "000000" },
  );
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

const EMPTY_SCRIPTS: readonly [string, string] = [
  "-- What this migration does, and why.\n",
  "-- Takes back what the up file does; say which data are lost.\n",
];
