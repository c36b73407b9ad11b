// Files in odd states: whatever `adopt --check` says of one, `adopt`, `serve` and `verify` say too. None
// is changed and then refused, and none is served wrong.

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type Message, toBinary } from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import { expect, test } from "vitest";
import { ArtistService } from "../../gen/chinook/v1/artist_pb.ts";
import { adoptDatabase, checkAdoption } from "../../src/chinook/adopt/adopt.ts";
import { examineAdopted } from "../../src/chinook/adopt/examine.ts";
import { readNewNames } from "../../src/chinook/adopt/new-names.ts";
import { readChinookTables } from "../../src/chinook/adopt/tables.ts";
import { RESOURCES } from "../../src/chinook/resources.ts";
import type { Connection } from "../../src/client/client.ts";
import { StoreError } from "../../src/errors.ts";
import { planResources, type ResourcePlan } from "../../src/schema/plan.ts";
import { registryOf } from "../../src/schema/registry.ts";
import { hashFile } from "../migrate/support.ts";
import { makeResource } from "../support/arbitrary-resource.ts";
import { readMigrationFiles } from "../support/migrate.ts";
import { startTestService } from "../support/service.ts";
import { standardClient } from "../support/standard-client.ts";
import { tempDir } from "../support/temp.ts";
import { REPO_ROOT } from "../support/tools.ts";
import { findingsOf } from "../support/verified.ts";
import { makeOddFile, ODD_FILES } from "./odd-files.ts";
import { failureOf } from "./support.ts";

const PLANS = planResources(RESOURCES);
const REGISTRY = registryOf(RESOURCES.map(({ resource }) => resource));

const OPTIONS = {
  lockTimeoutMs: 15_000,
  examine: async (copy: Parameters<typeof examineAdopted>[0]) => {
    await examineAdopted(copy, PLANS, REGISTRY, readMigrationFiles());
  },
};

test.for(Object.entries(ODD_FILES))("%s", async ([, file]) => {
  const folder = tempDir();
  const database = join(folder, "x.db");
  makeOddFile(database, file);
  const before = hashFile(database);
  const attempts = [checkAdoption(database, OPTIONS)];
  if (file.refused) attempts.push(adoptDatabase(database, OPTIONS).then(() => {}));
  for (const attempt of attempts) {
    const error = await attempt.catch((thrown: unknown) => thrown);
    if (file.refused) {
      expect(error).toBeInstanceOf(StoreError);
      expect((error as Error).message).toMatch(file.refused);
    } else {
      expect(error).toBeUndefined();
    }
  }
  expect(hashFile(database)).toBe(before);
  expect(readdirSync(folder).sort()).toEqual(["x.db", "x.db-migrate"]);
  if (file.refused) return;
  await adoptDatabase(database, OPTIONS);
  expect(await findingsOf(database)).toEqual([]);
  const { connection, stop } = await startTestService({ database });
  for (const [index, plan] of PLANS.entries()) await useResource(connection, plan, index);
  await expectRefusals(connection);
  await stop();
  expect(await findingsOf(database)).toEqual([]);
});

test("the document names every column that a file must not have", () => {
  const text = readFileSync(join(REPO_ROOT, "docs/adoption.md"), "utf8");
  const files = readMigrationFiles();
  const added = [...readNewNames(files, readChinookTables(files)).columns.values()].flat();
  expect(new Set(added).size).toBeGreaterThan(10);
  for (const column of added) expect(text).toContain(`\`${column}\``);
});

/** Writes and reads a resource: whatever is answered is what is stored. */
async function useResource(
  connection: Connection,
  plan: ResourcePlan,
  index: number,
): Promise<void> {
  const service = (RESOURCES[index] as (typeof RESOURCES)[number]).service;
  const client = standardClient(connection, service, plan);
  const field = (message: Message, of: "name" | "etag") =>
    reflect(plan.desc, message).get(plan.standard[of]) as string;
  const same = (a: Message, b: Message | undefined) =>
    expect(b && toBinary(plan.desc, b)).toEqual(toBinary(plan.desc, a));

  const existing = await client.listAll(1_000);
  expect(existing.length).toBeGreaterThan(0);
  const created = await client.create(makeResource(plan, REGISTRY, index));
  const name = field(created, "name");
  expect(existing.map((message) => field(message, "name"))).not.toContain(name);
  same(created, await client.get(name));
  same(
    created,
    (await client.listAll(1_000)).find((message) => field(message, "name") === name),
  );
  const changed = makeResource(plan, REGISTRY, index + 100);
  reflect(plan.desc, changed).set(plan.standard.name, name);
  reflect(plan.desc, changed).clear(plan.standard.etag);
  const updated = await client.update(changed, undefined);
  expect(field(updated, "etag")).not.toBe(field(created, "etag"));
  same(updated, await client.get(name));
  await client.delete(name);
  expect(await failureOf(client.get(name))).toMatchObject({ code: "NOT_FOUND" });
  expect((await client.listAll(1_000)).length).toBe(existing.length);
}

/** What must not happen, whatever the file declares. */
async function expectRefusals(connection: Connection): Promise<void> {
  const artists = connection.service(ArtistService);
  const artist = { displayName: "Another" };
  const again = failureOf(artists.createArtist({ artistId: "1", artist }));
  expect(await again).toMatchObject({ code: "ALREADY_EXISTS" });
  expect(await artists.getArtist({ name: "artists/1" })).toMatchObject({ displayName: "Björk" });
  const used = await failureOf(artists.deleteArtist({ name: "artists/1" }));
  expect(used.code).toBe("FAILED_PRECONDITION");
  for (const [index, plan] of PLANS.entries()) {
    const column = plan.columns.find(({ reference }) => reference);
    if (!column?.reference) continue;
    const service = (RESOURCES[index] as (typeof RESOURCES)[number]).service;
    const lost = makeResource(plan, REGISTRY, 7);
    reflect(plan.desc, lost).set(column.field, `${column.reference.collection}/999`);
    const failure = await failureOf(standardClient(connection, service, plan).create(lost));
    expect(failure.code, plan.desc.name).toBe("FAILED_PRECONDITION");
  }
}
