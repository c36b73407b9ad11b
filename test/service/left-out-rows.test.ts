// One row that cannot be read, among others: for each resource, each column and each field of the
// JSON, with values that other programs can put there. Get and BatchGet tell what is wrong, every
// other read goes on and names the row, and nothing else; a mask without the field reads.

import { Client, credentials } from "@grpc/grpc-js";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { DatabaseService } from "../../gen/protostore/v1/database_service_pb.ts";
import { RESOURCES } from "../../src/chinook/resources.ts";
import {
  openConnection,
  type Connection as SqlConnection,
} from "../../src/database/sqlite/connection/connection.ts";
import { planResources, type ResourcePlan, type TablePlan } from "../../src/schema/plan.ts";
import { keyIn, type Reads, readsOf } from "../support/reads.ts";
import { runService, type TestService } from "../support/service.ts";
import { standardClient } from "../support/standard-client.ts";
import { failureOf } from "./support.ts";

/** Many calls, on machines that are busy. */
const LONG = { timeout: 120_000 };

const PLANS = planResources(RESOURCES);

/** SQL of values, some of which no field of any column can hold, and some that fit a few. */
const VALUES = [
  "x'00ff'",
  "'free'",
  "CAST(x'41ff42' AS TEXT)",
  "CAST(x'eda080' AS TEXT)",
  "1e999",
  "-1e999",
  "0.1234567891",
  "'2024-02-30'",
  "'0000-00-00 00:00:00'",
  "9223372036854775807",
  "-9223372036854775808",
  "''",
];

/** JSON that no field has, whatever its type. */
const JSON_VALUES = ['"\\ud800"', "1e400", '{"a": 1, "a": 2}', '[{"b": [1e999]}]'];

/** What belongs to no field. */
const DATA_VALUES = [`'{"nonsense": 1}'`, `'[]'`, `'{'`, "x'7b7d'", `'{"$unknown": 7}'`, "7"];

let service: TestService;
let sql: SqlConnection;
let client: Client;
const connection = () => service.connection;
/** The rows of each resource. */
const ROWS = 4;

beforeAll(async () => {
  service = await runService({ fixtures: true });
  sql = openConnection(service.database, { busyTimeoutMs: 10_000 });
  sql.pragma("foreign_keys = OFF");
  sql.pragma("ignore_check_constraints = ON");
  for (const { table, key } of PLANS) sql.exec(`DELETE FROM ${table} WHERE ${key} > ${ROWS}`);
  for (const { table, columns } of PLANS.flatMap((plan) => [plan, ...plan.children])) {
    for (const { name, reference } of columns) {
      if (reference) sql.exec(`UPDATE ${table} SET ${name} = 1 WHERE ${name} > ${ROWS}`);
    }
  }
  client = new Client(service.address, credentials.createInsecure());
});

afterAll(async () => {
  client.close();
  sql.close();
  await service.stop();
});

interface Case {
  readonly plan: ResourcePlan;
  readonly reads: Reads;
  /** All names, in the order of the keys. */
  readonly names: readonly string[];
  /** The one that is broken. */
  readonly bad: string;
}

async function caseOf(index: number): Promise<Case> {
  const plan = PLANS[index] as ResourcePlan;
  const reads = readsOf(
    service.connection,
    client,
    RESOURCES[index] as (typeof RESOURCES)[number],
    plan,
  );
  const { names, unreachable } = await reads.list();
  expect(unreachable).toEqual([]);
  return { plan, reads, names, bad: names[1] as string };
}

/** The table that has the column, and the condition that a row of it is, or is of, the bad one. */
function rowOf({ plan, bad }: Case, table: TablePlan) {
  const child = plan.children.find((candidate) => candidate === table);
  return { name: table.table, where: `${child?.parentKey ?? plan.key} = ${keyIn(plan, bad)}` };
}

