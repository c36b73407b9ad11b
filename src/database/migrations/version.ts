// Where a database stands, as golang-migrate records it in `schema_migrations`: one row (version, dirty) or
// none. Knows no driver: each reads and writes that row in its own way.

import { StoreError } from "../../errors.ts";

/** The version of a database without any migration; 0 is that of a file, as in golang-migrate. */
export const NO_VERSION = -1n;

/** Where a database stands. */
export interface SchemaVersion {
  /** The version of the newest migration, or NO_VERSION. */
  readonly version: bigint;
  /** True if a migration to `version`, up or down, did not finish. */
  readonly dirty: boolean;
}

/** Where a database stands that records no version. */
export const UNRECORDED: SchemaVersion = { version: NO_VERSION, dirty: false };

/**
 * What a row says. `text` is the value as people are shown it.
 * @throws StoreError MIGRATION_INVALID if it is no version.
 */
export function toSchemaVersion(version: unknown, dirty: boolean, text: string): SchemaVersion {
  // golang-migrate writes -1 while it undoes the first migration.
  if (typeof version === "bigint" && version >= NO_VERSION) return { version, dirty };
  throw new StoreError(
    "MIGRATION_INVALID",
    `schema_migrations has ${text} where the version of the database should be; ` +
      "record the right one with: protostore migrate force",
  );
}

/** The version for who reads it: 0 for a database without any. */
export function shownVersion(version: bigint): bigint {
  return version === NO_VERSION ? 0n : version;
}

/** The error for a database that is dirty at `version`; it has the commands that repair it. */
export function dirtyError(
  database: string,
  version: bigint,
  { cause, before }: { readonly cause?: StoreError; readonly before?: bigint } = {},
): StoreError {
  const reason = cause ? `: ${cause.message}` : "";
  const command = `protostore migrate force ${version} --database ${database}`;
  const other = before === undefined ? "or to the one before" : `or back to ${nameVersion(before)}`;
  return new StoreError(
    "MIGRATION_DIRTY",
    `a migration to ${nameVersion(version)} did not finish${reason}. Bring the schema there by ` +
      `hand, then run: ${command}; ${other}, then force that one`,
    { cause },
  );
}

/** The version in a sentence, and in a command if it is none. */
function nameVersion(version: bigint): string {
  return version === NO_VERSION ? "no version (-1)" : `version ${version}`;
}

/**
 * Makes sure that nobody has moved the version since it was read.
 * @throws StoreError MIGRATION_LOCKED
 */
export function checkTurn(database: string, version: bigint, expected: bigint): void {
  if (version === expected) return;
  throw new StoreError(
    "MIGRATION_LOCKED",
    `another tool is migrating ${database}: its version is ${version} and was ${expected}`,
  );
}

/**
 * What is recorded in cannot be dropped by what is recorded.
 * @throws StoreError MIGRATION_FAILED, naming the tables that `file` has taken away or changed.
 */
export function checkOwnTables(file: string, lost: readonly string[]): void {
  if (lost.length === 0) return;
  throw new StoreError(
    "MIGRATION_FAILED",
    `${file} drops or changes ${lost.join(" and ")}, where migrations are recorded`,
  );
}
