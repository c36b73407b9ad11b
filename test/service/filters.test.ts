// The filters of docs/filtering.md on the real Chinook, each with the answer that it has there.

import { chmodSync, copyFileSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { reflect } from "@bufbuild/protobuf/reflect";
import { expect, test } from "vitest";
import { CustomerService } from "../../gen/chinook/v1/customer_pb.ts";
import { adoptDatabase } from "../../src/chinook/adopt/adopt.ts";
import { RESOURCES } from "../../src/chinook/resources.ts";
import { planResources } from "../../src/schema/plan.ts";
import { realChinook } from "../support/chinook.ts";
import { startTestService } from "../support/service.ts";
import { standardClient } from "../support/standard-client.ts";
import { tempDir } from "../support/temp.ts";
import { REPO_ROOT } from "../support/tools.ts";

const original = realChinook();
const ROW = /^\| (\w+) \| `(.*)` \| (\d+) \| (\S+) \|$/gm;

test.skipIf(!original)("the filters that the documentation shows have its answers", async () => {
  const database = join(tempDir(), "chinook.db");
  copyFileSync(original ?? "", database);
  chmodSync(database, 0o600);
  await adoptDatabase(database, { lockTimeoutMs: 15_000 });
  const { connection } = await startTestService({ database });
  await connection.service(CustomerService).updateCustomer({
    customer: {
      name: "customers/1",
      loyalty: { points: 1200n },
      attributes: { "gift wrap": "red" },
    },
    updateMask: { paths: ["loyalty", "attributes"] },
  });
  const text = readFileSync(join(REPO_ROOT, "docs/filtering.md"), "utf8");
  const rows = [...text.matchAll(ROW)];
  expect(rows.length).toBeGreaterThanOrEqual(10);
  const plans = planResources(RESOURCES);
  for (const [, collection, filter = "", count, first] of rows) {
    const index = plans.findIndex(({ resource }) => resource.collection === collection);
    const [plan, entry] = [plans[index], RESOURCES[index]];
    if (!plan || !entry) throw new Error(`there is no collection ${collection}`);
    const found = await standardClient(connection, entry.service, plan).listAll(1000, { filter });
    const [name] = found.map((message) => reflect(plan.desc, message).get(plan.standard.name));
    expect([found.length, name], filter).toEqual([Number(count), first]);
  }
});
