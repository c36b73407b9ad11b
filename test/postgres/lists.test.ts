// Filters and orders in a PostgreSQL database against the same over messages in memory.

import { fromBinary } from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import { expect, test } from "vitest";
import type { Database } from "../../src/database/database.ts";
import type { ListRequest } from "../../src/database/list-request.ts";
import { StoreError } from "../../src/errors.ts";
import { parseFilter } from "../../src/query/filter/parser.ts";
import { checkList } from "../../src/repositories/list.ts";
import { FilterMaker, randomOf } from "../query/filter/arbitrary-filter.ts";
import { evaluate } from "../query/filter/evaluator.ts";
import { compareMessages } from "../query/order/comparator.ts";
import { orders } from "../query/order/orders.ts";
import { EVERYTHING, EVERYTHING_PLAN, EVERYTHING_REGISTRY } from "../support/everything.ts";
import { fieldsOf } from "../support/items.ts";
import { keyOf, SEED, storeEverything } from "./everything.ts";

const FILTERS = Number(process.env.FILTERS ?? 400);
const ROWS = 120;
/** How many orders by several fields; each field is tried alone as well. */
const ORDERS = 40;
/** A test that fails says how with a few examples. */
const FAILURES_MAX = 5;

const PLAIN = {
  pageSize: 1_000,
  skip: 0,
  after: undefined,
  includeTotalSize: false,
  item: { field: 1 },
  pageBytes: 100_000_000,
  itemBytesMax: 100_000_000,
} as const;

async function keysOf(
  database: Database,
  text: { readonly filter?: string; readonly orderBy?: string },
  range: Partial<ListRequest> = {},
): Promise<{ readonly keys: bigint[]; readonly next: ListRequest["after"] }> {
  const list = checkList(EVERYTHING_PLAN, { filter: "", orderBy: "", ...text });
  const { bytes, next } = await database.list({ ...list, ...PLAIN, ...range });
  const keys = fieldsOf(bytes, 1).map((message) =>
    keyOf(reflect(EVERYTHING, fromBinary(EVERYTHING, message))),
  );
  return { keys, next };
}

test(`random filters find what an evaluator finds (SEED=${SEED})`, async () => {
  const { database, messages } = await storeEverything(ROWS);
  const maker = new FilterMaker(SEED, EVERYTHING, [...messages.values()], EVERYTHING_REGISTRY);
  const failures: unknown[] = [];
  let telling = 0;
  for (let i = 0; i < FILTERS && failures.length < FAILURES_MAX; i++) {
    const filter = maker.filter();
    const { root } = parseFilter(filter);
    const expected = [...messages]
      .filter(([, message]) => root && evaluate(root, message, EVERYTHING_REGISTRY))
      .map(([key]) => key);
    try {
      const { keys } = await keysOf(database, { filter });
      if (keys.join() !== expected.join()) {
        const extra = keys.filter((key) => !expected.includes(key));
        const lacking = expected.filter((key) => !keys.includes(key));
        failures.push({ filter, extra, lacking });
      }
    } catch (error) {
      if (error instanceof StoreError && /\0|\\u0000/.test(filter)) continue;
      failures.push({ filter, error: `${error} ${(error as Error).cause}` });
    }
    if (expected.length > 0 && expected.length < messages.size) telling++;
  }
  expect(failures).toEqual([]);
  // If few told rows apart, being equal would say little.
  expect(telling).toBeGreaterThan(FILTERS / 3);
}, 300_000);

/** All keys in the order, a page after the other. */
async function pageThrough(database: Database, orderBy: string, pageSize: number) {
  const keys: bigint[] = [];
  for (let after: ListRequest["after"]; ; ) {
    const page = await keysOf(database, { orderBy }, { pageSize, after });
    keys.push(...page.keys);
    after = page.next;
    if (!after) return keys;
  }
}

test(`orders are those of the values, and pages have every row once (SEED=${SEED})`, async () => {
  const { database, messages } = await storeEverything(ROWS / 2);
  const random = randomOf(SEED);
  for (const orderBy of orders(random, ORDERS)) {
    const compare = compareMessages(orderBy);
    const expected = [...messages].sort(([, a], [, b]) => compare(a, b)).map(([key]) => key);
    const pageSize = 1 + Math.floor(random() * ROWS);
    expect(await pageThrough(database, orderBy, pageSize), `${orderBy} / ${pageSize}`).toEqual(
      expected,
    );
  }
}, 300_000);
