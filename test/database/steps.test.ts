// Holds that the steps of a commit do not know who runs them: a driver that waits between two
// statements stores the same rows, answers the same and fails the same as the writer of SQLite does.

import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { AlbumSchema } from "../../gen/chinook/v1/album_pb.ts";
import { ArtistSchema } from "../../gen/chinook/v1/artist_pb.ts";
import { CustomerSchema } from "../../gen/chinook/v1/customer_pb.ts";
import { EmployeeSchema } from "../../gen/chinook/v1/employee_pb.ts";
import { InvoiceSchema } from "../../gen/chinook/v1/invoice_pb.ts";
import { PlaylistSchema } from "../../gen/chinook/v1/playlist_pb.ts";
import { TrackSchema } from "../../gen/chinook/v1/track_pb.ts";
import { RESOURCES } from "../../src/chinook/resources.ts";
import { systemClock } from "../../src/clock.ts";
import type { Commit, CommitOptions, Operation } from "../../src/database/database.ts";
import { change, getRow, rowsOfEach, type Steps } from "../../src/database/sql/steps.ts";
import {
  type Connection,
  openConnection,
} from "../../src/database/sqlite/connection/connection.ts";
import { runSteps } from "../../src/database/sqlite/connection/run-steps.ts";
import { createStatementRunner } from "../../src/database/sqlite/connection/statement-runner.ts";
import {
  type CommitterOptions,
  createCommitter,
} from "../../src/database/sqlite/writer/group-commit.ts";
import { guardTables } from "../../src/database/sqlite/writer/table-guards.ts";
import type { ErrorCode, StoreError } from "../../src/errors.ts";
import { registryOf } from "../../src/schema/registry.ts";
import { makeSqliteFile, storeIn } from "../contract/sqlite-store.ts";
import {
  creating,
  deleting,
  type MakeStore,
  PLANS,
  planOf,
  sale,
  updating,
} from "../contract/support.ts";
import { describeWrites } from "../contract/writes.ts";
import { makeMigrated } from "../support/migrated.ts";
import { tempDir } from "../support/temp.ts";
import { openWaiting, runStepsWaiting } from "../support/waiting-driver.ts";

const OPTIONS: CommitterOptions = {
  plans: PLANS,
  registry: registryOf(RESOURCES.map(({ resource }) => resource)),
  messageBytesMax: 100_000,
  answerBytesMax: 20_000,
  requestRetentionMs: 60_000,
  clock: systemClock,
};

/** How a commit ended, in values that can be compared. */
type Ended = Commit | Pick<StoreError, "code" | "message" | "details">;

function endedBadly({ code, message, details }: StoreError): Ended {
  const { cause, ...shown } = details;
  return { code, message, details: { ...shown, cause: cause && String(cause) } };
}

function endedWell({ revision, messages }: Commit): Ended {
  // A Buffer is no plain Uint8Array, to a test.
  return { revision, messages: messages.map((message) => message && new Uint8Array(message)) };
}

/** Something that is done to both databases. */
type Deed =
  | {
      readonly operations: readonly Operation[];
      readonly options?: CommitOptions;
      /** How it ends, if not well. */
      readonly fails?: ErrorCode;
    }
  /** What another program does. */
  | { readonly outside: string };

const named = (displayName: string, key?: bigint) => creating(ArtistSchema, { displayName }, key);
const album = (artist: string, key?: bigint) => creating(AlbumSchema, { title: "T", artist }, key);
const renamed = (name: string, displayName: string, etag = "") =>
  updating(ArtistSchema, { name, displayName, etag }, ["display_name"]);
const long = creating(ArtistSchema, { displayName: "A", biography: "x".repeat(900) });
const check = (key: bigint) => ({ kind: "check", plan: planOf(ArtistSchema), key }) as const;
const fill = (key: bigint) => ({ kind: "fill", plan: planOf(ArtistSchema), key }) as const;
const mend = (key: bigint) => ({ kind: "mend", plan: planOf(ArtistSchema), key }) as const;
const artists = (count: number) => Array.from({ length: count }, (_, i) => named(`artist ${i}`));
const items = (operations: readonly Operation[]): Operation[] =>
  operations.map((operation, i) => ({ ...operation, item: `requests[${i}]` }));
