// How a List would be run, in words of the API: kinds, types and fields, and no word of SQL.

import { expect, test } from "vitest";
import type { Explanation } from "../../src/database/explanation.ts";
import { refuseScan } from "../../src/database/sql/refuse-scan.ts";
import { createListCosts } from "../../src/database/sqlite/inspect/list-costs.ts";
import { createSchemaView } from "../../src/database/sqlite/inspect/schema-view.ts";
import { databaseService } from "../../src/health/database-service.ts";
import { explainList } from "../../src/repositories/list.ts";
import { fill, type Migrated, migrated, multiply, PLANS } from "./support.ts";

type Ask = (resource: string, filter?: string, orderBy?: string) => Promise<Explanation>;

function asker({ connection }: Migrated): Ask {
  const costs = createListCosts(connection, createSchemaView(connection));
  return (resource, filter = "", orderBy = "") =>
    explainList({ explain: async (list) => costs.explain(list) }, PLANS, {
      resourceType: `chinook.example.com/${resource}`,
      filter,
      orderBy,
    });
}

const TRACK = "chinook.example.com/Track";
const step = (kind: string, resourceType: string, ...fields: string[]) => ({
  kind,
  resourceType,
  fields,
});

test("searches, scans and sorts are told apart", async () => {
  const opened = await migrated();
  multiply(opened, 1_000);
  const ask = asker(opened);
  expect(await ask("Track", 'isrc = "x"')).toEqual({
    steps: [step("search", TRACK, "isrc")],
    estimatedRows: 10n,
    indexed: true,
    isFiltered: true,
  });
  expect(await ask("Track", 'title = "x"')).toEqual({
    steps: [step("scan", TRACK)],
    estimatedRows: 1_000n,
    indexed: false,
    isFiltered: true,
  });
  expect(await ask("Track", "", "bpm desc")).toEqual({
    steps: [step("scan-index", TRACK, "bpm")],
    estimatedRows: 1_000n,
    indexed: true,
    isFiltered: false,
  });
  expect(await ask("Track", "", "title")).toMatchObject({
    steps: [step("scan", TRACK), step("sort", TRACK)],
    indexed: false,
  });
  expect(await ask("Track", "bpm > 100", "bpm")).toEqual({
    steps: [step("search", TRACK, "bpm")],
    estimatedRows: 250n,
    indexed: true,
    isFiltered: true,
  });
  expect(await ask("Track", "explicit", "bpm")).toMatchObject({ indexed: false });
  expect(await ask("Track", 'name = "tracks/1007"')).toEqual({
    steps: [step("search", TRACK, "name")],
    estimatedRows: 1n,
    indexed: true,
    isFiltered: true,
  });
  expect(await ask("Track")).toEqual({
    steps: [step("scan", TRACK)],
    estimatedRows: 1_000n,
    indexed: true,
    isFiltered: false,
  });
  expect(await ask("Track", 'album = "albums/7"')).toMatchObject({
    steps: [step("search", TRACK, "album")],
  });
});

test("an expression of an index is told by its field", async () => {
  const opened = await migrated();
  multiply(opened, 1_000);
  const ask = asker(opened);
  const customer = "chinook.example.com/Customer";
  expect((await ask("Customer", "", "loyalty.points")).steps).toEqual([
    step("scan-index", customer, "loyalty.points"),
  ]);
  expect((await ask("Customer", "loyalty.points = 0")).steps).toEqual([
    step("search", customer, "loyalty.points"),
    step("search", customer, "loyalty.points"),
    step("sort", customer),
  ]);
  const invoice = "chinook.example.com/Invoice";
  expect((await ask("Invoice", 'invoice_time = "2021-01-01T00:00:00Z"')).steps).toEqual([
    step("search", invoice, "invoice_time"),
  ]);
  expect((await ask("Playlist", "", "visibility")).steps).toEqual([
    step("scan-index", "chinook.example.com/Playlist", "visibility"),
  ]);
});

test("lines are told by their message, elements of JSON not at all", async () => {
  const opened = await migrated();
  await fill(opened);
  const ask = asker(opened);
  const lines = await ask("Invoice", "lines.quantity:1");
  expect(lines.steps.map(({ resourceType }) => resourceType)).toContain("chinook.v1.InvoiceLine");
  expect(lines.indexed).toBe(false);
  expect((await ask("Track", "credits.role:PERFORMER")).steps).toEqual([step("scan", TRACK)]);
});

test("ANALYZE makes the estimates better", async () => {
  const opened = await migrated();
  multiply(opened, 1_000);
  opened.connection.exec("ANALYZE");
  const ask = asker(opened);
  expect((await ask("Artist", 'region_code = "R1"')).estimatedRows).toBe(4n);
  expect((await ask("Track", 'isrc = "isrc1001"')).estimatedRows).toBe(1n);
  opened.connection.exec("DELETE FROM tracks");
  expect((await ask("Track", 'title = "x"')).estimatedRows).toBe(1_000n);
});

