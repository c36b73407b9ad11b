// A generated column has what the message says, for random messages and for values at the edges; one
// that has anything else is not used.

import { create, type Message, toBinary } from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import { expect, test } from "vitest";
import { CustomerSchema } from "../../gen/chinook/v1/customer_pb.ts";
import { TrackSchema } from "../../gen/chinook/v1/track_pb.ts";
import type { Operation } from "../../src/database/database.ts";
import { generatedColumn } from "../../src/database/sql/filter/generated-column.ts";
import { sqliteDialect } from "../../src/database/sqlite/dialect/sqlite-dialect.ts";
import { createSchemaView } from "../../src/database/sqlite/inspect/schema-view.ts";
import type { ResourcePlan } from "../../src/schema/plan.ts";
import { makeResource } from "../support/arbitrary-resource.ts";
import { factsOf, fill, INDEXED, type Migrated, migrated, PLANS, REGISTRY } from "./support.ts";

function planOf(name: string): ResourcePlan {
  return PLANS.find(({ desc }) => desc.name === name) as ResourcePlan;
}

/** The value that the message has at the path, in the form that the column must have. */
function wanted(plan: ResourcePlan, message: Message, path: string): unknown {
  let at = reflect(plan.desc, message);
  const names = path.split(".");
  for (const name of names.slice(0, -1)) {
    const field = at.desc.fields.find((candidate) => candidate.name === name);
    if (field?.fieldKind !== "message" || !at.isSet(field)) return null;
    at = at.get(field);
  }
  const field = at.desc.fields.find((candidate) => candidate.name === names.at(-1));
  if (!field || !at.isSet(field)) return null;
  const value: unknown = at.get(field);
  if (field.fieldKind === "enum")
    return field.enum.value[value as number]?.name ?? BigInt(value as number);
  return Number.isNaN(value) ? "NaN" : value;
}

async function store(
  { database, connection }: Migrated,
  plan: ResourcePlan,
  messages: readonly Message[],
): Promise<unknown[]> {
  const first = 100_000n;
  const operations = messages.map(
    (message, index): Operation => ({
      kind: "create",
      plan,
      message: toBinary(plan.desc, message),
      key: first + BigInt(index),
      path: "item",
    }),
  );
  await database.commit(operations);
  const generated = [...(factsOf(connection, plan).generated ?? new Map()).values()];
  const columns = generated.map((name) => `, ${name}`).join("");
  return connection
    .prepare(
      `SELECT ${plan.key}${columns} FROM ${plan.table} WHERE ${plan.key} >= ${first} ORDER BY 1`,
    )
    .all();
}

const IN_JSON = INDEXED.filter(
  ({ plan, path }) => !plan.columns.some(({ field }) => field.name === path),
);

test("every declared field of the JSON has a column", async () => {
  const { connection } = await migrated();
  const columns = IN_JSON.map(({ plan, path }) => {
    const facts = [...(factsOf(connection, plan).generated ?? new Map()).values()];
    return facts.includes(path.replace(".", "_"));
  });
  expect(IN_JSON.length).toBe(7);
  expect(columns).toEqual(IN_JSON.map(() => true));
});

test.each([...new Set(IN_JSON.map(({ plan }) => plan.desc.name))])(
  "the columns of %s have what random messages say",
  async (name) => {
    const opened = await migrated();
    await fill(opened);
    const plan = planOf(name);
    const messages = Array.from({ length: 300 }, (_, seed) => makeResource(plan, REGISTRY, seed));
    const paths = IN_JSON.filter((entry) => entry.plan === plan).map(({ path }) => path);
    const expected = messages.map((message) => paths.map((path) => wanted(plan, message, path)));
    const rows = (await store(opened, plan, messages)) as Record<string, unknown>[];
    const found = rows.map((row) => paths.map((path) => row[path.replace(".", "_")]));
    // What is compared is compared in SQL, where -0 is 0.
    const plain = (values: unknown[][]) => values.map((row) => row.map((v) => (v === 0 ? 0 : v)));
    expect(plain(found)).toEqual(plain(expected));
    for (const at of paths.keys()) expect(expected.some((row) => row[at] !== null)).toBe(true);
  },
);

