// The laws of the conformance tool for every resource that is served, found through reflection as the
// tool finds them at any address: a new line in src/chinook/resources.ts is tested at once.

import { afterAll, describe, expect, test } from "vitest";
import { type Case, openSuite } from "../../conformance/suite.ts";
import { RESOURCES } from "../../src/chinook/resources.ts";
import { DRIVER } from "../support/driver.ts";
import { runService } from "../support/service.ts";
import { findingsOf } from "../support/verified.ts";

const SEED = Number(process.env.SEED ?? Date.now() % 2 ** 31);

/** Of the laws of each resource, one of so many is tried: another one with each seed. */
const SAMPLE = Number(process.env.SAMPLE ?? (DRIVER === "sqlite" ? 1 : 3));

/** The laws of what no resource of ours declares. */
const UNDECLARED = ["an IMMUTABLE field that would change is refused"];

const service = await runService({ fixtures: true });
const suite = await openSuite(service.address, { seed: SEED });
const before = await countRows();

afterAll(async () => {
  suite.close();
  await service.stop();
});

function casesOf(resource: string): readonly Case[] {
  return suite.cases.filter((each) => each.resource.desc.name === resource);
}

async function countRows(): Promise<ReadonlyMap<string, number>> {
  const counts = await Promise.all(
    suite.clients.map(async (client) => [client.resource.desc.name, await client.count()] as const),
  );
  return new Map(counts);
}

test("every resource that is served is found", () => {
  const found = new Set(suite.cases.map(({ resource }) => resource.desc.typeName));
  expect([...found].sort()).toEqual(RESOURCES.map(({ resource }) => resource.typeName).sort());
});

test("every law is declared by some resource", () => {
  const applied = suite.cases.filter(({ law, resource }) => law.applies(resource));
  const names = new Set(applied.map(({ law }) => law.name));
  const rest = suite.cases.map(({ law }) => law.name).filter((name) => !names.has(name));
  expect([...new Set(rest)]).toEqual(UNDECLARED);
});

for (const { resource } of RESOURCES) {
  describe(`${resource.name} (SEED=${SEED})`, () => {
    const declared = casesOf(resource.name).filter((each) => each.law.applies(each.resource));
    const tried = declared.filter((_, index) => (index + SEED) % SAMPLE === 0);
    for (const { law, run } of tried) {
      test(law.name, async () => {
        const { outcome, reason } = await run();
        expect(outcome, reason).not.toBe("failed");
      });
    }
  });
}

test("the tool leaves the rows that were there, and the database as it must be", async () => {
  expect(await countRows()).toEqual(before);
  expect(await findingsOf(service.database)).toEqual([]);
});
