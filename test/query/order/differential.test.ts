// Orders as SQL in a real database against the same orders of messages in memory, and pages by keyset
// against both.

import { expect, test } from "vitest";
import type { SqlValue } from "../../../src/schema/sql-value.ts";
import { EVERYTHING_PLAN, TEXT_FORMS } from "../../support/everything.ts";
import { tempDir } from "../../support/temp.ts";
import { compileOrder } from "../compiled.ts";
import { randomOf } from "../filter/arbitrary-filter.ts";
import { type Rows, SEED, storeEverything } from "../filter/rows.ts";
import { compareMessages } from "./comparator.ts";
import { orders } from "./orders.ts";

const ROWS = 120;
const ORDERS = 300;
const PAGED_ORDERS = 40;

function sortedKeys({ messages }: Rows, order: string): bigint[] {
  const compare = compareMessages(order);
  return [...messages].sort(([, a], [, b]) => compare(a, b)).map(([key]) => key);
}

test.each(TEXT_FORMS)(`orders are those of the values, %o (SEED=${SEED})`, async (form) => {
  const rows = await storeEverything(tempDir(), ROWS, form);
  for (const order of orders(randomOf(SEED), ORDERS)) {
    const { orderBy } = compileOrder(EVERYTHING_PLAN, order, rows.facts);
    const sql = `SELECT EverythingId FROM everythings ORDER BY ${orderBy}`;
    const found = rows.connection.prepare(sql).pluck().all() as bigint[];
    expect(found, order).toEqual(sortedKeys(rows, order));
  }
  rows.connection.close();
});

test.each(TEXT_FORMS)(
  `pages by keyset have every row once, in the order, %o (SEED=${SEED})`,
  async (form) => {
    const rows = await storeEverything(tempDir(), ROWS, form);
    const random = randomOf(SEED + 1);
    const chosen = orders(randomOf(SEED), ORDERS).filter(() => random() < PAGED_ORDERS / ORDERS);
    for (const order of chosen) {
      const expected = sortedKeys(rows, order);
      const pageSize = 1 + Math.floor(random() * random() * ROWS);
      expect(pageThrough(rows, order, pageSize, false), `${order} / ${pageSize}`).toEqual(expected);
      expect(pageThrough(rows, order, pageSize, true), `${order} / ${pageSize}`).toEqual(expected);
    }
    for (let pageSize = 1; pageSize <= ROWS; pageSize += 5) {
      const order = "c_string_optional desc, j_node.value";
      expect(pageThrough(rows, order, pageSize, true)).toEqual(sortedKeys(rows, order));
    }
    rows.connection.close();
  },
);

/** The keys of all pages; each page is read by the whole condition, or by its parts in turn. */
function pageThrough(
  { connection, facts }: Rows,
  order: string,
  size: number,
  byParts: boolean,
): bigint[] {
  const { orderBy, terms, keyset } = compileOrder(EVERYTHING_PLAN, order, facts);
  const select = terms.map(({ expression }) => expression).join(", ");
  const read = (where: string, parameters: readonly SqlValue[], limit: number) => {
    const sql = `SELECT EverythingId, ${select} FROM everythings WHERE ${where} ORDER BY ${orderBy} LIMIT ?`;
    return connection
      .prepare(sql)
      .raw()
      .all(...parameters, BigInt(limit)) as SqlValue[][];
  };
  const keys: bigint[] = [];
  let page = read("TRUE", [], size);
  while (page.length > 0 && keys.length <= ROWS) {
    keys.push(...page.map(([key]) => key as bigint));
    const after = keyset((page.at(-1) as SqlValue[]).slice(1));
    page = [];
    const parts = byParts ? after.parts : [{ sql: after.where, parameters: after.parameters }];
    for (const { sql, parameters } of parts) {
      if (page.length < size) page.push(...read(sql, parameters, size - page.length));
    }
  }
  return keys;
}