/** Runs `check` while the column has another value. */
async function withValue(
  { name, where }: { name: string; where: string },
  column: string,
  value: string,
  check: () => Promise<void>,
): Promise<void> {
  const key = sql.prepare(`SELECT min(rowid) FROM ${name} WHERE ${where}`).pluck().get() as bigint;
  const before = sql.prepare(`SELECT ${column} FROM ${name} WHERE rowid = ?`).pluck().get(key);
  try {
    sql.exec(`UPDATE ${name} SET ${column} = ${value} WHERE rowid = ${key}`);
  } catch (error) {
    // A constraint or an index of the table: no program can do that.
    if (/constraint|malformed JSON/.test(String(error))) return;
    throw error;
  }
  try {
    await check();
  } finally {
    sql.prepare(`UPDATE ${name} SET ${column} = ? WHERE rowid = ?`).run(before, key);
  }
}

/** Checks every read while one row cannot be read; `paths` are those that may be named. */
async function checkLeftOut(broken: Case, what: string, paths: readonly string[]): Promise<void> {
  const { plan, reads, names, bad } = broken;
  const others = names.filter((name) => name !== bad);
  const expected = { names: others, unreachable: [bad] };
  const failure = await failureOf(reads.get(bad)).catch((error: unknown) => error);
  expect(failure, what).toMatchObject({
    code: "DATA_LOSS",
    reason: "ROW_UNREADABLE",
    resource: `${plan.resource.type} ${bad}`,
  });
  const { field = "" } = (failure as Awaited<ReturnType<typeof failureOf>>).metadata;
  expect(
    paths.some((path) => field === path || field.startsWith(`${path}.`)),
    `${what}: ${field}`,
  ).toBe(true);
  expect(await reads.get(bad, ["name"]), what).toMatchObject({ name: bad });
  expect(await reads.list(), what).toEqual(expected);
  expect(await reads.list({ pageSize: 1000 }), what).toEqual(expected);
  const ordered = await reads.list({ orderBy: "create_time desc" });
  expect({ ...ordered, names: ordered.names.toSorted() }, what).toEqual({
    ...expected,
    names: others.toSorted(),
  });
  expect(await reads.list({ mask: ["name"] }), what).toEqual({ names, unreachable: [] });
  expect(await reads.export(), what).toEqual(expected);
  if (!reads.batchGet) return;
  const batch = failureOf(reads.batchGet([others[0] as string, bad]));
  expect(await batch, what).toMatchObject({ code: "DATA_LOSS", metadata: { field } });
  expect((await reads.batchGet(others)).names, what).toEqual(others);
  expect((await reads.batchGet([bad], ["name"])).names, what).toEqual([bad]);
}

/** True if Get can read the row as it is now. */
async function isReadable({ reads, bad }: Case): Promise<boolean> {
  return reads.get(bad).then(
    () => true,
    () => false,
  );
}

describe.for(PLANS.map((plan, index) => ({ name: plan.desc.name, plan, index })))(
  "one row of $name",
  ({ plan, index }) => {
    const tables: readonly (readonly [TablePlan, prefix: string])[] = [
      [plan, ""],
      ...plan.children.map((child) => [child, `${child.field.name}.`] as const),
    ];
    const columns = tables.flatMap(([table, prefix]) =>
      table.columns.map((column) => ({ path: prefix + column.field.name, table, column })),
    );

    test.for(columns)("with another value of $path", LONG, async ({ path, table, column }) => {
      const one = await caseOf(index);
      let broken = 0;
      for (const value of VALUES) {
        await withValue(rowOf(one, table), column.name, value, async () => {
          if (await isReadable(one)) {
            expect(await one.reads.list(), value).toEqual({ names: one.names, unreachable: [] });
            return;
          }
          broken++;
          await checkLeftOut(one, `${path} = ${value}`, [path]);
        });
      }
      expect(broken).toBeGreaterThan(0);
      expect(await isReadable(one)).toBe(true);
    });

    const fields = tables.flatMap(([table, prefix]) =>
      table.dataFields.map((field) => ({ path: prefix + field.name, table, field })),
    );

    test.for(fields)("with JSON that is no $path", LONG, async ({ path, table, field }) => {
      const one = await caseOf(index);
      for (const value of JSON_VALUES) {
        const data = `'{"${field.jsonName}": ${value}}'`;
        await withValue(rowOf(one, table), "data", data, () =>
          checkLeftOut(one, `${path} = ${value}`, [path]),
        );
      }
      expect(await isReadable(one)).toBe(true);
    });

    test("with JSON that is of no field, and times that are none", LONG, async () => {
      const one = await caseOf(index);
      for (const [table, prefix] of tables) {
        for (const value of DATA_VALUES) {
          await withValue(rowOf(one, table), "data", value, () =>
            checkLeftOut(one, `data = ${value}`, [`${prefix}data`]),
          );
        }
      }
      await withValue(rowOf(one, plan), "created_at", "'x'", () =>
        checkLeftOut(one, "created_at", ["create_time"]),
      );
      expect(await isReadable(one)).toBe(true);
    });
  },
);

