// The reader threads: what a call is answered when it is over, and what becomes of its thread. All by
// the order of events; a slow statement takes a second or so, whatever the machine.

import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Worker } from "node:worker_threads";
import { crc32 } from "node:zlib";
import { createRegistry } from "@bufbuild/protobuf";
import { describe, expect, onTestFinished, test } from "vitest";
import { interruptible } from "../../src/database/sql/interrupt.ts";
import type { Statement } from "../../src/database/sql/statements.ts";
import {
  type Connection,
  openConnection,
} from "../../src/database/sqlite/connection/connection.ts";
import { createStatementRunner } from "../../src/database/sqlite/connection/statement-runner.ts";
import { openSqlite, type SqliteDatabase } from "../../src/database/sqlite/sqlite-database.ts";
import { StoreError } from "../../src/errors.ts";
import { DEFAULT_LIMITS, type Limits } from "../../src/limits.ts";
import type { StatementRun } from "../../src/observe/statement-run.ts";
import type { ResourcePlan } from "../../src/schema/plan.ts";
import type { SqlValue } from "../../src/schema/sql-value.ts";
import { tempDir } from "../support/temp.ts";

const DEFINITIONS = new URL("./mortal-resources.ts", import.meta.url).href;

/** As much of a plan as a point read needs. */
const PLAN = {
  table: "items",
  key: "id",
  sql: { table: "items", key: "id" },
} as ResourcePlan;

const ONE: Statement = { sql: "SELECT 1", parameters: [] };
const DYING: Statement = { sql: "SELECT 1 -- die", parameters: [] };
const count = (rows: bigint): Statement => ({
  sql:
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) " +
    "SELECT count(*) FROM n",
  parameters: [rows],
});
const SLOW = count(3_000_000n);
const SLOWER = count(12_000_000n);
/** Never ends by itself, but can be ended, as all that looks at many rows. */
const ENDLESS: Statement = {
  sql:
    `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE ${interruptible("i")}) ` +
    "SELECT count(*) FROM n",
  parameters: [],
};

interface Opened {
  readonly database: SqliteDatabase;
  /** A connection of the test's own. */
  readonly connection: Connection;
}

function open(limits: Partial<Limits> = {}): Opened {
  const path = join(tempDir(), "test.db");
  const connection = openConnection(path, { create: true, busyTimeoutMs: 1_000 });
  connection.pragma("journal_mode = WAL");
  connection.exec(`
    CREATE TABLE store_state (id INTEGER PRIMARY KEY, revision INTEGER, writing INTEGER);
    INSERT INTO store_state VALUES (1, 7, 0);
    CREATE TABLE items (
      id INTEGER PRIMARY KEY, wire BLOB, revision INTEGER DEFAULT 3, checksum INTEGER
    );
    INSERT INTO items (id, wire, checksum) VALUES (1, x'0a', ${crc32(Buffer.from([0x0a])) + 3 + 1});
  `);
  const database = openSqlite({
    path,
    readOnly: true,
    definitions: DEFINITIONS,
    registry: createRegistry(),
    limits: { ...DEFAULT_LIMITS, readerThreads: 1, readGraceMs: 0, ...limits },
  });
  onTestFinished(async () => {
    connection.close();
    await database.close();
  });
  return { database, connection };
}

/** Counts the threads that are started while the test runs, and those that are there at once. */
function countThreads(): {
  readonly started: number;
  readonly alive: number;
  readonly most: number;
} {
  const counts = { started: 0, alive: 0, most: 0 };
  const count = (worker: Worker) => {
    counts.started++;
    counts.most = Math.max(counts.most, ++counts.alive);
    worker.once("exit", () => counts.alive--);
  };
  process.on("worker", count);
  onTestFinished(() => {
    process.off("worker", count);
  });
  return counts;
}

