// The filler of a server gives every row of every table its bytes, and nobody sees it: messages, etags
// and revisions stay what they were, whoever writes meanwhile and whenever the server is killed. What
// cannot be filled, or would set off a trigger, stays as it is.

import { setTimeout as delay } from "node:timers/promises";
import { type Message, toBinary } from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import { describe, expect, test } from "vitest";
import { DatabaseService } from "../../gen/protostore/v1/database_service_pb.ts";
import { CHINOOK_RESOURCES, RESOURCES } from "../../src/chinook/resources.ts";
import { type Connection, connect } from "../../src/client/client.ts";
import { openSqlite } from "../../src/database/sqlite/sqlite-database.ts";
import { startFiller } from "../../src/health/filler.ts";
import { DEFAULT_LIMITS, type Limits } from "../../src/limits.ts";
import { checksumOf } from "../../src/schema/checksum.ts";
import { planResources, type ResourcePlan } from "../../src/schema/plan.ts";
import { registryOf } from "../../src/schema/registry.ts";
import { createRandom } from "../durability/random.ts";
import { startServerProcess } from "../service/cli.ts";
import { failureOf, openSql } from "../service/support.ts";
import { makeResource } from "../support/arbitrary-resource.ts";
import { EVERYTHING_TABLES } from "../support/everything.ts";
import { makeDatabase, planImage, serveImage } from "../support/image-service.ts";
import { imageWith } from "../support/images.ts";
import { outsideTriggers } from "../support/outside-triggers.ts";
import { startTestService } from "../support/service.ts";
import { standardClient } from "../support/standard-client.ts";
import { tempDir } from "../support/temp.ts";
import { findingsOf } from "../support/verified.ts";

type Sql = ReturnType<typeof openSql>;

const PLANS = planResources(RESOURCES);
const REGISTRY = registryOf(RESOURCES.map(({ resource }) => resource));
const PATIENT = { timeout: 30_000 };
const FAST = { fillRowsPerSecond: 1_000_000, fillPauseMs: 5 };
const RANDOM_ROWS = Number(process.env.ROWS ?? 3);

async function fillOf(connection: Connection) {
  return (await connection.service(DatabaseService).getDatabaseStatus({})).fill;
}

function clientOf(connection: Connection, plan: ResourcePlan) {
  const service = RESOURCES.find(({ resource }) => resource === plan.desc)?.service;
  if (!service) throw new Error(`${plan.desc.name} has no service`);
  return standardClient(connection, service, plan);
}

const nameOf = (plan: ResourcePlan, message: Message) =>
  reflect(plan.desc, message).get(plan.standard.name) as string;

/** Every message as bytes, by its name: as Get answers it and as List does, which must be one. */
async function readAll(connection: Connection): Promise<Map<string, string>> {
  const all = new Map<string, string>();
  for (const plan of PLANS) {
    const client = clientOf(connection, plan);
    for (const listed of await client.listAll(7)) {
      const name = nameOf(plan, listed);
      const [bytes, got] = [listed, await client.get(name)].map((message) =>
        Buffer.from(toBinary(plan.desc, message)).toString("hex"),
      );
      expect(got).toBe(bytes);
      all.set(name, bytes as string);
    }
  }
  return all;
}

const IS_BARE = "(wire IS NULL OR checksum IS NULL)";

function countBare(sql: Sql, plans: readonly ResourcePlan[] = PLANS): bigint {
  return plans.reduce((sum, { table }) => {
    const text = `SELECT count(*) FROM ${table} WHERE ${IS_BARE}`;
    return sum + (sql.prepare(text).pluck().get() as bigint);
  }, 0n);
}

const stateOf = (sql: Sql) => sql.prepare("SELECT revision, writing FROM store_state").raw().get();

/** What every row is but for what the filler gives it: no revision is read as 0. */
function contentOf(sql: Sql): string {
  const rows = PLANS.flatMap((plan) => [plan, ...plan.children]).map(({ table }) =>
    sql
      .prepare<[], Record<string, unknown>>(`SELECT * FROM ${table} ORDER BY 1`)
      .all()
      .map(({ wire: _, checksum: __, ...row }) => ({ ...row, revision: row.revision ?? 0n })),
  );
  return JSON.stringify(rows, (_, value) => (typeof value === "bigint" ? `${value}n` : value));
}