test("one row with a high id is one row", async () => {
  const opened = await migrated();
  opened.connection.exec("INSERT INTO genres (GenreId, Name) VALUES (9223372036854775807, 'x')");
  expect((await asker(opened)("Genre", 'description = "x"')).estimatedRows).toBe(1n);
});

test("no word of SQL and no name of the database gets out", async () => {
  const opened = await migrated();
  await fill(opened);
  const ask = asker(opened);
  const names = opened.connection
    .prepare(
      `SELECT lower(name) FROM sqlite_schema UNION SELECT lower(column.name)
       FROM sqlite_schema AS t, pragma_table_xinfo(t.name) AS column WHERE t.type = 'table'`,
    )
    .pluck()
    .all() as string[];
  const fields = new Set(
    PLANS.flatMap((plan) => [plan, ...plan.children]).flatMap(({ desc }) =>
      desc.fields.map(({ name }) => name),
    ),
  );
  const secret = new Set(names.filter((name) => !fields.has(name)));
  let words = 0;
  for (const plan of PLANS) {
    const paths = [
      ...plan.columns.map(({ field }) => field.name),
      ...plan.indexedFields,
      "create_time",
      "name",
    ];
    for (const path of paths) {
      for (const [filter, orderBy] of [
        [`${path}:*`, ""],
        ["", path],
        ["", `${path} desc`],
      ] as const) {
        const { steps } = await ask(plan.desc.name, filter, orderBy);
        expect(steps.length).toBeGreaterThan(0);
        for (const { resourceType, fields: found } of steps) {
          expect(resourceType).toBe(plan.resource.type);
          for (const field of found) {
            words += 1;
            // A column of the same name as the field, such as status, is no secret.
            expect(secret.has(field.toLowerCase())).toBe(false);
            expect(field).toBe(path === field ? path : field === "name" ? "name" : path);
          }
        }
      }
    }
  }
  expect(words).toBeGreaterThan(40);
});

test("what List refuses is refused, and a type that is not served", async () => {
  const ask = asker(await migrated());
  const refusal = (field: string) => ({ code: "INVALID_FIELD", details: { fields: [{ field }] } });
  await expect(ask("Nothing")).rejects.toMatchObject(refusal("resource_type"));
  await expect(ask("Track", "nothing = 1")).rejects.toMatchObject(refusal("filter"));
  await expect(ask("Track", "", "nothing")).rejects.toMatchObject(refusal("order_by"));
});

test("a filter that must look at too many rows is refused, if a limit is set", async () => {
  const opened = await migrated();
  multiply(opened, 1_000);
  const ask = asker(opened);
  const scan = await ask("Track", 'title = "x"');
  expect(() => refuseScan(scan, 0)).not.toThrow();
  expect(() => refuseScan(scan, 1_000)).not.toThrow();
  expect(() => refuseScan(scan, 999)).toThrow(
    "filter: would look at about 1000 rows, more than the 999 that are allowed",
  );
  expect(() => refuseScan({ ...scan, isFiltered: false }, 1)).not.toThrow();
  const search = await ask("Track", 'isrc = "x"');
  expect(() => refuseScan(search, 1)).not.toThrow();
});

test("DatabaseService answers with it", async () => {
  const seen: unknown[] = [];
  const unasked = async () => {
    throw new Error("is not asked");
  };
  const service = databaseService({
    readStatus: unasked,
    checkpoint: unasked,
    backUp: async function* () {},
    maintain: async function* () {},
    explainQuery: async (request) => {
      seen.push(request);
      return {
        steps: [
          { kind: "scan-index", resourceType: TRACK, fields: ["bpm"] },
          { kind: "sort", resourceType: TRACK, fields: [] },
        ],
        estimatedRows: 7n,
        indexed: false,
        isFiltered: true,
      };
    },
  });
  const handler = service.handlers.find(({ method }) => method.name === "ExplainQuery");
  const implement = handler?.implement as (request: object, context: object) => Promise<object>;
  const request = { resourceType: TRACK, filter: "a", orderBy: "b" };
  expect(await implement(request, {})).toMatchObject({
    steps: [
      { kind: 2, resourceType: TRACK, fields: ["bpm"] },
      { kind: 4, resourceType: TRACK, fields: [] },
    ],
    estimatedRows: 7n,
    indexed: false,
  });
  expect(seen).toEqual([request]);
});

test("a column that is no field's stays unnamed, also in an index", async () => {
  const opened = await migrated();
  opened.connection.exec(`
    ALTER TABLE tracks ADD COLUMN Margin;
    DROP INDEX IFK_TrackAlbumId;
    CREATE INDEX own ON tracks (AlbumId, Margin, Composer);
  `);
  const { steps } = await asker(opened)("Track", "", "album");
  expect(steps[0]).toEqual(step("scan-index", TRACK, "album", "composer"));
});
