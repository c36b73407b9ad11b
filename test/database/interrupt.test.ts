// Every statement that can look at many rows can be ended while it does: it asks, often enough, whether
// anybody still waits. Asking changes no plan of SQLite's.

import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { RESOURCES } from "../../src/chinook/resources.ts";
import type { Grouping } from "../../src/chinook/sales/sales.ts";
import { createSalesRepository } from "../../src/chinook/sales/sales-repository.ts";
import type { SearchTerm } from "../../src/chinook/search/search-query.ts";
import { createSearchRepository } from "../../src/chinook/search/search-repository.ts";
import type { Database } from "../../src/database/database.ts";
import { CONTINUE_FUNCTION } from "../../src/database/sql/interrupt.ts";
import { compileList } from "../../src/database/sql/list-statements.ts";
import { createListReader } from "../../src/database/sql/read/lists.ts";
import type { Statement } from "../../src/database/sql/statements.ts";
import {
  type Connection,
  openConnection,
} from "../../src/database/sqlite/connection/connection.ts";
import { sqliteDialect } from "../../src/database/sqlite/dialect/sqlite-dialect.ts";
import { explainDetails } from "../../src/database/sqlite/inspect/explain.ts";
import { createReader } from "../../src/database/sqlite/readers/reader.ts";
import { StoreError } from "../../src/errors.ts";
import { DEFAULT_LIMITS } from "../../src/limits.ts";
import { checkList } from "../../src/repositories/list.ts";
import { createRepository } from "../../src/repositories/resource-repository.ts";
import { planResources, type ResourcePlan } from "../../src/schema/plan.ts";
import { registryOf } from "../../src/schema/registry.ts";
import { runService, type TestService } from "../support/service.ts";

const FACTS = { dialect: sqliteDialect("UTF-8") };

const PLANS = planResources(RESOURCES);
const ROWS = 1_500;
/** A third of what asking for one row of 61 comes to. */
const CHECKS_MIN = Math.floor(ROWS / 61 / 3);
const ITEM = { field: 1 };

let service: TestService;
let connection: Connection;
let checks = 0;
/** Throws at the check of this number; never if it is absent. */
let endAt: number | undefined;
let database: Database;

beforeAll(async () => {
  service = await runService({ fixtures: true });
  connection = openConnection(service.database, { busyTimeoutMs: 10_000 });
  connection.pragma("synchronous = OFF");
  for (const plan of PLANS) {
    multiply(plan.table, plan.key);
    for (const child of plan.children) multiply(child.table, child.key);
  }
  const reader = createReader(connection, registryOf(RESOURCES.map((r) => r.resource)), () => {
    checks++;
    if (checks === endAt) throw new StoreError("CANCELLED", "the call is over");
  });
  const page: Database["page"] = async (request) => reader.page(request);
  database = {
    driver: "sqlite",
    list: createListReader({ factsOf: () => FACTS, page }),
    page,
    read: async (statements: readonly Statement[]) => reader.read(statements),
  } as Database;
});

afterAll(async () => {
  connection.close();
  await service.stop();
});

/** Copies the rows of a table under other keys until there are enough. */
function multiply(table: string, key: string): void {
  const names = connection
    .prepare<[string], string>("SELECT name FROM pragma_table_info(?)")
    .pluck()
    .all(table)
    .filter((name) => name !== key);
  const rows = connection.prepare(`SELECT count(*) FROM ${table}`).pluck().get() as bigint;
  connection.exec(
    `WITH RECURSIVE copy(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM copy WHERE n < ${ROWS}/${rows} + 1)
     INSERT INTO ${table} (${key}, ${names.join(", ")})
     SELECT ${key} + n * 100000, ${names.join(", ")} FROM ${table}, copy`,
  );
}

const listOf = (plan: ResourcePlan, filter: string, orderBy: string, includeTotalSize = false) => {
  const query = { filter, orderBy, pageSize: 10, skip: 0, includeTotalSize, item: ITEM };
  const repository = createRepository(database, plan, DEFAULT_LIMITS);
  return repository.list({ ...query, after: undefined, mask: undefined });
};

const NEVER = 'create_time < "1970-01-01T00:00:00Z"';
const from = (...terms: SearchTerm[]) =>
  createSearchRepository(
    database,
    PLANS.find(({ table }) => table === "tracks") as ResourcePlan,
    DEFAULT_LIMITS,
  ).search(terms, undefined, 10);
const sums = (grouping: Grouping) =>
  createSalesRepository(
    database,
    PLANS.find(({ table }) => table === "invoices") as ResourcePlan,
  ).summarize(grouping, undefined, undefined);

const SCANS: readonly (readonly [string, () => Promise<unknown>])[] = [
  ...PLANS.flatMap((plan) => [
    [`a filter over ${plan.table}`, () => listOf(plan, NEVER, "")] as const,
    [`an order of ${plan.table}`, () => listOf(plan, "", "update_time desc")] as const,
    [`a total of ${plan.table}`, () => listOf(plan, `NOT ${NEVER}`, "", true)] as const,
  ]),
  ["a search", () => from({ text: "a", isPrefix: true })],
  ...(["country", "genre", "artist", "supportRep", "month"] as const).map(
    (grouping) => [`sums by ${grouping}`, () => sums(grouping)] as const,
  ),
];

describe.each(SCANS)("%s", (_, scan) => {
  test("asks often whether it must go on, and ends as soon as it must not", async () => {
    [checks, endAt] = [0, undefined];
    await scan();
    const asked = checks;
    expect(asked).toBeGreaterThan(CHECKS_MIN);
    [checks, endAt] = [0, asked - 1];
    await expect(scan()).rejects.toMatchObject({ code: "CANCELLED" });
    expect(checks).toBe(asked - 1);
    expect(connection.inTransaction).toBe(false);
    [checks, endAt] = [0, undefined];
    await scan();
    expect(checks).toBeGreaterThan(CHECKS_MIN);
  });
});

/** Filters and orders over what each field can hold; some are none, for fields of other types. */
const VALUES = ["1", '"a"', "true", '"2020-01-01T00:00:00Z"', '"5s"', '"a*"'];
const FORMS = ["=", "!=", "<", ">="];

test("asking changes no plan", () => {
  const gate = new RegExp(`\\(\\S+ % \\d+ <> 0 OR ${CONTINUE_FUNCTION}\\(\\)\\)( AND )?`, "g");
  let compared = 0;
  for (const plan of PLANS) {
    for (const { name } of plan.desc.fields) {
      const filters = FORMS.flatMap((form) => VALUES.map((value) => `${name} ${form} ${value}`));
      for (const filter of ["", `${name}:*`, ...filters]) {
        for (const orderBy of ["", name, `${name} desc`]) {
          const statement = statementOf(plan, filter, orderBy);
          if (!statement?.sql.includes(CONTINUE_FUNCTION)) continue;
          const sql = statement.sql.replace(gate, "").replace(/ WHERE +(?=ORDER BY)/, " ");
          expect(sql).not.toContain(CONTINUE_FUNCTION);
          const plain = explainDetails(connection, { ...statement, sql });
          expect(explainDetails(connection, statement), statement.sql).toEqual(plain);
          compared++;
        }
      }
    }
  }
  expect(compared).toBeGreaterThan(500);
});

function statementOf(plan: ResourcePlan, filter: string, orderBy: string): Statement | undefined {
  try {
    const list = compileList(checkList(plan, { filter, orderBy }), FACTS);
    return list.first({ pageSize: 10, skip: 0 });
  } catch (error) {
    if (error instanceof StoreError && error.code === "INVALID_FIELD") return undefined;
    throw error;
  }
}
