// Reads what the name of a migration's file says: version, direction, identifier.
// Takes the names that golang-migrate takes; what only looks like one of them is refused, not skipped.

import { StoreError } from "../../errors.ts";

/** What the name of a file says. */
export interface MigrationName {
  readonly version: bigint;
  /** The version with the zeros that the name has before it. */
  readonly digits: string;
  /** `000002_resources`: the name without direction and extension. */
  readonly stem: string;
  /** `both` for one file with goose's markers. */
  readonly direction: "up" | "down" | "both";
}

/**
 * The highest version that can be recorded: SQLite's integers, and golang-migrate's record, are
 * signed. Beyond it golang-migrate runs files again, or crashes.
 */
export const VERSION_MAX: bigint = 2n ** 63n - 1n;

/** golang-migrate's pattern, to the letter: any identifier and any extension. */
const PAIRED = /^(\d+)_([^\n]*)\.(down|up)\.([^\n]*)$/;
const SINGLE = /^(\d+)_([^\n]+)\.sql$/i;
const LOOKS_PAIRED = /^\d+_.*\.(up|down)(\.|$)/is;
const GO_MIGRATION = /^\d+_.*(?<!_test)\.go$/s;

/**
 * What `file`, a name without its folder, says; undefined if it is no migration.
 * @throws StoreError MIGRATION_INVALID if it looks like one, and golang-migrate would skip it.
 */
export function parseMigrationName(file: string): MigrationName | undefined {
  // Hidden files are what editors and file systems leave behind.
  if (file.startsWith(".")) return undefined;
  const [, digits = "", identifier = "", direction] = PAIRED.exec(file) ?? [];
  if (direction === "up" || direction === "down") {
    return { ...readVersion(file, digits), stem: `${digits}_${identifier}`, direction };
  }
  const [, number = "", name = ""] = (!LOOKS_PAIRED.test(file) && SINGLE.exec(file)) || [];
  if (number !== "") {
    return { ...readVersion(file, number), stem: `${number}_${name}`, direction: "both" };
  }
  if (!/\.sql$/i.test(file) && !LOOKS_PAIRED.test(file) && !GO_MIGRATION.test(file)) {
    return undefined;
  }
  throw new StoreError(
    "MIGRATION_INVALID",
    `${file}: a migration is named VERSION_name.up.sql and VERSION_name.down.sql, or ` +
      "VERSION_name.sql with goose's markers in it; up and down in lower case",
  );
}

function readVersion(file: string, digits: string): { version: bigint; digits: string } {
  const version = BigInt(digits);
  if (version <= VERSION_MAX) return { version, digits };
  throw new StoreError(
    "MIGRATION_INVALID",
    `${file}: the version is above ${VERSION_MAX}, and no higher one can be recorded`,
  );
}
