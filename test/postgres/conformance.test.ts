// The laws of the conformance tool for every resource, served from PostgreSQL.

import { afterAll, describe, expect, test } from "vitest";
import { openSuite } from "../../conformance/suite.ts";
import { RESOURCES } from "../../src/chinook/resources.ts";
import { openPostgres } from "../../src/database/postgres/postgres-database.ts";
import { DEFAULT_LIMITS } from "../../src/limits.ts";
import { registryOf } from "../../src/schema/registry.ts";
import { PLANS } from "../contract/support.ts";
import { runService } from "../support/service.ts";
import { makeEmptyDatabase } from "./empty.ts";

const SEED = Number(process.env.SEED ?? Date.now() % 2 ** 31);

const empty = await makeEmptyDatabase();
const service = await runService({ database: empty.url, fixtures: true });
const suite = await openSuite(service.address, { seed: SEED });

afterAll(async () => {
  suite.close();
  await service.stop();
  await empty.drop();
});

for (const { resource } of RESOURCES) {
  describe(`${resource.name} (SEED=${SEED})`, () => {
    const declared = suite.cases.filter(
      (each) => each.resource.desc.name === resource.name && each.law.applies(each.resource),
    );
    test("has laws", () => expect(declared.length).toBeGreaterThan(20));
    for (const { law, run } of declared) {
      test(law.name, async () => {
        const { outcome, reason } = await run();
        expect(outcome, reason).not.toBe("failed");
      });
    }
  });
}

test("columns, JSON and bytes of every row agree after it", async () => {
  const registry = registryOf(RESOURCES.map(({ resource }) => resource));
  const options = { url: empty.url, readOnly: true, plans: PLANS, registry };
  const database = openPostgres({ ...options, limits: DEFAULT_LIMITS });
  let rows = 0;
  for await (const { findings, rowsDone } of database.verify(PLANS)) {
    expect(findings).toEqual([]);
    rows = rowsDone;
  }
  expect(rows).toBeGreaterThan(500);
  await database.close();
});