/** How rows come to be without bytes. */
const WAYS: Readonly<Record<string, (sql: Sql, plan: ResourcePlan) => void>> = {
  "as adopted ones": (sql, { table }) =>
    sql.exec(`UPDATE ${table} SET wire = NULL, checksum = NULL, revision = NULL,
      created_at = NULL, updated_at = NULL`),
  "as those of another program": (sql, { table }) =>
    sql.exec(`UPDATE ${table} SET wire = NULL, checksum = NULL`),
  "as those from before there were checksums": (sql, { table }) =>
    sql.exec(`UPDATE ${table} SET checksum = NULL`),
  "as those that another program has just written": (sql, { table }) =>
    sql.exec(`UPDATE ${table} SET data = data || ' '`),
};

describe("rows without bytes", () => {
  for (const [what, strip] of Object.entries(WAYS)) {
    test(`${what} are answered before and after as they were, from any table`, async () => {
      const database = `${tempDir()}/filled.db`;
      const before = await startTestService({ database, fixtures: true });
      for (const plan of PLANS) {
        const client = clientOf(before.connection, plan);
        for (let seed = 1; seed <= RANDOM_ROWS; seed++) {
          await client.create(makeResource(plan, REGISTRY, seed));
        }
      }
      const sql = openSql(database);
      for (const plan of PLANS) strip(sql, plan);
      const messages = await readAll(before.connection);
      const rows = countBare(sql);
      expect(rows).toBe(BigInt(messages.size));
      await before.stop();
      const [content, state] = [contentOf(sql), stateOf(sql)];

      const service = await startTestService({ database, limits: FAST });
      await expect
        .poll(() => fillOf(service.connection), PATIENT)
        .toMatchObject({ filledRowCount: rows, pendingRowCount: 0n, leftRowCount: 0n });
      expect(countBare(sql)).toBe(0n);
      expect(contentOf(sql)).toBe(content);
      expect(stateOf(sql)).toEqual(state);
      expect(await readAll(service.connection)).toEqual(messages);
      for (const { table, key, resource } of PLANS) {
        const text = `SELECT ${key}, revision, wire, checksum FROM ${table}`;
        for (const row of sql.prepare(text).raw().iterate()) {
          const [id, revision, wire, checksum] = row as [bigint, bigint, Uint8Array, bigint];
          expect(messages.get(`${resource.collection}/${id}`)).toBe(
            Buffer.from(wire).toString("hex"),
          );
          expect(checksum).toBe(checksumOf(wire, id, revision));
        }
      }
      expect(await findingsOf(database)).toEqual([]);
    });
  }

  test("are found by a later pass too, and each only once", async () => {
    const service = await startTestService({ fixtures: true, limits: FAST });
    const sql = openSql(service.database);
    await expect.poll(() => fillOf(service.connection), PATIENT).toHaveProperty("lastPassTime");
    for (let round = 1n; round <= 3n; round++) {
      sql.exec(`UPDATE artists SET Name = 'round ${round}' WHERE ArtistId = 1`);
      await expect
        .poll(() => fillOf(service.connection), PATIENT)
        .toMatchObject({ filledRowCount: round, pendingRowCount: 0n });
      expect(countBare(sql)).toBe(0n);
    }
  });
});

describe("a message with everything in it", () => {
  const TYPE = "everything.v1.Everything";
  const IMAGE = imageWith("everything/v1/everything.proto");
  const { plan, registry } = planImage(IMAGE, TYPE);
  // As tables of users have them, and as `migrate create` makes them: those take any update of others
  // for a change.
  const TRIGGERS = {
    "triggers that look at its columns": outsideTriggers(plan),
    "triggers that do not": outsideTriggers({ ...plan, columns: undefined } as never),
  };
  for (const [what, triggers] of Object.entries(TRIGGERS)) {
    test(`is filled as it is read, with ${what}, beside a trigger of somebody else`, async () => {
      const directory = tempDir();
      const database = await makeDatabase(directory, EVERYTHING_TABLES + triggers);
      const serve = (limits: Partial<Limits>) =>
        serveImage(directory, IMAGE, [TYPE], { database, limits });
      const before = await serve({});
      for (let seed = 1; seed <= 60; seed++) {
        await before.client.create(makeResource(plan, registry, seed));
      }
      const sql = openSql(database);
      sql.exec(`CREATE TABLE user_log (what TEXT);
        CREATE TRIGGER user_insert AFTER INSERT ON everythings BEGIN INSERT INTO user_log VALUES ('i'); END`);
      sql.exec(
        "UPDATE everythings SET wire = NULL, checksum = NULL, revision = nullif(revision, 3)",
      );
      const read = async ({ client }: typeof before) =>
        (await client.listAll(10)).map((each) => Buffer.from(toBinary(plan.desc, each)));
      const messages = await read(before);
      await before.stop();
      const bare = sql.prepare(`SELECT count(*) FROM everythings WHERE ${IS_BARE}`).pluck();
      expect(bare.get()).toBe(BigInt(messages.length));
      const state = stateOf(sql);
      const service = await serve(FAST);
      await expect.poll(() => bare.get(), PATIENT).toBe(0n);
      expect(await read(service)).toEqual(messages);
      const wires = sql.prepare("SELECT wire FROM everythings ORDER BY 1, EverythingId").pluck();
      expect(new Set((wires.all() as Buffer[]).map((wire) => wire.toString("hex")))).toEqual(
        new Set(messages.map((message) => message.toString("hex"))),
      );
      expect(stateOf(sql)).toEqual(state);
      await service.stop();
    });
  }
});

