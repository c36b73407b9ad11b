// What is served on which database: an unmanaged or foreign file not at all, one whose schema is not
// the server's only once that is put right, and meanwhile health, status and reflection.

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { ArtistService } from "../../gen/chinook/v1/artist_pb.ts";
import { ServerReflection } from "../../gen/grpc/reflection/v1/reflection_pb.ts";
import { Health, HealthCheckResponse_ServingStatus } from "../../gen/health/v1/health_pb.ts";
import { DatabaseService } from "../../gen/protostore/v1/database_service_pb.ts";
import { RESOURCES } from "../../src/chinook/resources.ts";
import type { Connection } from "../../src/client/client.ts";
import { openConnection } from "../../src/database/sqlite/connection/connection.ts";
import { createSchemaProbe } from "../../src/database/sqlite/inspect/schema-probe.ts";
import { StoreError } from "../../src/errors.ts";
import { planResources } from "../../src/schema/plan.ts";
import { collect, connect, openBidi } from "../grpc/support.ts";
import { migrateUp, readMigrationFiles } from "../support/migrate.ts";
import { makeMigrated } from "../support/migrated.ts";
import { startTestService, type TestService } from "../support/service.ts";
import { tempDir } from "../support/temp.ts";
import { runCli } from "./cli.ts";
import { failureOf, openSql } from "./support.ts";

const PLANS = planResources(RESOURCES);
const LATEST = BigInt(readMigrationFiles().length);

const LOCK = { lockTimeoutMs: 15_000 };
const QUICK = { probeIntervalMs: 10 };

/** Runs plain SQL on a file that nobody serves. */
function runSql(path: string, text: string): void {
  const sql = openConnection(path, { create: true, busyTimeoutMs: 1_000 });
  sql.pragma("foreign_keys = OFF");
  sql.exec(text);
  sql.close();
}

/** Chinook's tables without any row, in the plural naming. */
const PLURAL = readMigrationFiles()[0]?.up.sql ?? "";

const UPSTREAM = `${PLURAL}
  ALTER TABLE artists RENAME TO Artist_; ALTER TABLE Artist_ RENAME TO Artist;
  ALTER TABLE albums RENAME TO Album; ALTER TABLE tracks RENAME TO Track;
  ALTER TABLE genres RENAME TO Genre; ALTER TABLE media_types RENAME TO MediaType;
  ALTER TABLE playlists RENAME TO Playlist; ALTER TABLE playlist_track RENAME TO PlaylistTrack;
  ALTER TABLE customers RENAME TO Customer; ALTER TABLE employees RENAME TO Employee;
  ALTER TABLE invoices RENAME TO Invoice; ALTER TABLE invoice_items RENAME TO InvoiceLine;`;

