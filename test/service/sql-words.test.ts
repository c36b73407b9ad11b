// A resource whose table, key and columns all have words of SQL for names goes through all that a
// resource goes through.

import { readFileSync } from "node:fs";
import { create, type Message, toBinary } from "@bufbuild/protobuf";
import { expect, onTestFinished, test } from "vitest";
import { openConnection } from "../../src/database/sqlite/connection/connection.ts";
import { makeDatabase, planImage, serveImage } from "../support/image-service.ts";
import { imageWith } from "../support/images.ts";
import { createMigration } from "../support/migrate.ts";
import { outsideTriggers } from "../support/outside-triggers.ts";
import { tempDir } from "../support/temp.ts";
import { findingsIn } from "../support/verified.ts";

const IMAGE = imageWith("words/v1/words.proto");
const TYPE = "words.v1.Group";
const { plan } = planImage(IMAGE, TYPE);

const TABLES = `
CREATE TABLE "group" (
  "order" INTEGER NOT NULL PRIMARY KEY,
  "index" TEXT NOT NULL, "select" INTEGER NOT NULL,
  "from" INTEGER REFERENCES "group" ("order"), "where" INTEGER,
  data TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(data)),
  "values" GENERATED ALWAYS AS (json_extract(data, '$.limit')) VIRTUAL,
  wire BLOB, revision INTEGER, created_at TEXT, updated_at TEXT, checksum INTEGER
);
CREATE INDEX group_values ON "group" ("values");
CREATE TABLE "check" (
  "primary" INTEGER NOT NULL PRIMARY KEY,
  "references" INTEGER NOT NULL REFERENCES "group" ("order"),
  "unique" TEXT NOT NULL, data TEXT NOT NULL DEFAULT '{}' CHECK (json_valid(data))
);
`;

type Group = Message & {
  name: string;
  index: string;
  select: bigint;
  from: string;
  checks: { primary: bigint; unique: string; values: string }[];
};

async function start() {
  const directory = tempDir();
  const database = await makeDatabase(directory, TABLES + outsideTriggers(plan));
  const service = await serveImage(directory, IMAGE, [TYPE], { database });
  onTestFinished(() => service.stop());
  const make = (init: object) => service.client.create(create(plan.desc, init as never));
  const first = (await make({ index: "a", select: 1n, limit: "x" })) as Group;
  const checks = [{ unique: "u", values: "v" }, { unique: "w" }];
  const second = (await make({
    index: "b",
    select: 2n,
    from: first.name,
    where: true,
    checks,
  })) as Group;
  const list = async (filter: string) =>
    ((await service.client.listAll(1, { filter })) as Group[]).map(({ name }) => name);
  return { ...service, database, first, second, list };
}

test("is created, read and listed", async () => {
  const { client, first, second } = await start();
  expect(second.checks.map(({ primary }) => primary)).toEqual([1n, 2n]);
  expect(toBinary(plan.desc, await client.get(second.name))).toEqual(toBinary(plan.desc, second));
  const all = (await client.listAll(1)) as Group[];
  expect(all.map(({ name }) => name)).toEqual([first.name, second.name]);
});

test.for([
  ['index = "a"', "groups/1"],
  ["select > 1", "groups/2"],
  ['from = "groups/1"', "groups/2"],
  ["where = true", "groups/2"],
  ['limit = "x"', "groups/1"],
  ['checks.unique:"w"', "groups/2"],
  ['checks.values:"v"', "groups/2"],
  ["checks.primary:2", "groups/2"],
  ['name = "groups/1"', "groups/1"],
  ["b", "groups/2"],
] as const)("is found by %s", async ([filter, name]) => {
  const { list } = await start();
  expect(await list(filter)).toEqual([name]);
});

test.for(["name desc", "index desc", "select desc", "where desc", "limit", "from desc"])(
  "is ordered by %s, page by page",
  async (orderBy) => {
    const { client } = await start();
    const query = { filter: "", orderBy } as { filter: string };
    const all = (await client.listAll(1, query)) as Group[];
    expect(all.map(({ name }) => name)).toEqual(["groups/2", "groups/1"]);
  },
);

test("is updated, changed by plain SQL, verified and deleted", async () => {
  const { client, database, first, second, definition, list } = await start();
  const changed = { ...second, index: "c", checks: [second.checks[1]] } as Group;
  const updated = (await client.update(changed, ["index", "checks"])) as Group;
  expect(updated).toMatchObject({ index: "c", checks: [{ unique: "w" }] });
  const outside = openConnection(database, { busyTimeoutMs: 1000 });
  outside.exec(`UPDATE "group" SET "select" = 7 WHERE "order" = 2;
    UPDATE "check" SET "unique" = 'z';
    INSERT INTO "check" ("references", "unique") VALUES (1, 'new');`);
  outside.close();
  expect(await client.get(second.name)).toMatchObject({ select: 7n, checks: [{ unique: "z" }] });
  expect(await client.get(first.name)).toMatchObject({ checks: [{ unique: "new" }] });
  expect(await list('checks.unique:"new"')).toEqual([first.name]);
  expect(await findingsIn(database, definition.definitions, definition.resources)).toEqual([]);
  await expect(client.delete(first.name)).rejects.toThrow("in use");
  await client.delete(second.name);
  await client.delete(first.name);
  expect(await client.listAll(10)).toEqual([]);
});

test("a migration that makes such a table runs", () => {
  const [up = "", down = ""] = createMigration("words", {
    dir: tempDir(),
    table: { table: "group", key: "order" },
  });
  const connection = openConnection(":memory:", { busyTimeoutMs: 0 });
  connection.exec(`CREATE TABLE store_state (id, revision, writing);
    INSERT INTO store_state VALUES (1, 0, 0);
    CREATE TABLE id_high_water (table_name TEXT PRIMARY KEY, last_id)`);
  connection.exec(readFileSync(up, "utf8"));
  connection.exec(
    `INSERT INTO "group" DEFAULT VALUES; UPDATE "group" SET data = '{"a":1}'; DELETE FROM "group"`,
  );
  connection.exec(readFileSync(down, "utf8"));
  expect(connection.prepare("SELECT name FROM sqlite_schema WHERE name = 'group'").get()).toBe(
    undefined,
  );
  connection.close();
});