test("whoever writes meanwhile: what is stored is what the columns and lines say", async () => {
  const service = await startTestService({ fixtures: true, limits: FAST });
  const { connection, database } = service;
  const sql = openSql(database);
  sql.pragma("synchronous = OFF");
  const random = createRandom(7);
  const keys = (table: string, key: string) =>
    sql.prepare(`SELECT ${key} FROM ${table}`).pluck().all() as bigint[];
  const writes: readonly (() => string)[] = [
    () =>
      `UPDATE tracks SET Composer = 'c${random.below(99)}' WHERE TrackId % 5 = ${random.below(5)}`,
    () => `UPDATE invoice_items SET Quantity = ${1 + random.below(99)}
      WHERE InvoiceLineId = ${random.pick(keys("invoice_items", "InvoiceLineId"))}`,
    () => `UPDATE invoice_items SET InvoiceId = ${random.pick(keys("invoices", "InvoiceId"))}
      WHERE InvoiceLineId = ${random.pick(keys("invoice_items", "InvoiceLineId"))}`,
    () => `INSERT INTO invoice_items (InvoiceId, TrackId, UnitPrice, Quantity)
      VALUES (${random.pick(keys("invoices", "InvoiceId"))}, 1, 1, 1)`,
    () => `UPDATE invoices SET data = json_object('notes', 'n${random.below(99)}')`,
    () => `UPDATE customers SET City = 'c${random.below(99)}'`,
  ];
  const rows = PLANS.reduce((sum, { table }) => sum + keys(table, "1").length, 0);
  // Until rows have been filled, written and filled again many times over.
  const filledRows = async () => Number((await fillOf(connection))?.filledRowCount);
  for (let filled = 0; filled < rows * 3; filled = await filledRows()) {
    for (let step = 0; step < 20; step++) {
      sql.exec(random.pick(writes)());
      await delay(random.below(5));
    }
  }
  await expect.poll(() => countBare(sql), PATIENT).toBe(0n);
  // Verify makes each message of its columns and lines again.
  expect(await findingsOf(database)).toEqual([]);
});

test("a server that is killed in the middle goes on where it was", async () => {
  const database = `${tempDir()}/killed.db`;
  const before = await startTestService({ database });
  const sql = openSql(database);
  sql.exec(`WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 600)
    INSERT INTO genres (GenreId, Name) SELECT i, 'genre ' || i FROM n`);
  const messages = await readAll(before.connection);
  await before.stop();
  const state = stateOf(sql);
  const flags = ["--database", database, "--fill-rows"];
  for (let kills = 0; kills < 2; kills++) {
    const left = countBare(sql);
    const server = await startServerProcess(...flags, "200");
    await expect.poll(() => countBare(sql), PATIENT).toBeLessThan(left);
    await server.end("SIGKILL");
    expect(countBare(sql)).toBeGreaterThan(0n);
    expect(await findingsOf(database)).toEqual([]);
  }
  const server = await startServerProcess(...flags, "1000000");
  await expect.poll(() => countBare(sql), PATIENT).toBe(0n);
  const connection = connect(server.address);
  expect(await readAll(connection)).toEqual(messages);
  connection.close();
  expect(stateOf(sql)).toEqual(state);
  const { stderr, stdout } = await server.end("SIGTERM");
  const lines = `${stdout}${stderr}`.split("\n").filter((line) => line.includes("bytes"));
  expect(lines.map((line) => JSON.parse(line).msg)).toEqual([
    "giving rows of other programs their bytes",
    "gave rows their bytes",
  ]);
});