describe("serve refuses, and does not touch,", () => {
  const FILES: Readonly<Record<string, readonly [string, RegExp]>> = {
    "a Chinook file in upstream naming": [UPSTREAM, /run: protostore adopt /],
    "a Chinook file in plural naming": [PLURAL, /run: protostore adopt /],
    "a file of another application": [
      "CREATE TABLE notes (text); INSERT INTO notes VALUES ('x')",
      /is no Chinook file: it has none of Chinook's tables/,
    ],
    "a Chinook file that lacks a table": [
      `${PLURAL} DROP TABLE invoice_items`,
      /is no Chinook file: the table invoice_items is missing/,
    ],
  };

  for (const [what, [text, message]] of Object.entries(FILES)) {
    test(what, async () => {
      const database = join(tempDir(), "x.db");
      runSql(database, text);
      const before = readFileSync(database);
      const error = await startTestService({ database }).catch((thrown: unknown) => thrown);
      expect(error).toBeInstanceOf(StoreError);
      expect(error).toMatchObject({
        code: "UNMANAGED_DATABASE",
        message: expect.stringMatching(message),
      });
      expect(error).toMatchObject({ message: expect.stringContaining(database) });
      const { code, stdout, stderr } = await runCli("serve", "--database", database);
      expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
      expect(stderr).toMatch(message);
      expect(stderr.trimEnd().split("\n")).toHaveLength(1);
      expect(readFileSync(database).equals(before)).toBe(true);
      expect(existsSync(`${database}-wal`)).toBe(false);
    });
  }

  test("a file that is no database", async () => {
    const database = join(tempDir(), "x.txt");
    writeFileSync(database, "It was a dark and stormy night. ".repeat(100));
    const error = await startTestService({ database }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      code: "DATABASE_CORRUPT",
      message: `${database}: the file is not a database`,
    });
    expect(readFileSync(database, "utf8")).toContain("stormy");
  });

  test("a folder", async () => {
    const database = tempDir();
    const error = await startTestService({ database }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      code: "DATABASE_UNAVAILABLE",
      message: `${database} is not a file`,
    });
  });

  test("a file that is absent, if it is to be read only", async () => {
    const database = join(tempDir(), "x.db");
    const error = await startTestService({ database, readOnly: true }).catch((thrown) => thrown);
    expect(error).toMatchObject({ code: "DATABASE_UNAVAILABLE" });
    expect(existsSync(database)).toBe(false);
  });
});

type Serving = keyof typeof HealthCheckResponse_ServingStatus;

/** The health of the server as a whole, of a resource's service and of DatabaseService. */
async function healthOf(connection: Connection): Promise<(Serving | undefined)[]> {
  const health = connection.service(Health);
  const services = ["", "chinook.v1.ArtistService", "protostore.v1.DatabaseService"];
  const answers = await Promise.all(services.map((service) => health.check({ service })));
  const names = Object.entries(HealthCheckResponse_ServingStatus);
  return answers.map(({ status }) => names.find(([, value]) => value === status)?.[0] as Serving);
}

const SERVING = ["SERVING", "SERVING", "SERVING"];
const NOT_SERVING = ["NOT_SERVING", "NOT_SERVING", "SERVING"];

const listArtists = (connection: Connection) => connection.service(ArtistService).listArtists({});

async function schemaOf(connection: Connection) {
  const status = await connection.service(DatabaseService).getDatabaseStatus({});
  return status.schema;
}

async function expectNotServing(service: TestService, schema: object): Promise<void> {
  const { connection } = service;
  await expect.poll(() => healthOf(connection), { timeout: 30_000 }).toEqual(NOT_SERVING);
  const calls = [
    listArtists(connection),
    connection.service(ArtistService).createArtist({ artist: { displayName: "x" } }),
  ];
  for (const call of calls) {
    const failure = await failureOf(call);
    expect(failure).toMatchObject({ code: "UNAVAILABLE", reason: "SCHEMA_MISMATCH" });
    // Which tables and columns differ is told by GetDatabaseStatus and the log, not to every caller.
    expect(failure.message).not.toMatch(/column|trigger|Company/);
  }
  expect(await schemaOf(connection)).toMatchObject(schema);
}

async function expectServing({ connection }: TestService): Promise<void> {
  await expect.poll(() => healthOf(connection), { timeout: 30_000 }).toEqual(SERVING);
  await listArtists(connection);
  expect(await schemaOf(connection)).toMatchObject({
    version: LATEST,
    expectedVersion: LATEST,
    dirty: false,
    differences: [],
  });
}

test("with migrations pending it serves health, status and reflection, and the rest once they are applied", async () => {
  const database = join(tempDir(), "x.db");
  await migrateUp(database, { ...LOCK, target: 1 });
  const service = await startTestService({ database, limits: QUICK });
  await expectNotServing(service, { version: 1n, expectedVersion: LATEST, dirty: false });

  const client = connect(service.address);
  const reflection = openBidi(client, ServerReflection.method.serverReflectionInfo);
  const answers = collect<{ messageResponse: { case?: string; value?: unknown } }>(reflection);
  // ListServices, field 7, with an empty string.
  reflection.write(Buffer.from([0x3a, 0x00]));
  reflection.end();
  const { messages } = await answers;
  expect(messages[0]?.messageResponse).toMatchObject({
    case: "listServicesResponse",
    value: {
      service: expect.arrayContaining([expect.objectContaining({ name: Health.typeName })]),
    },
  });

  await migrateUp(database, LOCK);
  await expectServing(service);
  const artist = { displayName: "x" };
  const created = await service.connection.service(ArtistService).createArtist({ artist });
  expect(created.name).toBe("artists/1");
});

