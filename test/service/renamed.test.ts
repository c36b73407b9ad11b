// A column or table that somebody renames or drops under a running server: every call that needs it is
// refused as SCHEMA_MISMATCH at once, before the next look of the health probe; none is INTERNAL.

import { describe, expect, test } from "vitest";
import { RESOURCES } from "../../src/chinook/resources.ts";
import { planResources, SYSTEM_COLUMNS } from "../../src/schema/plan.ts";
import { registryOf } from "../../src/schema/registry.ts";
import { makeResource } from "../support/arbitrary-resource.ts";
import { startTestService } from "../support/service.ts";
import { standardClient } from "../support/standard-client.ts";
import { failureOf, openSql } from "./support.ts";

const PLANS = planResources(RESOURCES);
const REGISTRY = registryOf(RESOURCES.map(({ resource }) => resource));

/** Long enough that no look comes to help. */
const BLIND = { probeIntervalMs: 3_600_000 };

const CASES = PLANS.map((plan, index) => ({
  name: plan.desc.name,
  plan,
  service: (RESOURCES[index] as (typeof RESOURCES)[number]).service,
}));

describe.for(CASES)("$name", ({ plan, service }) => {
  const tables = [plan, ...plan.children];
  const columns = tables.flatMap(({ table, key, columns: own }) => [
    { table, column: key },
    ...own.map(({ name }) => ({ table, column: name })),
    ...(table === plan.table ? SYSTEM_COLUMNS : ["data"]).map((column) => ({ table, column })),
  ]);
  const renames = [
    ...columns.map(({ table, column }) => [
      `ALTER TABLE ${table} RENAME COLUMN ${column} TO moved_`,
      `ALTER TABLE ${table} RENAME COLUMN moved_ TO ${column}`,
    ]),
    ...tables.map(({ table }) => [
      `ALTER TABLE ${table} RENAME TO moved_`,
      `ALTER TABLE moved_ RENAME TO ${table}`,
    ]),
  ] as [string, string][];

  test("each column and table renamed: SCHEMA_MISMATCH or an answer, and never INTERNAL", async () => {
    const { connection, database } = await startTestService({ fixtures: true, limits: BLIND });
    const client = standardClient(connection, service, plan);
    const sql = openSql(database);
    let [seed, refused] = [1, 0];
    for (const [rename, back] of renames) {
      sql.exec(rename);
      const name = `${plan.resource.collection}/1`;
      const calls = [
        client.get(name),
        client.listAll(1_000),
        client.listAll(1_000, { filter: `name != "${name}"` }),
        client.create(makeResource(plan, REGISTRY, seed++)),
        client.update(Object.assign(makeResource(plan, REGISTRY, seed++), { name }), undefined),
        client.delete(`${plan.resource.collection}/2`),
      ];
      let needed = 0;
      for (const outcome of await Promise.allSettled(calls)) {
        if (outcome.status === "fulfilled") continue;
        const failure = await failureOf(Promise.reject(outcome.reason));
        if (failure.reason === "SCHEMA_MISMATCH") needed += 1;
        else
          expect(failure.reason, rename).toMatch(
            /^(FOREIGN_KEY|RESOURCE_NOT_FOUND|RESOURCE_IN_USE)$/,
          );
      }
      // A Create at least writes every column.
      expect(needed, rename).toBeGreaterThan(0);
      refused += needed;
      sql.exec(back);
    }
    expect(refused).toBeGreaterThan(renames.length);
    await client.get(`${plan.resource.collection}/1`);
  });
});