/** What a call fails with. */
async function failureOf(call: Promise<unknown>): Promise<StoreError> {
  const error = await call.then(
    () => expect.unreachable(),
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(StoreError);
  return error as StoreError;
}

const oldestRead = async (database: SqliteDatabase) =>
  (await database.status()).wal?.oldestReaderTime;

describe("a slow read", () => {
  test("lets the main thread go on", async () => {
    const { database } = open();
    const events: string[] = [];
    const slow = database.read([SLOW]).then(({ revision }) => events.push(`read ${revision}`));
    const { message, revision } = await database.get(PLAN, 1n);
    events.push(`get ${revision}`);
    expect(message).toEqual(Buffer.from([0x0a]));
    await new Promise(setImmediate);
    events.push("turn");
    await slow;
    expect(events).toEqual(["get 7", "turn", "read 7"]);
  });

  test("past its deadline is answered at once, and another thread reads on", async () => {
    const threads = countThreads();
    const { database } = open();
    await database.read([ONE]);
    const deadlineMs = Date.now() + 50;
    const error = await failureOf(database.read([SLOW], { deadlineMs }));
    expect(error.code).toBe("DEADLINE_EXCEEDED");
    expect(Date.now()).toBeGreaterThanOrEqual(deadlineMs);
    const { rows } = await database.read([ONE]);
    expect(rows).toEqual([[[1n]]]);
    // The other was there before the one that was ended had gone.
    expect(threads).toMatchObject({ started: 2, most: 2 });
  });

  test("without a deadline has the time that is allowed", async () => {
    const { database } = open({ readTimeoutMs: 50 });
    expect(await failureOf(database.read([SLOW]))).toMatchObject({
      code: "DEADLINE_EXCEEDED",
      message: expect.stringContaining("50 ms"),
    });
  });

  test("that is cancelled is answered with the reason", async () => {
    const { database } = open();
    await database.read([ONE]);
    const controller = new AbortController();
    const slow = failureOf(database.read([SLOW], { signal: controller.signal }));
    await new Promise(setImmediate);
    controller.abort(new StoreError("DATABASE_UNAVAILABLE", "the server is stopping"));
    expect((await slow).code).toBe("DATABASE_UNAVAILABLE");
    expect((await database.read([ONE])).rows).toEqual([[[1n]]]);
  });

  test("is not ended if it comes back within the grace", async () => {
    const threads = countThreads();
    const { database } = open({ readGraceMs: 60_000 });
    await database.read([ONE]);
    const error = await failureOf(database.read([SLOW], { deadlineMs: Date.now() + 20 }));
    expect(error.code).toBe("DEADLINE_EXCEEDED");
    // The only thread there may be reads this when it is done with the other.
    await database.read([ONE]);
    expect(threads.started).toBe(1);
    expect(await oldestRead(database)).toBeUndefined();
  });

  test("of which too many go on after their end keeps others waiting", async () => {
    const threads = countThreads();
    const { database } = open();
    for (let i = 0; i < 2; i++) {
      // Long enough for a thread to start: before its statement runs, it can be ended at once.
      const deadlineMs = Date.now() + 1_000;
      await failureOf(database.read([SLOWER], { deadlineMs }));
    }
    // The statements of both may be running still; they would be three threads otherwise.
    await database.read([ONE]);
    expect(threads.most).toBe(2);
  });

  test("is told in the status while it goes on", async () => {
    const { database } = open();
    const before = Date.now();
    const slow = database.read([SLOW]);
    const { seconds } = (await oldestRead(database)) ?? {};
    expect(Number(seconds)).toBeGreaterThanOrEqual(Math.floor(before / 1_000));
    await slow;
    expect(await oldestRead(database)).toBeUndefined();
  });
});

describe("an endless read", () => {
  // No thread is ended for it: the grace is longer than the test may take.
  const PATIENT = { readGraceMs: 24 * 60 * 60 * 1_000 };

  test("ends when its call is over, and its thread reads on", async () => {
    const threads = countThreads();
    const { database } = open(PATIENT);
    for (let i = 0; i < 20; i++) {
      const controller = new AbortController();
      const overdue = failureOf(database.read([ENDLESS], { deadlineMs: Date.now() + i }));
      const cancelled = failureOf(database.read([ENDLESS], { signal: controller.signal }));
      expect((await overdue).code).toBe("DEADLINE_EXCEEDED");
      setTimeout(() => controller.abort(), i);
      expect((await cancelled).code).toBe("CANCELLED");
      expect((await database.read([ONE])).rows).toEqual([[[1n]]]);
    }
    expect(threads.started).toBe(1);
    expect(await oldestRead(database)).toBeUndefined();
  });

  test("keeps nothing in the log once its call is over", async () => {
    const { database, connection } = open(PATIENT);
    await failureOf(database.read([ENDLESS], { deadlineMs: Date.now() + 50 }));
    await database.read([ONE]);
    connection.exec("UPDATE store_state SET revision = 8");
    expect(connection.pragma("wal_checkpoint(TRUNCATE)")).toEqual([
      { busy: 0n, log: 0n, checkpointed: 0n },
    ]);
  });

  test("does not keep the database from being closed", async () => {
    const threads = countThreads();
    const { database } = open({ ...PATIENT, closeTimeoutMs: 24 * 60 * 60 * 1_000 });
    await database.read([ONE]);
    const read = failureOf(database.read([ENDLESS]));
    await database.close();
    expect((await read).code).toBe("DATABASE_UNAVAILABLE");
    expect(threads.alive).toBe(0);
  });
});

describe("the queue", () => {
  test("is bounded: one call more is told when to come again", async () => {
    const { database } = open({ readQueueMax: 1 });
    const [running, waiting] = [database.read([SLOW]), database.read([ONE])];
    const error = await failureOf(database.read([ONE]));
    expect(error.code).toBe("OVERLOADED");
    expect(error.details.retryDelayMs).toBeGreaterThan(0);
    await Promise.all([running, waiting]);
    await database.read([ONE]);
  });

  test("forgets a call that is over, which is never read", async () => {
    const { database } = open({ readQueueMax: 1 });
    const controller = new AbortController();
    const running = database.read([SLOW]);
    const cancelled = failureOf(database.read([DYING], { signal: controller.signal }));
    controller.abort();
    expect((await cancelled).code).toBe("CANCELLED");
    const late = failureOf(database.read([DYING], { deadlineMs: Date.now() + 5 }));
    expect((await late).code).toBe("DEADLINE_EXCEEDED");
    await running;
    await database.read([ONE]);
  });

  test("does not take a call that is over when it comes", async () => {
    const { database } = open();
    const deadlineMs = Date.now() - 1;
    expect((await failureOf(database.read([DYING], { deadlineMs }))).code).toBe(
      "DEADLINE_EXCEEDED",
    );
    const signal = AbortSignal.abort();
    expect((await failureOf(database.read([DYING], { signal }))).code).toBe("CANCELLED");
  });

  test("is emptied when the database is closed", async () => {
    const { database } = open();
    const calls = [database.read([ONE]), database.read([ONE])].map(failureOf);
    await database.close();
    const codes = (await Promise.all(calls)).map(({ code }) => code);
    expect(codes).toEqual(["DATABASE_UNAVAILABLE", "DATABASE_UNAVAILABLE"]);
    expect((await failureOf(database.read([ONE]))).code).toBe("DATABASE_UNAVAILABLE");
  });
});

describe("a thread", () => {
  test("that dies is replaced; only its call fails", async () => {
    const { database } = open();
    const dying = failureOf(database.read([DYING]));
    const behind = database.read([ONE]);
    expect((await dying).code).toBe("DATABASE_UNAVAILABLE");
    expect((await behind).rows).toEqual([[[1n]]]);
  });

  test("sends errors as they are, without what must not be told", async () => {
    const { database } = open();
    const error = await failureOf(database.read([{ sql: "SELECT nothing", parameters: [] }]));
    expect(error).toMatchObject({ code: "INTERNAL", message: "internal error" });
    expect(error.cause).toMatchObject({ code: "SQLITE_ERROR", message: /no such column: nothing/ });
    expect((error.cause as Error).stack).toContain("reader.ts");
  });

  test("holds no transaction when it has read: the log can be cut", async () => {
    const { database, connection } = open({ readerThreads: 2 });
    const read = () => Promise.all([database.read([SLOW]), database.read([ONE])]);
    await read();
    connection.exec(
      `INSERT INTO items (id, wire, checksum) VALUES (2, x'0b', ${crc32(Buffer.from([0x0b])) + 3 + 2})`,
    );
    await read();
    await database.get(PLAN, 2n);
    const log = `${connection.name}-wal`;
    expect(statSync(log).size).toBeGreaterThan(0);
    expect(connection.pragma("wal_checkpoint(TRUNCATE)")).toMatchObject([{ busy: 0n }]);
    expect(existsSync(log) ? statSync(log).size : 0).toBe(0);
  });
});

test("a connection keeps the statements that are used, and no more than it may", () => {
  const connection = openConnection(":memory:", { busyTimeoutMs: 0 });
  let prepared = 0;
  const counting = {
    prepare(sql: string) {
      prepared++;
      return connection.prepare(sql);
    },
  } as unknown as Connection;
  const runner = createStatementRunner(counting, { statementsMax: 10 });
  for (let i = 0; i < 100; i++) {
    runner.get(ONE);
    runner.get({ sql: `SELECT 'other', ${i}`, parameters: [] });
  }
  expect(prepared).toBe(101);
  runner.get({ sql: "SELECT 'other', 0", parameters: [] });
  expect(prepared).toBe(102);
  connection.close();
});

test("a runner tells of each statement what it was and how it went", () => {
  const connection = openConnection(":memory:", { busyTimeoutMs: 0 });
  const runs: StatementRun[] = [];
  const runner = createStatementRunner(connection, { onStatement: (run) => runs.push(run) });
  const statement = (sql: string, ...parameters: SqlValue[]) => ({ sql, parameters });
  runner.run(statement("CREATE TABLE books (id INTEGER PRIMARY KEY, title TEXT UNIQUE)"));
  runner.run(statement('INSERT INTO "books" (title) VALUES (?), (?)', "a", "b"));
  runner.all(statement("SELECT id FROM books WHERE title <> ?", "c"));
  runner.get(statement("select id from books where title = ?", "c"));
  runner.run(statement("UPDATE books SET title = 'd' WHERE title = ?", "a"));
  const twice = statement("INSERT INTO books (title) VALUES (?)", "d");
  expect(() => runner.run(twice)).toThrow(/UNIQUE/);
  expect(() => runner.all(statement("SELECT 1 FROM absent"))).toThrow(/no such table/);
  runner.run(statement("DELETE FROM books"));
  expect(runs.map(({ name, rows, errorCode }) => [name, rows, errorCode])).toEqual([
    ["CREATE", 0, undefined],
    ["INSERT books", 2, undefined],
    ["SELECT books", 2, undefined],
    ["SELECT books", 0, undefined],
    ["UPDATE books", 1, undefined],
    ["INSERT books", 0, "SQLITE_CONSTRAINT_UNIQUE"],
    ["SELECT absent", 0, "SQLITE_ERROR"],
    ["DELETE books", 2, undefined],
  ]);
  for (const { durationNs } of runs) expect(durationNs).toBeGreaterThanOrEqual(0);
  connection.close();
});