/** Writes as only a broken disk does: no trigger notices. */
function spoil(assignment: string, where: string, table: string): void {
  sql.exec(`
    BEGIN;
    UPDATE store_state SET writing = 1;
    UPDATE ${table} SET ${assignment} WHERE ${where};
    UPDATE store_state SET writing = 0;
    COMMIT;`);
}

/** The same row with one bit flipped, for each of some bits of what is checked. */
function* flipsOf(row: { wire: Uint8Array; checksum: bigint; revision: bigint }) {
  for (let bit = 0; bit < row.wire.length * 8; bit += 37) {
    const flipped = Buffer.from(row.wire);
    flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7));
    yield { what: `bit ${bit} of the bytes`, assignment: `wire = x'${flipped.toString("hex")}'` };
  }
  for (let bit = 0n; bit < 64n; bit++) {
    for (const name of ["checksum", "revision"] as const) {
      const flipped = BigInt.asIntN(64, row[name] ^ (1n << bit));
      const value = flipped === -(2n ** 63n) ? "(-9223372036854775807 - 1)" : flipped;
      yield { what: `bit ${bit} of the ${name}`, assignment: `${name} = ${value}` };
    }
  }
}

test.for(PLANS.map((plan, index) => ({ name: plan.desc.name, plan, index })))(
  "any bit that flips in a row of $name is noticed",
  LONG,
  async ({ plan, index }) => {
    const one = await caseOf(index);
    const { name: table, where } = rowOf(one, plan);
    const others = one.names.filter((name) => name !== one.bad);
    // Written by the server again, as the other tests have written to it.
    const message = await one.reads.get(one.bad);
    const served = RESOURCES[index] as (typeof RESOURCES)[number];
    await standardClient(connection(), served.service, plan).update(message, undefined);
    const select = sql.prepare(`SELECT wire, checksum, revision FROM ${table} WHERE ${where}`);
    const row = select.get() as { wire: Uint8Array; checksum: bigint; revision: bigint };
    const restore = `wire = x'${Buffer.from(row.wire).toString("hex")}', checksum = ${row.checksum}, revision = ${row.revision}`;
    for (const { what, assignment } of flipsOf(row)) {
      spoil(assignment, where, table);
      const failure = await failureOf(one.reads.get(one.bad)).catch((error: unknown) => error);
      expect(failure, what).toMatchObject({ code: "DATA_LOSS", reason: "ROW_UNREADABLE" });
      const expected = { names: others, unreachable: [one.bad] };
      expect(await one.reads.list(), what).toEqual(expected);
      expect(await one.reads.list({ orderBy: "create_time", pageSize: 9 }), what).toMatchObject({
        unreachable: [one.bad],
      });
      spoil(restore, where, table);
    }
    for (let bit = 0n; bit < 63n; bit++) {
      const key = keyIn(plan, one.bad) ^ (1n << bit);
      if (key > 0n && key <= BigInt(ROWS)) continue;
      spoil(`${plan.key} = ${key}`, where, table);
      const { names, unreachable } = await one.reads.list();
      expect(names, `bit ${bit} of the key`).toEqual(others);
      expect(unreachable, `bit ${bit} of the key`).toHaveLength(1);
      spoil(`${plan.key} = ${keyIn(plan, one.bad)}`, `${plan.key} = ${key}`, table);
    }
    // Bytes from before there were checksums are not trusted: what the columns say counts.
    spoil("checksum = NULL, wire = x'00'", where, table);
    expect(await one.reads.get(one.bad)).toEqual(await one.reads.get(one.bad, ["*"]));
    expect(await one.reads.list()).toEqual({ names: one.names, unreachable: [] });
  },
);

test("each is counted", async () => {
  const status = await service.connection.service(DatabaseService).getDatabaseStatus({});
  expect(Number(status.server?.unreadableRows)).toBeGreaterThan(100);
});
