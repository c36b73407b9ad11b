// A database whose triggers, views or row of state are not what their names say is not served: each
// trigger and view that the migrations make, emptied or edited, and each wrong row of store_state.

import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ArtistService } from "../../gen/chinook/v1/artist_pb.ts";
import { RESOURCES } from "../../src/chinook/resources.ts";
import {
  type Connection,
  openConnection,
} from "../../src/database/sqlite/connection/connection.ts";
import { createSchemaProbe } from "../../src/database/sqlite/inspect/schema-probe.ts";
import {
  readMigratedSchema,
  type SchemaObject,
} from "../../src/database/sqlite/migrate/migrated-schema.ts";
import { planResources } from "../../src/schema/plan.ts";
import { runCli } from "../service/cli.ts";
import { failureOf, openSql } from "../service/support.ts";
import { migrateUp, readMigrationFiles } from "../support/migrate.ts";
import { startTestService } from "../support/service.ts";
import { makeTempDir, tempDir } from "../support/temp.ts";

const FILES = readMigrationFiles();
const PLANS = planResources(RESOURCES);
const OBJECTS = readMigratedSchema(FILES).filter(({ type }) => /trigger|view/.test(type));

/** What somebody may have put in the place of a trigger or a view. */
const HOLLOWS: Readonly<Record<string, (object: SchemaObject) => string>> = {
  "does nothing": ({ type, sql }) =>
    type === "view"
      ? (sql ?? "").replace(
          / AS\s+SELECT[\s\S]*/,
          (query) => ` AS SELECT * FROM (${query.slice(3)}) WHERE 0`,
        )
      : (sql ?? "").replace(/\bBEGIN\b[\s\S]*/, "BEGIN SELECT 1; END"),
  "never fires": ({ type, sql }) =>
    type === "view"
      ? `${sql} LIMIT 0`
      : (sql ?? "").replace(/(\bWHEN\b[\s\S]*?)?\bBEGIN\b/, "WHEN 0 BEGIN"),
  "does something more": ({ type, sql }) =>
    type === "view" ? `${sql} WHERE 1` : (sql ?? "").replace(/\bEND\s*$/, "SELECT 2; END"),
};

/** The same text for SQLite, in other words. */
const SAME: Readonly<Record<string, (sql: string) => string>> = {
  "other spaces": (sql) => sql.replaceAll("\n", "\r\n").replaceAll("  ", "\t"),
  "a comment": (sql) => `${sql.replace(/\n/, "\n-- ours\n")} /* ours */`,
  "quoted columns": (sql) => sql.replaceAll(/\b(NEW|OLD)\.(\w+)/g, '$1."$2"'),
  "a quoted name": (sql) => sql.replace(/^CREATE (\w+) (\w+)/, 'CREATE $1 "$2"'),
};

let folder: string;
let connection: Connection;
beforeAll(async () => {
  folder = makeTempDir();
  await migrateUp(join(folder, "x.db"), { lockTimeoutMs: 15_000 });
  connection = openConnection(join(folder, "x.db"), { busyTimeoutMs: 1_000 });
});
afterAll(() => connection.close());

function replace({ type, name }: SchemaObject, sql: string): void {
  connection.exec(`DROP ${type} ${name}; ${sql}`);
}

describe("each trigger and view that the migrations make", () => {
  test("there are as many as there must be", () => {
    expect(OBJECTS.length).toBeGreaterThan(RESOURCES.length * 3 + 9);
  });

  for (const [what, hollow] of Object.entries(HOLLOWS)) {
    test(`refused by name if it ${what}`, () => {
      const probe = createSchemaProbe(connection, PLANS, FILES);
      expect(probe.look()).toEqual({ serving: true });
      for (const object of OBJECTS) {
        const sql = hollow(object);
        expect(sql).not.toBe(object.sql);
        replace(object, sql);
        const { error, serving } = probe.look();
        expect(serving, sql).toBe(false);
        expect(error).toMatchObject({
          code: "SCHEMA_MISMATCH",
          message: expect.stringContaining(object.name),
        });
        expect(() => probe.refuseDifferences()).toThrow(object.name);
        replace(object, object.sql ?? "");
        expect(probe.look()).toEqual({ serving: true });
      }
    });
  }

  for (const [what, reword] of Object.entries(SAME)) {
    test(`served if it has ${what}`, () => {
      const probe = createSchemaProbe(connection, PLANS, FILES);
      for (const object of OBJECTS) {
        replace(object, reword(object.sql ?? ""));
        expect(probe.look(), reword(object.sql ?? "")).toEqual({ serving: true });
      }
      for (const object of OBJECTS) replace(object, object.sql ?? "");
    });
  }
});

const TABLE =
  "ALTER TABLE store_state RENAME TO old_; CREATE TABLE store_state (id, revision, writing);";

/** The SQL that makes it so, and whether the writes of a running server notice it at once. */
const STATES: Readonly<Record<string, readonly [spoil: string, atOnce: boolean]>> = {
  "writing left at 1": ["UPDATE store_state SET writing = 1", true],
  "writing left at 2": ["UPDATE store_state SET writing = 2", true],
  "writing that is text": ["UPDATE store_state SET writing = 'no'", true],
  "no row": ["DELETE FROM store_state", true],
  "two rows": [`${TABLE} INSERT INTO store_state VALUES (1, 0, 0), (2, 0, 0)`, false],
  "another id": [`${TABLE} INSERT INTO store_state VALUES (2, 0, 0)`, true],
  "a revision below 0": ["UPDATE store_state SET revision = -1", false],
  "a revision that is text": ["UPDATE store_state SET revision = 'x'", true],
  "a revision that is NULL": [`${TABLE} INSERT INTO store_state VALUES (1, NULL, 0)`, true],
  "a view in its place": [
    "ALTER TABLE store_state RENAME TO old_; CREATE VIEW store_state AS SELECT 1 AS id, 0 AS revision, 0 AS writing",
    true,
  ],
};

describe.each(Object.entries(STATES))("a state with %s", (_, [spoil, atOnce]) => {
  test("keeps a server from starting, and verify from saying that all is well", async () => {
    const database = join(tempDir(), "y.db");
    connection.pragma("wal_checkpoint(TRUNCATE)");
    copyFileSync(join(folder, "x.db"), database);
    openSql(database).exec(spoil);
    await expect(startTestService({ database })).rejects.toMatchObject({
      code: "SCHEMA_MISMATCH",
      message: expect.stringContaining("store_state"),
    });
    const { code, stderr } = await runCli("verify", "--database", database);
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining("store_state") });
  });

  test("is noticed while a server runs: by its health, and by writes at once", async () => {
    const { connection: client, database } = await startTestService({
      limits: { probeIntervalMs: 3_600_000 },
    });
    const artists = client.service(ArtistService);
    await artists.createArtist({ artist: { displayName: "x" } });
    const sql = openSql(database);
    sql.exec(spoil);
    const probe = createSchemaProbe(sql, PLANS, FILES);
    expect(probe.look()).toMatchObject({ serving: false, error: { code: "SCHEMA_MISMATCH" } });
    if (!atOnce) return;
    const outcome = await failureOf(artists.createArtist({ artist: { displayName: "y" } }));
    expect(outcome).toMatchObject({ code: "UNAVAILABLE", reason: "SCHEMA_MISMATCH" });
  });
});