const request = (id: string, digest: number) => ({
  request: { id, digest: new Uint8Array([digest]) },
});
const USD = { currencyCode: "USD", units: 1n, nanos: 0 };
const lines = (...quantities: number[]) =>
  quantities.map((quantity, i) => ({
    lineId: i === 0 ? 1n : 0n,
    track: "tracks/1",
    unitPrice: USD,
    quantity,
  }));

/** What is left of a row that another program changes; but for the time, which would be SQLite's own. */
function bare(table: string, set: string, where: string): string {
  const writing = (value: number) => `UPDATE store_state SET writing = ${value};`;
  const update = `UPDATE ${table} SET ${set}, wire = NULL, checksum = NULL WHERE ${where};`;
  return `${writing(1)} ${update} ${writing(0)}`;
}

/** Bytes that are not those that were stored. */
const damaged = `UPDATE store_state SET writing = 1; UPDATE artists SET wire = x'00' WHERE ArtistId = 7;
  UPDATE store_state SET writing = 0`;

const CREATES: readonly Deed[] = [
  { operations: [named("A")] },
  { operations: [named("B", 7n)] },
  { operations: [named("C")] },
  { operations: [named("again", 7n)], fails: "RESOURCE_EXISTS" },
  { operations: [album("artists/1")] },
  { operations: [album("artists/9999")], fails: "FOREIGN_KEY" },
  { operations: [named("x".repeat(121))], fails: "INVALID_FIELD" },
  { operations: artists(70) },
  { operations: artists(3), options: { validateOnly: true } },
  { operations: sale(3) },
];

const UPDATES: readonly Deed[] = [
  { operations: [renamed("artists/1", "Z")] },
  { operations: [renamed("artists/1", "Y", '"1"')], fails: "ETAG_MISMATCH" },
  { operations: [renamed("artists/404", "Y")], fails: "RESOURCE_NOT_FOUND" },
  { operations: [{ ...renamed("artists/404", "new"), allowMissing: true }] },
  {
    operations: [{ ...renamed("artists/405", "new", '"1"'), allowMissing: true }],
    fails: "ETAG_MISMATCH",
  },
  {
    operations: [renamed("artists/1", "twice"), renamed("artists/1", "twice")],
    fails: "INVALID_FIELD",
  },
  // A text that the library may have made of bytes which are none is read as bytes.
  { operations: [renamed("artists/7", "odd \ufffd")] },
  { operations: [renamed("artists/7", "even")] },
  {
    operations: [updating(AlbumSchema, { name: "albums/1", artist: "artists/9999" }, ["artist"])],
    fails: "FOREIGN_KEY",
  },
  {
    operations: [
      updating(InvoiceSchema, { name: "invoices/1", lines: lines(5, 6) }, ["lines"]),
      updating(TrackSchema, { name: "tracks/1", title: "other" }, ["title"]),
    ],
  },
  {
    operations: [
      updating(
        InvoiceSchema,
        { name: "invoices/1", lines: lines(1).map((line) => ({ ...line, lineId: 77n })) },
        ["lines"],
      ),
    ],
    fails: "INVALID_FIELD",
  },
];

const DELETES: readonly Deed[] = [
  { operations: [deleting(ArtistSchema, 1n)], fails: "FOREIGN_KEY" },
  {
    operations: [deleting(ArtistSchema, 1n, { etag: '"0"', force: true })],
    fails: "ETAG_MISMATCH",
  },
  { operations: [deleting(ArtistSchema, 1n, { force: true })] },
  { operations: [deleting(ArtistSchema, 1n)], fails: "RESOURCE_NOT_FOUND" },
  { operations: [deleting(ArtistSchema, 1n, { allowMissing: true })] },
  { operations: [creating(PlaylistSchema, { displayName: "P" }, 1n)] },
  {
    operations: [
      {
        kind: "execute",
        statement: {
          sql: "INSERT INTO playlist_track (PlaylistId, TrackId) VALUES (?, ?)",
          parameters: [1n, 1n],
        },
      },
    ],
  },
  { operations: [deleting(PlaylistSchema, 1n)] },
  {
    operations: [deleting(PlaylistSchema, 1n, { force: true })],
    fails: "RESOURCE_NOT_FOUND",
  },
  // A child row of another resource keeps the track; the customer's employee does not keep him.
  { operations: [deleting(TrackSchema, 1n, { force: true })], fails: "FOREIGN_KEY" },
  { operations: [creating(EmployeeSchema, { givenName: "E", familyName: "F" }, 1n)] },
  {
    operations: [
      updating(CustomerSchema, { name: "customers/1", supportRep: "employees/1" }, ["support_rep"]),
    ],
  },
  { operations: [deleting(EmployeeSchema, 1n)], fails: "FOREIGN_KEY" },
  { operations: [deleting(EmployeeSchema, 1n, { force: true })] },
  { operations: [deleting(CustomerSchema, 1n, { force: true })] },
];