describe("a trigger of somebody else", () => {
  const FIRED: Readonly<Record<string, string>> = {
    "after an update": "AFTER UPDATE ON",
    "before an update": "BEFORE UPDATE ON",
    "after an update of the bytes": "AFTER UPDATE OF wire ON",
    "after an update of the revision": "AFTER UPDATE OF updated_at, Revision ON",
  };
  for (const [turn, [what, event]] of Object.entries(FIRED).entries()) {
    const guarded = PLANS.filter((_, index) => index % 2 === turn % 2);
    test(`${what} keeps a table as it is, and fires not once; the others are filled`, async () => {
      const service = await startTestService({ fixtures: true, limits: FAST });
      const { connection, database } = service;
      const sql = openSql(database);
      sql.exec("CREATE TABLE user_log (what TEXT)");
      for (const { table } of guarded) {
        sql.exec(`CREATE TRIGGER "user's ${table}" ${event} ${table}
          BEGIN INSERT INTO user_log VALUES ('fired'); END`);
      }
      for (const plan of PLANS) WAYS["as adopted ones"]?.(sql, plan);
      sql.exec("DELETE FROM user_log");
      const rows = countBare(sql, guarded);
      expect(rows).toBeGreaterThan(BigInt(guarded.length));
      const [content, state] = [contentOf(sql), stateOf(sql)];
      const types = guarded.map(({ resource }) => resource.type);
      await expect
        .poll(() => fillOf(connection), PATIENT)
        .toMatchObject({ leftRowCount: rows, skippedResourceTypes: types });
      await expect.poll(() => countBare(sql), PATIENT).toBe(rows);
      expect(countBare(sql, guarded)).toBe(rows);
      expect(sql.prepare("SELECT count(*) FROM user_log").pluck().get()).toBe(0n);
      expect(contentOf(sql)).toBe(content);
      expect(stateOf(sql)).toEqual(state);

      for (const { table } of guarded) sql.exec(`DROP TRIGGER "user's ${table}"`);
      await expect
        .poll(() => fillOf(connection), PATIENT)
        .toMatchObject({ leftRowCount: 0n, skippedResourceTypes: [] });
      expect(countBare(sql)).toBe(0n);
      expect(contentOf(sql)).toBe(content);
      expect(await findingsOf(database)).toEqual([]);
    });
  }

  test("that filling cannot set off is no hindrance", async () => {
    const service = await startTestService({ fixtures: true, limits: FAST });
    const sql = openSql(service.database);
    sql.exec("CREATE TABLE user_log (what TEXT)");
    for (const { table, sql: names } of PLANS) {
      for (const event of ["INSERT", "DELETE", `UPDATE OF ${names.key}`]) {
        sql.exec(`CREATE TRIGGER "user's ${table} ${event}" AFTER ${event} ON ${table}
          BEGIN INSERT INTO user_log VALUES ('fired'); END`);
      }
    }
    for (const plan of PLANS) WAYS["as adopted ones"]?.(sql, plan);
    const [content, state] = [contentOf(sql), stateOf(sql)];
    await expect.poll(() => countBare(sql), PATIENT).toBe(0n);
    expect(contentOf(sql)).toBe(content);
    expect(stateOf(sql)).toEqual(state);
    expect(sql.prepare("SELECT count(*) FROM user_log").pluck().get()).toBe(0n);
    expect(await findingsOf(service.database)).toEqual([]);
  });
});

