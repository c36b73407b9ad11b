// The check at boot: with the migrations' indexes it finds nothing; each one that is taken away is
// named by message and field.

import { describe, expect, onTestFinished, test } from "vitest";
import { findUnindexed } from "../../src/database/sql/unindexed.ts";
import type { Connection } from "../../src/database/sqlite/connection/connection.ts";
import { openEmptyCopy } from "../../src/database/sqlite/inspect/explain.ts";
import { explainOver } from "../../src/database/sqlite/inspect/unindexed.ts";
import { fill, INDEXED, migrated, PLANS } from "./support.ts";

async function look(connection: Connection, plans = PLANS): Promise<readonly string[]> {
  const tables = plans.flatMap((plan) => [plan, ...plan.children]).map(({ table }) => table);
  const copy = openEmptyCopy(connection, tables);
  onTestFinished(() => {
    copy.close();
  });
  const explain = explainOver(copy);
  const found = await Promise.all(plans.map((plan) => findUnindexed(plan, explain)));
  return found.flat();
}

test("with the indexes of the migrations nothing is found, also after ANALYZE of few rows", async () => {
  const opened = await migrated();
  expect(await look(opened.connection)).toEqual([]);
  await fill(opened);
  opened.connection.exec("ANALYZE");
  expect(await look(opened.connection)).toEqual([]);
});

describe("a dropped index is named", () => {
  test.each(INDEXED)("$title", async ({ plan, path }) => {
    const { connection } = await migrated();
    const name = `${plan.table}_${path.replace(".", "_")}`;
    connection.exec(`DROP INDEX ${name}`);
    const subject = `${plan.desc.typeName}.${path}: no index serves it in`;
    const hasOrder = connection
      .prepare("SELECT 1 FROM sqlite_schema WHERE name = ?")
      .get(`${name}_order`);
    expect(await look(connection)).toEqual([
      `${subject} ${hasOrder ? "filter" : "filter and order_by"}`,
    ]);
    if (!hasOrder) return;
    connection.exec(`DROP INDEX ${name}_order`);
    expect(await look(connection)).toEqual([`${subject} filter and order_by`]);
  });
});

test.each([
  [
    "another expression",
    "ALTER TABLE tracks ADD COLUMN isrc AS (lower(json_extract(data, '$.isrc')));",
  ],
  ["no generated column", ""],
])("an index over %s does not serve", async (_, column) => {
  const { connection } = await migrated();
  connection.exec(`
    DROP INDEX tracks_isrc_order; DROP INDEX tracks_isrc; ALTER TABLE tracks DROP COLUMN isrc;
    ${column} CREATE INDEX tracks_isrc ON tracks (${column ? "isrc" : "data"});
  `);
  expect(await look(connection)).toEqual([
    "chinook.v1.Track.isrc: no index serves it in filter and order_by",
  ]);
});

test("a partial index does not serve", async () => {
  const { connection } = await migrated();
  connection.exec("DROP INDEX tracks_bpm; CREATE INDEX tracks_bpm ON tracks (bpm) WHERE bpm > 100");
  expect(await look(connection)).toEqual([
    "chinook.v1.Track.bpm: no index serves it in filter and order_by",
  ]);
});

test("a path that leads to nothing is named", async () => {
  const { connection } = await migrated();
  const plans = PLANS.map((plan) => ({ ...plan, indexedFields: ["nothing", "title.more"] })).slice(
    0,
    1,
  );
  const name = plans[0]?.desc.typeName;
  expect(await look(connection, plans)).toEqual([
    `${name}.nothing: no index serves it in filter and order_by`,
    `${name}.title.more: no index serves it in filter and order_by`,
  ]);
});

test("an index behind which rows are still sorted does not serve an order", async () => {
  const { connection } = await migrated();
  connection.exec("DROP INDEX tracks_bpm; CREATE INDEX tracks_bpm ON tracks (bpm, Milliseconds)");
  expect(await look(connection)).toEqual(["chinook.v1.Track.bpm: no index serves it in order_by"]);
});