test("values at the edges of their types", async () => {
  const opened = await migrated();
  await fill(opened);
  const bpm = [0, -0, 0.1, 5e-324, 1.7976931348623157e308, Infinity, -Infinity, NaN];
  const isrc = ["", "\0", "it's", '"', "ÅÄÖ", "12", "1e3"];
  const track = {
    title: "t",
    mediaType: "mediaTypes/1",
    duration: {},
    unitPrice: { currencyCode: "USD" },
  };
  const tracks = bpm.map((value, at) =>
    create(TrackSchema, { ...track, bpm: value, isrc: isrc[at] ?? "" }),
  );
  const rows = (await store(opened, planOf("Track"), tracks)) as { bpm: unknown; isrc: unknown }[];
  expect(rows.map(({ bpm: found }) => (found === 0 ? 0 : found))).toEqual(
    bpm.map((v) => (Number.isNaN(v) ? "NaN" : v + 0)),
  );
  expect(rows.map((row) => row.isrc)).toEqual([null, ...isrc.slice(1), null]);

  const points = [2n ** 63n - 1n, -(2n ** 63n), 9007199254740993n, 0n];
  const customers = points.map((value) =>
    create(CustomerSchema, {
      givenName: "a",
      familyName: "b",
      email: "c",
      loyalty: { points: value },
    }),
  );
  const found = (await store(opened, planOf("Customer"), customers)) as {
    loyalty_points: unknown;
  }[];
  expect(found.map((row) => row.loyalty_points)).toEqual([...points.slice(0, 3), null]);
});

const ISRC = generatedColumn(planOf("Track"), "isrc", sqliteDialect("UTF-8"))?.expression ?? "";

test.each([
  ["of another path", ISRC.replaceAll("isrc", "upc")],
  ["as it was before, which takes a list for text", "json_extract(data, '$.isrc')"],
  ["of a stored number as text", `CAST(${ISRC} AS TEXT)`],
  ["in other words", "data ->> '$.isrc'"],
  ["with a default", `coalesce(${ISRC}, '')`],
])("a column %s is not used for isrc", async (_, expression) => {
  const { connection } = await migrated();
  connection.exec(`
    DROP INDEX tracks_isrc_order; DROP INDEX tracks_isrc; ALTER TABLE tracks DROP COLUMN isrc;
    ALTER TABLE tracks ADD COLUMN isrc AS (${expression});
  `);
  expect(factsOf(connection, planOf("Track")).generated?.has("$.isrc")).toBe(false);
});

test.each([
  ["a type that changes values", `isrc INTEGER AS (${ISRC})`],
  ["a collation", `isrc COLLATE NOCASE AS (${ISRC})`],
  ["a collation behind it", `isrc AS (${ISRC}) COLLATE NOCASE`],
])("a column with %s is not used", async (_, definition) => {
  const { connection } = await migrated();
  connection.exec(`
    DROP INDEX tracks_isrc_order; DROP INDEX tracks_isrc; ALTER TABLE tracks DROP COLUMN isrc;
    ALTER TABLE tracks ADD COLUMN ${definition};
  `);
  expect(factsOf(connection, planOf("Track")).generated?.has("$.isrc")).toBe(false);
});

test("a column of any name and layout is used if it has the value", async () => {
  const { connection } = await migrated();
  const explicit =
    generatedColumn(planOf("Track"), "explicit", sqliteDialect("UTF-8"))?.expression ?? "";
  connection.exec(`ALTER TABLE tracks ADD COLUMN "a,b" AS (${explicit})`);
  expect(factsOf(connection, planOf("Track")).generated?.has("$.explicit")).toBe(false);
  const spread = explicit.replace("data, ", "data,\n -- ' \n ");
  connection.exec(`ALTER TABLE tracks ADD COLUMN Loud AS (/* ) */ ${spread})`);
  expect(factsOf(connection, planOf("Track")).generated?.get("$.explicit")).toBe("Loud");
});

test("the view of the schema sees a change, and reads nothing again without one", async () => {
  const { connection } = await migrated();
  const view = createSchemaView(connection);
  const track = planOf("Track");
  const before = view.factsOf(track);
  expect(before.generated?.get("$.bpm")).toBe("bpm");
  expect(before.notNull?.has("Name")).toBe(true);
  expect(view.factsOf(track)).toBe(before);
  connection.exec("DROP INDEX tracks_bpm; ALTER TABLE tracks DROP COLUMN bpm");
  expect(view.factsOf(track).generated?.has("$.bpm")).toBe(false);
  expect(view.describe("tracks")?.indexes.some(({ name }) => name === "tracks_bpm")).toBe(false);
});