test("with migrations pending fixtures are not loaded", async () => {
  const database = join(tempDir(), "x.db");
  await migrateUp(database, { ...LOCK, target: 1 });
  const service = await startTestService({ database, fixtures: true, limits: QUICK });
  await migrateUp(database, LOCK);
  await expectServing(service);
  expect((await listArtists(service.connection)).artists).toEqual([]);
});

const STATES: Readonly<Record<string, readonly [string, string, object]>> = {
  "a migration that did not finish": [
    "UPDATE schema_migrations SET dirty = 1",
    "UPDATE schema_migrations SET dirty = 0",
    { version: LATEST, dirty: true },
  ],
  "a newer version": [
    "UPDATE schema_migrations SET version = 99",
    `UPDATE schema_migrations SET version = ${LATEST}`,
    { version: 99n, expectedVersion: LATEST },
  ],
  "a column that is missing": [
    "ALTER TABLE customers RENAME COLUMN Company TO Firm",
    "ALTER TABLE customers RENAME COLUMN Firm TO Company",
    {
      differences: expect.arrayContaining([
        "chinook.v1.Customer.company: customers has no column Company",
      ]),
    },
  ],
};

for (const [what, [spoil, repair, schema]] of Object.entries(STATES)) {
  test(`${what}, while it serves: NOT_SERVING until it is put right`, async () => {
    const service = await startTestService({ limits: QUICK });
    await expectServing(service);
    const sql = openSql(service.database);
    sql.exec(spoil);
    await expectNotServing(service, schema);
    sql.exec(repair);
    await expectServing(service);
  });
}

for (const what of ["a migration that did not finish", "a newer version"]) {
  test(`${what}, at boot: it starts and is NOT_SERVING`, async () => {
    const database = join(tempDir(), "x.db");
    await makeMigrated(database);
    const [spoil = "", repair = "", schema = {}] = STATES[what] ?? [];
    runSql(database, spoil);
    const service = await startTestService({ database, limits: QUICK });
    await expectNotServing(service, schema);
    openSql(database).exec(repair);
    await expectServing(service);
  });
}

