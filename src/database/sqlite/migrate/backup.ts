// Makes the backup that an adoption starts with, and proves that it holds what the database holds.
// The caller holds a write transaction in which nothing is changed yet: no one else writes meanwhile.

import { createHash } from "node:crypto";
import { renameSync } from "node:fs";
import { dirname } from "node:path";
import { systemClock, timestamp } from "../../../clock.ts";
import { StoreError } from "../../../errors.ts";
import { flush } from "../../../flush.ts";
import { quoteName } from "../../../schema/sql-name.ts";
import { createPrivate } from "../backup/backup-folder.ts";
import { copyPages, type OnCopied } from "../backup/copy-pages.ts";
import type { Connection } from "../connection/connection.ts";
import { openDatabase, removeDatabase, type Target } from "./target.ts";

/** Whoever would wait for the disk waits for the lock that the caller has. */
const AS_FAST_AS_IT_GOES = 0;

/**
 * Gives a verified copy that `examine` has looked at its name, `<database>.backup-<UTC time>`, which
 * is returned; throws as `withVerifiedCopy`.
 */
export async function makeVerifiedBackup(
  target: Target,
  onProgress: OnCopied,
  examine: (copy: string) => Promise<void>,
): Promise<string> {
  return await withVerifiedCopy(target, onProgress, async (copy) => {
    await examine(copy);
    const time = timestamp(systemClock).replaceAll(/[-:]/g, "");
    const backup = `${target.database}.backup-${time}`;
    renameSync(copy, backup);
    flush(dirname(copy));
    return backup;
  });
}

/**
 * Copies the database to a private file beside it, compares the two row by row, and lets `use` have
 * the copy, which is removed afterwards if it is still there.
 * @throws StoreError DATABASE_CORRUPT if the copy is not whole, or what `use` throws.
 */
export async function withVerifiedCopy<T>(
  { connection, database }: Target,
  onProgress: OnCopied,
  use: (copy: string) => Promise<T>,
): Promise<T> {
  const copy = `${database}.backup-partial`;
  // One is left here if an earlier adoption was killed; we hold the lock, so it is nobody's.
  removeDatabase(copy);
  try {
    createPrivate(copy);
    await copyPages(database, copy, AS_FAST_AS_IT_GOES, onProgress);
    flush(copy);
    verifyCopy(connection, copy);
    return await use(copy);
  } finally {
    removeDatabase(copy);
  }
}

function verifyCopy(connection: Connection, path: string): void {
  const copy = openDatabase(path);
  try {
    const [first] = copy.pragma("integrity_check") as { integrity_check: string }[];
    if (first?.integrity_check !== "ok") {
      throw new StoreError(
        "DATABASE_CORRUPT",
        `the database is damaged, and nothing was changed: ${first?.integrity_check}`,
      );
    }
    const expected = digestTables(connection);
    const actual = digestTables(copy);
    for (const [table, digest] of expected) {
      if (actual.get(table) === digest) continue;
      throw new StoreError("DATABASE_CORRUPT", `the backup has not the same rows in ${table}`);
    }
  } finally {
    copy.close();
  }
}

/** The number of rows of each table, with a hash over all their values, and of the schema itself. */
function digestTables(connection: Connection): ReadonlyMap<string, string> {
  // The rows of a virtual table are in ordinary tables, which are compared.
  const names = connection
    .prepare(
      `SELECT name FROM sqlite_schema
       WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL TABLE%'
       UNION ALL SELECT 'sqlite_schema'`,
    )
    .pluck()
    .all() as string[];
  return new Map(names.map((name) => [name, digestTable(connection, name)]));
}

function digestTable(connection: Connection, table: string): string {
  // Generated columns follow from the others, and may need functions that are not ours.
  const columns = connection
    .prepare("SELECT name FROM pragma_table_xinfo(?) WHERE hidden = 0 ORDER BY cid")
    .pluck()
    .all(table) as string[];
  const rows = connection
    .prepare(`SELECT ${columns.map(quoteName).join(", ")} FROM ${quoteName(table)}`)
    .raw();
  const hash = createHash("sha256");
  let count = 0;
  for (const row of rows.iterate() as Iterable<unknown[]>) {
    count += 1;
    for (const value of row) {
      // The type belongs to the value: 1 and '1' are not the same.
      if (value instanceof Uint8Array) hash.update(`blob ${value.length} `).update(value);
      else if (typeof value === "string") hash.update(`text ${value.length} ${value}`);
      else hash.update(`${typeof value} ${value} `);
    }
  }
  return `${count} rows, ${hash.digest("hex")}`;
}