const OTHERS: readonly Deed[] = [
  { operations: [check(7n)] },
  { operations: [check(4_040n)], fails: "RESOURCE_NOT_FOUND" },
  { operations: [fill(7n)] },
  { outside: bare("artists", "Name = 'theirs'", "ArtistId IN (7, 8)") },
  { operations: [fill(7n)] },
  { outside: damaged },
  ...[7n, 7n, 8n, 404n].map((key) => ({ operations: [mend(key)] })),
  { operations: [fill(7n)] },
  { operations: [renamed("artists/8", "ours")] },
  { operations: [named("once")], options: request("a", 1) },
  { operations: [named("once")], options: request("a", 1) },
  { operations: [named("other")], options: request("a", 2), fails: "INVALID_FIELD" },
];

const BATCHES: readonly Deed[] = [
  { operations: items([...artists(40), named("taken", 7n)]), fails: "RESOURCE_EXISTS" },
  {
    operations: items([...artists(2), deleting(ArtistSchema, 4_040n)]),
    fails: "RESOURCE_NOT_FOUND",
  },
  { operations: items([named("a"), renamed("artists/7", "b"), check(7n), album("artists/7")]) },
  {
    operations: items([...artists(3), album("artists/9999"), ...artists(3)]),
    fails: "FOREIGN_KEY",
  },
  { operations: Array.from({ length: 25 }, () => long), fails: "ANSWER_TOO_LARGE" },
];

/** Code of others in the database, beside which everything is read again. */
const WATCHED: readonly Deed[] = [
  {
    outside: `CREATE TRIGGER theirs AFTER INSERT ON artists WHEN NEW.Name = 'shy' BEGIN
      DELETE FROM artists WHERE ArtistId = NEW.ArtistId; END;
      CREATE TRIGGER loud AFTER INSERT ON albums BEGIN
      UPDATE albums SET Title = 'LOUD', revision = revision + 1000, wire = NULL, checksum = NULL
      WHERE AlbumId = NEW.AlbumId; END`,
  },
  { operations: artists(3) },
  { operations: [named("shy")], fails: "WRITE_REFUSED" },
  { operations: [album("artists/7"), album("artists/7")] },
  { operations: [deleting(ArtistSchema, 7n, { force: true })] },
];

/** Two databases that are the same, one for each driver. */
async function twins() {
  const folder = tempDir();
  const [ours, theirs] = [join(folder, "at-once.db"), join(folder, "waiting.db")];
  await makeMigrated(ours);
  copyFileSync(ours, theirs);
  const connection = openConnection(ours, { busyTimeoutMs: 5_000 });
  const outside = openConnection(theirs, { busyTimeoutMs: 5_000 });
  const waiting = openWaiting(theirs, OPTIONS);
  onTestFinished(async () => {
    connection.close();
    outside.close();
    await waiting.close();
  });
  const commitGroup = createCommitter(connection, OPTIONS);
  const atOnce = (operations: readonly Operation[], options: CommitOptions = {}): Ended => {
    let ended: Ended | undefined;
    const { validateOnly = false, request: identity, answered = true } = options;
    const times = { deadlineMs: Number.POSITIVE_INFINITY, giveUpMs: 0 };
    const asked = { id: 1, operations, validateOnly, request: identity, answered, ...times };
    commitGroup([asked], ([outcome]) => {
      ended = outcome?.error ? endedBadly(outcome.error) : outcome && endedWell(outcome.commit);
    });
    if (!ended) throw new Error("the commit was not reported");
    return ended;
  };
  const later = (operations: readonly Operation[], options: CommitOptions = {}): Promise<Ended> =>
    waiting.commit(operations, options).then(endedWell, endedBadly);
  return { connection, outside, atOnce, later };
}