describe("at boot it names what differs:", () => {
  const replace = (table: string, column: string, declaration: string) =>
    `ALTER TABLE ${table} RENAME COLUMN ${column} TO old_; ALTER TABLE ${table} ADD COLUMN ${column} ${declaration}`;

  const CASES: Readonly<Record<string, readonly [string, string]>> = {
    "a table that is missing": ["DROP TABLE genres", "chinook.v1.Genre: there is no table genres"],
    "a table of lines that is missing": [
      "DROP TABLE invoice_items",
      "chinook.v1.InvoiceLine: there is no table invoice_items",
    ],
    "a column that is missing": [
      "ALTER TABLE customers RENAME COLUMN Company TO old_",
      "chinook.v1.Customer.company: customers has no column Company",
    ],
    "the JSON column missing": [
      "ALTER TABLE genres RENAME COLUMN data TO old_",
      "chinook.v1.Genre: genres has no column data",
    ],
    "a column of a wrong type": [
      replace("tracks", "Composer", "INTEGER"),
      "chinook.v1.Track.composer: Composer has type INTEGER, which cannot hold the field",
    ],
    "a price that is text": [
      replace("tracks", "UnitPrice", "TEXT NOT NULL DEFAULT ''"),
      "chinook.v1.Track.unit_price: UnitPrice has type TEXT, which cannot hold the field",
    ],
    "a column of another length": [
      replace("tracks", "Composer", "NVARCHAR(100)"),
      "chinook.v1.Track.composer: Composer is NVARCHAR(100), but max_length is 220",
    ],
    "a column that must not be NULL": [
      replace("tracks", "Composer", "NVARCHAR(220) NOT NULL DEFAULT ''"),
      "chinook.v1.Track.composer: Composer is NOT NULL, but the field may be absent",
    ],
    "another default": [
      replace("customers", "status", "INTEGER NOT NULL DEFAULT 2"),
      "chinook.v1.Customer.status: status must have DEFAULT 1",
    ],
    "a reference without a foreign key": [
      replace("tracks", "GenreId", "INTEGER"),
      "chinook.v1.Track.genre: GenreId has no foreign key to genres",
    ],
    "a reference to another table": [
      replace("tracks", "GenreId", "INTEGER REFERENCES albums (AlbumId)"),
      "chinook.v1.Track.genre: GenreId has no foreign key to genres",
    ],
  };

  for (const [what, [spoil, difference]] of Object.entries(CASES)) {
    test(what, async () => {
      const database = join(tempDir(), "x.db");
      await makeMigrated(database);
      runSql(database, spoil);
      const error = await startTestService({ database }).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code: "SCHEMA_MISMATCH" });
      expect((error as Error).message.split("\n")).toContain(difference);
    });
  }

  test("whichever trigger is missing", async () => {
    const database = join(tempDir(), "x.db");
    await makeMigrated(database);
    const sql = openSql(database);
    const query = "SELECT name, tbl_name FROM sqlite_schema WHERE type = 'trigger'";
    const triggers = sql.prepare(query).raw().all() as [string, string][];
    expect(triggers.length).toBeGreaterThanOrEqual(RESOURCES.length * 3);
    for (const [trigger, table] of triggers) {
      sql.exec(`BEGIN; DROP TRIGGER ${trigger}`);
      const { error } = createSchemaProbe(sql, PLANS, readMigrationFiles()).look();
      sql.exec("ROLLBACK");
      const message = expect.stringContaining(`${table} has no trigger ${trigger}`);
      expect(error, trigger).toMatchObject({ code: "SCHEMA_MISMATCH", message });
    }
  });

  for (const table of ["store_state", "id_high_water", "playlist_track"]) {
    test(`the table ${table} missing, which is no message's`, async () => {
      const database = join(tempDir(), "x.db");
      await makeMigrated(database);
      runSql(database, `ALTER TABLE ${table} RENAME TO old_`);
      const error = await startTestService({ database }).catch((thrown: unknown) => thrown);
      const message = expect.stringContaining(table);
      expect(error).toMatchObject({ code: "SCHEMA_MISMATCH", message });
    });
  }

  test("several at once, a line each", async () => {
    const database = join(tempDir(), "x.db");
    await makeMigrated(database);
    runSql(
      database,
      "ALTER TABLE customers RENAME COLUMN Company TO a; ALTER TABLE tracks RENAME COLUMN Bytes TO b",
    );
    const error = await startTestService({ database }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      message: expect.stringContaining(
        "chinook.v1.Track.size_bytes: tracks has no column Bytes\n" +
          "chinook.v1.Customer.company: customers has no column Company",
      ),
    });
    const { code, stderr } = await runCli("serve", "--database", database);
    expect(code).toBe(1);
    expect(stderr).toContain("chinook.v1.Customer.company: customers has no column Company");
    expect(stderr).not.toMatch(/\n\s+at /);
  });

  test("a column of the owner's own is no difference", async () => {
    const database = join(tempDir(), "x.db");
    await makeMigrated(database);
    runSql(database, "ALTER TABLE customers ADD COLUMN Nickname TEXT; CREATE TABLE notes (text)");
    await expectServing(await startTestService({ database }));
  });
});
