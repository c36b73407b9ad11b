// The guard of a database's files, over random work: whatever programs do through SQLite is no harm,
// and a log that was cut is noticed, however much is written after the cut.

import { existsSync, renameSync, statSync, truncateSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  type Connection,
  openConnection,
} from "../../src/database/sqlite/connection/connection.ts";
import { type Guarded, openGuarded } from "../../src/database/sqlite/connection/file-guard.ts";
import { tempDir } from "../support/temp.ts";

const RUNS = 60;

interface Work extends Guarded {
  readonly path: string;
  readonly other: Connection;
}

function open(): Work {
  const path = join(tempDir(), "test.db");
  const other = openConnection(path, { create: true, busyTimeoutMs: 1_000 });
  other.exec("PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL");
  other.exec("PRAGMA wal_autocheckpoint = 0; PRAGMA journal_size_limit = 100000");
  other.exec("CREATE TABLE rows (data); INSERT INTO rows VALUES (1)");
  return { ...openGuarded(path, { busyTimeoutMs: 1_000 }), path, other };
}

function close({ guard, connection, other }: Work): void {
  guard.close();
  connection.close();
  other.close();
}

const statements = fc.oneof(
  fc.integer({ min: 1, max: 300_000 }).map((size) => `INSERT INTO rows VALUES (zeroblob(${size}))`),
  fc.constantFrom(
    "UPDATE rows SET data = 2",
    "DELETE FROM rows WHERE rowid > 1",
    "VACUUM",
    "PRAGMA incremental_vacuum",
    "PRAGMA wal_checkpoint(PASSIVE)",
    "PRAGMA wal_checkpoint(FULL)",
    "PRAGMA wal_checkpoint(RESTART)",
    "PRAGMA wal_checkpoint(TRUNCATE)",
  ),
);

const steps = fc.array(
  fc.record({ sql: statements, isOwn: fc.boolean(), isLooked: fc.boolean() }),
  { minLength: 1, maxLength: 15 },
);

test("what is done through SQLite is no harm", () => {
  fc.assert(
    fc.property(steps, (list) => {
      const work = open();
      for (const { sql, isOwn, isLooked } of list) {
        (isOwn ? work.connection : work.other).exec(sql);
        if (isLooked) expect(work.guard.check() ?? work.guard.note()).toBeUndefined();
      }
      expect(work.guard.check() ?? work.guard.note()).toBeUndefined();
      close(work);
    }),
    { numRuns: RUNS },
  );
});

test.each(["-wal", "-shm"])("nothing is opened, or made, where the %s is missing", (suffix) => {
  const work = open();
  const known = work.guard.files;
  renameSync(work.path + suffix, `${work.path}.away`);
  expect(() => openGuarded(work.path, { busyTimeoutMs: 1_000, known })).toThrowError(
    expect.objectContaining({ code: "DATABASE_REPLACED" }),
  );
  expect(existsSync(work.path + suffix)).toBe(false);
  renameSync(`${work.path}.away`, work.path + suffix);
  close(work);
});

test("a log that was cut is noticed, wherever, and however much it has grown since it was looked at", () => {
  const sizes = fc.array(fc.integer({ min: 1, max: 60_000 }), { maxLength: 3 });
  const part = fc.double({ min: 0, max: 0.999, noNaN: true });
  fc.assert(
    fc.property(sizes, part, sizes, (before, cut, after) => {
      const work = open();
      const log = `${work.path}-wal`;
      const insert = (size: number) =>
        work.other.exec(`INSERT INTO rows VALUES (zeroblob(${size}))`);
      insert(20_000);
      expect(work.guard.check() ?? work.guard.note()).toBeUndefined();
      before.forEach(insert);
      truncateSync(log, Math.floor((statSync(log).size - 4_096) * cut));
      for (const size of after) {
        try {
          insert(size);
        } catch {
          // SQLite itself may miss a page.
        }
      }
      const found = work.guard.check() ?? work.guard.note();
      expect(found?.details.metadata).toEqual({ file: "log", state: "overwritten" });
      expect(work.guard.maySave()).toBe(false);
      close(work);
    }),
    { numRuns: RUNS },
  );
});
