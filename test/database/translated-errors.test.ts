// What SQLite runs out of is told apart: room on the disk, memory, and the size of a row.

import Database from "better-sqlite3";
import { expect, test } from "vitest";
import {
  openConnection,
  translateSqliteError,
} from "../../src/database/sqlite/connection/connection.ts";
import { StoreError } from "../../src/errors.ts";

/** The code of what running `sql` in a new database fails with. */
function failureOf(sql: string): string {
  const connection = openConnection(":memory:", { busyTimeoutMs: 0 });
  try {
    connection.exec(sql);
    return "";
  } catch (error) {
    expect(error).not.toBeInstanceOf(StoreError);
    return translateSqliteError(error).code;
  } finally {
    connection.close();
  }
}

test("a disk that is full", () => {
  expect(
    failureOf("PRAGMA max_page_count = 10; CREATE TABLE t (x); INSERT INTO t SELECT zeroblob(1e6)"),
  ).toBe("DISK_FULL");
});

test("a row that is too large for any database", () => {
  expect(failureOf("SELECT length(randomblob(1) || zeroblob(2000000000))")).toBe("ROW_TOO_LARGE");
});

test("memory, which this SQLite cannot be limited in", () => {
  const error = new Database.SqliteError("out of memory", "SQLITE_NOMEM");
  expect(translateSqliteError(error)).toMatchObject({ code: "OUT_OF_MEMORY" });
});
