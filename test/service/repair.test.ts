// `protostore verify` finds a search index that is not as the rows are, and `--repair` mends it.

import { join } from "node:path";
import { expect, test } from "vitest";
import { openConnection } from "../../src/database/sqlite/connection/connection.ts";
import { migrateUp } from "../support/migrate.ts";

import { tempDir } from "../support/temp.ts";
import { runCli } from "./cli.ts";

test("an index that is out of step is found, repaired, and then in step", async () => {
  const database = join(tempDir(), "x.db");
  await migrateUp(database, { lockTimeoutMs: 15_000 });
  const sql = openConnection(database, { busyTimeoutMs: 1_000 });
  sql.exec(`
    INSERT INTO media_types (Name) VALUES ('MP3');
    INSERT INTO tracks (Name, MediaTypeId, Milliseconds, UnitPrice) VALUES ('Rain', 1, 1000, 0.99);
    UPDATE track_search SET title = 'Sun';
  `);
  sql.close();
  const verify = (...flags: string[]) => runCli("verify", "--database", database, ...flags);
  const found = await verify();
  expect(found.code).toBe(1);
  expect(found.stdout).toContain("track");
  const repaired = await verify("--repair");
  expect(repaired).toMatchObject({ code: 0, stderr: "" });
  expect(repaired.stdout).toContain("the search index was made anew");
  expect((await verify()).code).toBe(0);
});