describe("what cannot be filled", () => {
  test("a row of any table that cannot be read is left until it is mended", async () => {
    const service = await startTestService({ fixtures: true, limits: FAST });
    const { connection, database } = service;
    const sql = openSql(database);
    const rows = BigInt(PLANS.length);
    const first = ({ table, key }: ResourcePlan) => `${table} SET data = ? WHERE ${key} = 1`;
    const before = PLANS.map(({ table, key }) =>
      sql.prepare(`SELECT data FROM ${table} WHERE ${key} = 1`).pluck().get(),
    );
    for (const plan of PLANS) sql.prepare(`UPDATE ${first(plan)}`).run('{"noSuchField": 1}');
    await expect.poll(() => fillOf(connection), PATIENT).toMatchObject({ leftRowCount: rows });
    expect(countBare(sql)).toBe(rows);
    for (const plan of PLANS) {
      const get = clientOf(connection, plan).get(`${plan.resource.collection}/1`);
      expect(await failureOf(get)).toMatchObject({ reason: "ROW_UNREADABLE" });
    }
    for (const [index, plan] of PLANS.entries()) {
      sql.prepare(`UPDATE ${first(plan)}`).run(before[index]);
    }
    await expect
      .poll(() => fillOf(connection), PATIENT)
      .toMatchObject({ leftRowCount: 0n, filledRowCount: rows });
    expect(countBare(sql)).toBe(0n);
  });

  test("one that is too large to be sent is left, and those beside it are not", async () => {
    const limits = { ...FAST, sendMessageBytes: 64 * 1024 };
    const { connection, database } = await startTestService({ limits });
    const sql = openSql(database);
    sql.exec("INSERT INTO artists (ArtistId, Name) VALUES (1, 'a'), (2, 'b'), (3, 'c'), (4, 'd')");
    sql.exec(
      "UPDATE artists SET data = json_object('biography', printf('%.70000c', 'x')) WHERE ArtistId = 1",
    );
    sql.exec(
      "UPDATE artists SET data = json_object('biography', printf('%.50000c', 'x')) WHERE ArtistId > 1",
    );
    await expect.poll(() => countBare(sql), PATIENT).toBe(1n);
    await expect
      .poll(() => fillOf(connection), PATIENT)
      .toMatchObject({ leftRowCount: 1n, pendingRowCount: 0n });
  });

  test("is tried once, and not again until it is written", async () => {
    const service = await startTestService({ fixtures: true });
    const sql = openSql(service.database);
    const log = (await import("pino")).default({ level: "silent" });
    const limits = { ...DEFAULT_LIMITS, ...FAST };
    const path = service.database;
    const store = openSqlite({
      path,
      readOnly: false,
      registry: REGISTRY,
      definitions: CHINOOK_RESOURCES.definitions,
      limits,
    });
    const tried: bigint[] = [];
    const database: Pick<typeof store, "bareRows" | "commit"> = {
      bareRows: store.bareRows,
      async commit(operations, options) {
        const commit = await store.commit(operations, options);
        for (const each of operations) if (each.kind === "fill") tried.push(each.key);
        return commit;
      },
    };
    sql.exec(`UPDATE genres SET data = '{"noSuchField": 1}' WHERE GenreId <= 3`);
    const version = () => stateOf(sql)?.toString();
    const filler = startFiller({ database, version, plans: PLANS, limits, log });
    if (!filler) throw new Error("it is off");
    const nextPass = async () => {
      const now = filler.status().lastPassTime;
      sql.exec("UPDATE artists SET Name = Name || '.' WHERE ArtistId = 1");
      await expect.poll(() => filler.status().lastPassTime, PATIENT).not.toEqual(now);
    };
    await nextPass();
    await nextPass();
    await nextPass();
    expect(tried.filter((key) => key > 1n).toSorted()).toEqual([2n, 3n]);
    sql.exec(`UPDATE genres SET data = '{"noSuchField": 2}' WHERE GenreId = 3`);
    await nextPass();
    await nextPass();
    expect(tried.filter((key) => key > 1n).toSorted()).toEqual([2n, 3n, 3n]);
    await filler.stop();
    await store.close();
  });
});

test("it rests between its commits, and stops at once", async () => {
  const service = await startTestService({ limits: { fillRowsPerSecond: 1, fillPauseMs: 1 } });
  const sql = openSql(service.database);
  const rows = "WITH RECURSIVE n (i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 200)";
  sql.exec(`${rows} INSERT INTO genres (Name) SELECT 'genre ' || i FROM n`);
  await expect
    .poll(async () => (await fillOf(service.connection))?.filledRowCount, PATIENT)
    .toBeGreaterThan(0n);
  // The rest after the first commit outlasts the test.
  expect(countBare(sql)).toBeGreaterThan(100n);
  expect((await fillOf(service.connection))?.pendingRowCount).toBe(countBare(sql));
  await service.stop();
});

describe("it is off", () => {
  test("if no rows are to be filled, or nothing can be written", async () => {
    const database = `${tempDir()}/off.db`;
    for (const options of [
      { limits: { fillRowsPerSecond: 0 } },
      { readOnly: true, limits: FAST },
    ]) {
      const service = await startTestService({ database, ...options });
      expect(await fillOf(service.connection)).toBeUndefined();
      await service.stop();
    }
  });

  test("by the flag, and in all processes of a server but one", async () => {
    for (const [flags, expected] of [
      [["--fill-rows", "0"], [false]],
      [
        ["--processes", "2"],
        [true, false],
      ],
    ] as const) {
      const server = await startServerProcess("--database", `${tempDir()}/x.db`, ...flags);
      const seen = new Set<boolean>();
      for (let call = 0; call < 8; call++) {
        const connection = connect(server.address);
        seen.add((await fillOf(connection)) !== undefined);
        connection.close();
      }
      expect(seen).toEqual(new Set(expected));
      await server.end("SIGTERM");
    }
  });
});
