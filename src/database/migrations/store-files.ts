// The migrations of the store's own tables: they have numbers of their own, so that they never meet the
// user's, and go before the user's, whose triggers need them, unless those make the tables.

import { join } from "node:path";
import { PACKAGE_ROOT } from "../../package-root.ts";
import { type MigrationFile, readMigrationFiles } from "./files.ts";

/** How the migrations of databases that are older than this sequence make the first of the tables. */
const MAKES_TABLES = /\bCREATE\s+TABLE\s+(?:IF\s+NOT\s+EXISTS\s+)?["'`[]?store_state\b/i;

/** Health asks each second: the folder is not read again, nor the user's files searched. */
const known = new WeakMap<readonly MigrationFile[], readonly MigrationFile[]>();

/** The migrations of the store's tables in a driver's SQL that go with the user's `files`, in order. */
export function storeMigrations(
  driver: "sqlite" | "postgres",
  files: readonly MigrationFile[],
): readonly MigrationFile[] {
  let own = known.get(files);
  if (!own) {
    const isMade = files.some(({ up }) => MAKES_TABLES.test(up.sql));
    own = isMade ? [] : readMigrationFiles(join(PACKAGE_ROOT, "migrations", "store", driver));
    known.set(files, own);
  }
  return own;
}

/** What a database says of them. */
export interface StoreRecord {
  /** The versions in `store_migrations`; undefined if there is no such table. */
  readonly versions: readonly unknown[] | undefined;
  /** True if it has `store_state`. */
  readonly hasTables: boolean;
}

/** Those of `own` that are not applied. */
export function findPendingStore(
  own: readonly MigrationFile[],
  { versions, hasTables }: StoreRecord,
): readonly MigrationFile[] {
  if (versions) return own.filter(({ version }) => !versions.includes(version));
  // Migrations of the user have made the tables, which are not among the files any more.
  return hasTables ? [] : own;
}