/** Every row of every table, as far as no other table keeps it. */
function contentOf(connection: Connection): Record<string, unknown[]> {
  const names = connection
    .prepare<[], string>(
      "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND name <> 'sqlite_schema' ORDER BY name",
    )
    .pluck()
    .all();
  return Object.fromEntries(
    names.map((name) => [name, connection.prepare(`SELECT * FROM ${name}`).all()]),
  );
}

test("a driver that waits stores, answers and fails as the writer does", async () => {
  vi.useFakeTimers({ toFake: ["Date"], now: Date.UTC(2026, 0, 2) });
  onTestFinished(() => {
    vi.useRealTimers();
  });
  const { connection, outside, atOnce, later } = await twins();
  for (const deed of [...CREATES, ...UPDATES, ...OTHERS, ...BATCHES, ...DELETES, ...WATCHED]) {
    if ("outside" in deed) {
      for (const each of [connection, outside]) each.exec(deed.outside);
      // As the writer does by itself, when it sees another schema.
      guardTables(outside, PLANS);
    } else {
      const expected = atOnce(deed.operations, deed.options);
      expect(await later(deed.operations, deed.options)).toEqual(expected);
      expect("code" in expected ? expected.code : undefined).toBe(deed.fails);
    }
    expect(contentOf(outside)).toEqual(contentOf(connection));
    vi.setSystemTime(Date.now() + 1_000);
  }
});

test("both give the same to every question, and throw into the steps what failed", async () => {
  const { connection } = await twins();
  const runner = createStatementRunner(connection);
  const plain = (sql: string) => ({ sql, parameters: [] });
  connection.exec("CREATE TABLE own (id INTEGER PRIMARY KEY, word TEXT UNIQUE CHECK (word <> ''))");
  function* steps(): Steps<unknown> {
    const seen: unknown[] = [yield* change(plain("INSERT INTO own VALUES (1, 'a'), (2, 'b')"))];
    for (const values of ["(1, 'c')", "(3, 'a')", "(3, '')", "(3)"]) {
      try {
        yield* change(plain(`INSERT INTO own VALUES ${values}`));
      } catch (error) {
        seen.push([(error as Error).name, (error as { kind?: string }).kind]);
      }
    }
    seen.push(yield* getRow(plain("SELECT * FROM own ORDER BY id")));
    seen.push(yield* getRow(plain("SELECT * FROM own WHERE id = 9")));
    seen.push(yield* rowsOfEach([plain("SELECT word FROM own"), plain("SELECT id FROM own")]));
    yield* change(plain("DELETE FROM own"));
    return seen;
  }
  const expected = runSteps(runner, steps());
  expect(expected).toEqual([
    2,
    ["ConstraintError", "primaryKey"],
    ["ConstraintError", "unique"],
    ["ConstraintError", "other"],
    ["SqliteError", undefined],
    [1n, "a"],
    undefined,
    [
      [["a"], ["b"]],
      [[1n], [2n]],
    ],
  ]);
  expect(await runStepsWaiting(runner, steps())).toEqual(expected);
});

/** Stores whose commits are run by the driver that waits. */
const makeWaitingStore: MakeStore = async (whenOver = onTestFinished) => {
  const path = await makeSqliteFile(whenOver);
  const store = storeIn(path, whenOver);
  return {
    open(options = {}) {
      const database = store.open(options);
      if (options.readOnly) return database;
      const bytesMax = options.limits?.sendMessageBytes ?? OPTIONS.answerBytesMax;
      const limits = { messageBytesMax: bytesMax, answerBytesMax: bytesMax };
      const waiting = openWaiting(path, { ...OPTIONS, ...limits });
      const close = async () => {
        await waiting.close();
        await database.close();
      };
      whenOver(close);
      return { ...database, commit: waiting.commit, close };
    },
  };
};

describe("the contract of commits over a driver that waits", () =>
  describeWrites(makeWaitingStore));
