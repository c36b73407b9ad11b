// The triggers that migrations make are those that the code writes for the plans: for every resource,
// and for its child rows.

import { join } from "node:path";
import { expect, test } from "vitest";
import { RESOURCES } from "../../src/chinook/resources.ts";
import { openConnection } from "../../src/database/sqlite/connection/connection.ts";
import { planResources } from "../../src/schema/plan.ts";
import { childTriggers, resourceTriggers } from "../../src/schema/triggers.ts";
import { migrateUp } from "../support/migrate.ts";
import { tempDir } from "../support/temp.ts";

test("the triggers of a migrated database are those of the plans", async () => {
  const path = join(tempDir(), "test.db");
  await migrateUp(path, { lockTimeoutMs: 15_000 });
  const connection = openConnection(path, { readOnly: true, busyTimeoutMs: 0 });
  const made = new Map(
    connection
      .prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'")
      .raw()
      .all() as [string, string][],
  );
  connection.close();
  const wanted = planResources(RESOURCES).flatMap((plan) => [
    ...resourceTriggers(plan),
    ...plan.children.flatMap((child) => childTriggers(child, plan)),
  ]);
  expect(wanted.length).toBeGreaterThan(9 * 3);
  for (const { name, sql } of wanted) expect(made.get(name), name).toBe(sql);
});
