// Filters as SQL in a real database against the same filters over messages in memory.

import { fromBinary } from "@bufbuild/protobuf";
import { type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import { expect, test } from "vitest";
import { RESOURCES } from "../../../src/chinook/resources.ts";
import type { TableFacts } from "../../../src/database/sql/filter/source.ts";
import {
  type Connection,
  openConnection,
} from "../../../src/database/sqlite/connection/connection.ts";
import { parseFilter } from "../../../src/query/filter/parser.ts";
import { planResources, type ResourcePlan } from "../../../src/schema/plan.ts";
import { registryOf } from "../../../src/schema/registry.ts";
import { EVERYTHING_PLAN, EVERYTHING_REGISTRY, TEXT_FORMS } from "../../support/everything.ts";
import { startTestService } from "../../support/service.ts";
import { tempDir } from "../../support/temp.ts";
import { compileFilter } from "../compiled.ts";
import { FilterMaker } from "./arbitrary-filter.ts";
import { evaluate } from "./evaluator.ts";
import { SEED, storeEverything } from "./rows.ts";

const FILTERS = Number(process.env.FILTERS ?? 20_000);
const CHINOOK_FILTERS = 300;
const ROWS = 240;
/** Each filter is about a part of the rows, so that many filters and many rows are tried. */
const PARTS = 10;
/** A test that fails says how with a few examples. */
const FAILURES_MAX = 5;

interface Trial {
  readonly connection: Connection;
  readonly plan: ResourcePlan;
  readonly facts?: TableFacts;
  readonly registry: Parameters<typeof evaluate>[2];
  readonly messages: ReadonlyMap<bigint, ReflectMessage>;
}

/** Runs random filters; what went wrong, how many told rows apart, and how many SQL texts there were. */
function tryFilters({ connection, plan, facts, registry, messages }: Trial, count: number) {
  const maker = new FilterMaker(SEED, plan.desc, [...messages.values()], registry);
  const texts = new Set<string>();
  const failures: unknown[] = [];
  let telling = 0;
  for (let i = 0; i < count && failures.length < FAILURES_MAX; i++) {
    const filter = maker.filter();
    const part = BigInt(i % PARTS);
    try {
      const { where, parameters } = compileFilter(plan, filter, facts);
      texts.add(where);
      const sql = `SELECT ${plan.key} FROM ${plan.table} WHERE ${plan.key} % ${PARTS} = ? AND ${where}`;
      const found = connection
        .prepare(sql)
        .pluck()
        .all(part, ...parameters) as bigint[];
      const { root } = parseFilter(filter);
      const rows = [...messages].filter(([key]) => key % BigInt(PARTS) === part);
      const expected = rows
        .filter(([, message]) => root && evaluate(root, message, registry))
        .map(([key]) => key);
      if (found.toSorted(byValue).join() !== expected.join()) {
        const extra = found.filter((key) => !expected.includes(key));
        const lacking = expected.filter((key) => !found.includes(key));
        failures.push({ filter, where, parameters, extra, lacking });
      }
      if (found.length > 0 && found.length < rows.length) telling++;
    } catch (error) {
      failures.push({ filter, error: String(error) });
    }
  }
  return { failures, telling, texts: texts.size };
}

const byValue = (a: bigint, b: bigint) => Number(a - b);

test.each(TEXT_FORMS)(
  `random filters find what an evaluator finds, %o (SEED=${SEED})`,
  async (form) => {
    const { messages, ...stored } = await storeEverything(tempDir(), ROWS, form);
    const trial = { ...stored, plan: EVERYTHING_PLAN, registry: EVERYTHING_REGISTRY, messages };
    const count = FILTERS / TEXT_FORMS.length;
    const { failures, telling } = tryFilters(trial, count);
    stored.connection.close();
    expect(failures).toEqual([]);
    // If few told rows apart, being equal would say little.
    expect(telling).toBeGreaterThan(count / 3);
  },
  300_000,
);

test.each(TEXT_FORMS)("a wildcard in the currency of a column finds it, %o", async (form) => {
  const { connection, facts } = await storeEverything(tempDir(), 60, form);
  const keysOf = (filter: string) => {
    const { where, parameters } = compileFilter(EVERYTHING_PLAN, filter, facts);
    const sql = `SELECT EverythingId FROM everythings WHERE ${where}`;
    return connection
      .prepare(sql)
      .pluck()
      .all(...parameters);
  };
  const found = keysOf('c_money.currency_code = "E*R"');
  expect(found).toEqual(keysOf('c_money.currency_code = "EUR"'));
  expect(found.length).toBeGreaterThan(0);
  connection.close();
});

test(`random filters find what an evaluator finds in Chinook (SEED=${SEED})`, async () => {
  const { database } = await startTestService({ fixtures: true });
  const connection = openConnection(database, { readOnly: true, busyTimeoutMs: 1000 });
  const registry = registryOf(RESOURCES.map(({ resource }) => resource));
  for (const plan of planResources(RESOURCES)) {
    const rows = connection.prepare(`SELECT ${plan.key}, wire FROM ${plan.table}`).raw().all();
    const messages = new Map(
      (rows as [bigint, Uint8Array][]).map(([key, wire]) => [
        key,
        reflect(plan.desc, fromBinary(plan.desc, wire)),
      ]),
    );
    const { failures } = tryFilters({ connection, plan, registry, messages }, CHINOOK_FILTERS);
    expect(failures, plan.desc.name).toEqual([]);
  }
  connection.close();
});
