// Proves what can be proved of a database without knowing what its columns mean: its pages, its references,
// and that the bytes of each row are those that were stored. For a release that is to migrate it.

import { StoreError } from "../../../errors.ts";
import { checksumOf } from "../../../schema/checksum.ts";
import { quoteName } from "../../../schema/sql-name.ts";
import { shownVersion } from "../../migrations/version.ts";
import { type Connection, openConnection, translateSqliteError } from "../connection/connection.ts";
import { readVersion } from "../migrate/version-table.ts";
import { countRows, type Proof } from "./prove.ts";

/**
 * Proves the file at `path`, which nobody may be writing to; blocks its thread.
 * @throws StoreError DATABASE_CORRUPT, DATABASE_UNAVAILABLE
 */
export async function proveChecksums(
  path: string,
  onRows: (done: number, total: number) => void,
): Promise<Proof> {
  try {
    const connection = openConnection(path, { readOnly: true, immutable: true, busyTimeoutMs: 0 });
    try {
      refuseDamagedPages(connection);
      const rows = countRows(connection);
      const tables = Object.keys(rows).flatMap((table) => findKey(connection, table));
      const total = tables.reduce((sum, { table }) => sum + (rows[table] ?? 0), 0);
      let done = 0;
      for (const each of tables) {
        refuseDamagedRows(connection, each);
        done += rows[each.table] ?? 0;
        onRows(done, total);
      }
      return {
        revision: readRevision(connection, rows),
        schemaVersion: String(shownVersion(readVersion(connection).version)),
        rows,
        proof: "checksums",
        findings: countDangling(connection),
      };
    } finally {
      connection.close();
    }
  } catch (error) {
    throw translateSqliteError(error);
  }
}

function refuseDamagedPages(connection: Connection): void {
  const answer = connection.prepare("SELECT integrity_check FROM pragma_integrity_check").pluck();
  const [first] = answer.all();
  if (first !== "ok") throw damaged(String(first));
}

/** A table whose rows have bytes with a checksum, and the column that is its key. */
interface CheckedTable {
  readonly table: string;
  readonly key: string;
}

function findKey(connection: Connection, table: string): readonly CheckedTable[] {
  const columns = connection
    .prepare("SELECT name, pk FROM pragma_table_xinfo(?)")
    .all(table) as readonly { readonly name: string; readonly pk: bigint }[];
  const names = new Set(columns.map(({ name }) => name));
  const [key, ...others] = columns.filter(({ pk }) => pk > 0n);
  const isChecked = ["wire", "revision", "checksum"].every((name) => names.has(name));
  return isChecked && key && others.length === 0 ? [{ table, key: key.name }] : [];
}

/** Where another program has written, one of the three is NULL: there is nothing to compare. */
function refuseDamagedRows(connection: Connection, { table, key }: CheckedTable): void {
  const rows = connection
    .prepare(
      `SELECT ${quoteName(key)}, revision, checksum, wire FROM ${quoteName(table)}
       WHERE revision IS NOT NULL AND checksum IS NOT NULL AND wire IS NOT NULL`,
    )
    .raw();
  for (const row of rows.iterate() as Iterable<readonly unknown[]>) {
    const [id, revision, checksum, wire] = row;
    const isWhole =
      typeof id === "bigint" &&
      typeof revision === "bigint" &&
      wire instanceof Uint8Array &&
      checksumOf(wire, id, revision) === checksum;
    if (!isWhole) throw damaged(`the bytes of row ${String(id)} of ${table} are not those stored`);
  }
}

function readRevision(connection: Connection, rows: Readonly<Record<string, number>>): string {
  if (rows.store_state === undefined) return "0";
  const found = connection.prepare("SELECT revision FROM store_state").pluck().get();
  return String(found ?? 0);
}

function countDangling(connection: Connection): number {
  const count = connection.prepare("SELECT count(*) FROM pragma_foreign_key_check").pluck().get();
  return Number(count);
}

function damaged(problem: string): StoreError {
  return new StoreError("DATABASE_CORRUPT", `the database is damaged: ${problem}`);
}
