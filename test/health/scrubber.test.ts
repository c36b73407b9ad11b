// The scrubber of a server finds what is wrong in any table, forgets what was mended, lets go of the
// database between its pages, and stops at once; of several processes one has it.

import { expect, test } from "vitest";
import { DatabaseService } from "../../gen/protostore/v1/database_service_pb.ts";
import { RESOURCES } from "../../src/chinook/resources.ts";
import { connect } from "../../src/client/client.ts";
import { planResources } from "../../src/schema/plan.ts";
import { startServerProcess } from "../service/cli.ts";
import { openSql } from "../service/support.ts";
import { startTestService, type TestService } from "../support/service.ts";
import { tempDir } from "../support/temp.ts";

const PLANS = planResources(RESOURCES);
const PATIENT = { timeout: 20_000 };
const FAST = { scrubRowsPerSecond: 1_000_000, scrubPauseMs: 5 };

async function scrubOf({ connection }: Pick<TestService, "connection">) {
  return (await connection.service(DatabaseService).getDatabaseStatus({})).scrub;
}

test("a pass counts every row of every resource, and finds nothing in what is whole", async () => {
  const service = await startTestService({ fixtures: true, limits: FAST });
  const sql = openSql(service.database);
  const count = (table: string) =>
    sql.prepare(`SELECT count(*) FROM ${table}`).pluck().get() as bigint;
  const rows = PLANS.reduce((sum, { table }) => sum + count(table), 0n);
  await expect
    .poll(() => scrubOf(service), PATIENT)
    .toMatchObject({ rowCount: rows, findingCount: 0n });
  const first = (await scrubOf(service))?.lastPassTime;
  await expect.poll(async () => (await scrubOf(service))?.lastPassTime, PATIENT).not.toEqual(first);
});

test.for(PLANS.map((plan) => ({ name: plan.desc.name, plan })))(
  "$name: a value that cannot be is found and named, and forgotten once it is mended",
  async ({ plan }) => {
    const service = await startTestService({ fixtures: true, limits: FAST });
    const sql = openSql(service.database);
    const name = `${plan.resource.collection}/1`;
    const read = sql.prepare(`SELECT data FROM ${plan.table} WHERE ${plan.key} = 1`).pluck();
    const data = read.get() as string;
    const write = sql.prepare(`UPDATE ${plan.table} SET data = ? WHERE ${plan.key} = 1`);
    write.run('{"noSuchField": 1}');
    await expect
      .poll(() => scrubOf(service), PATIENT)
      .toMatchObject({ findingCount: 1n, resourceNames: [name] });
    write.run(data);
    await expect
      .poll(() => scrubOf(service), PATIENT)
      .toMatchObject({ findingCount: 0n, resourceNames: [] });
  },
);

test("a reference to nothing is found", async () => {
  const service = await startTestService({ fixtures: true, limits: FAST });
  const sql = openSql(service.database);
  sql.pragma("foreign_keys = OFF");
  sql.exec("UPDATE albums SET ArtistId = 999 WHERE AlbumId = 1");
  await expect
    .poll(async () => (await scrubOf(service))?.resourceNames, PATIENT)
    .toEqual(["albums/1"]);
});

test("between its pages nobody waits for it: the log can be cut to nothing", async () => {
  // A page, and then a pause that outlasts the test.
  const limits = { scrubRowsPerSecond: 1, scrubPauseMs: 1 };
  const service = await startTestService({ fixtures: true, limits });
  await expect
    .poll(async () => (await scrubOf(service))?.checkedRowCount, PATIENT)
    .toBeGreaterThan(0n);
  const sql = openSql(service.database);
  sql.exec("UPDATE genres SET Name = 'x' WHERE GenreId = 1");
  await expect
    .poll(() => sql.pragma("wal_checkpoint(TRUNCATE)"))
    .toEqual([{ busy: 0n, log: 0n, checkpointed: 0n }]);
  // The stop does not wait for the pause, which is longer than any test may take.
  await service.stop();
});

test("it is off if no rows are to be checked", async () => {
  const service = await startTestService({ limits: { scrubRowsPerSecond: 0 } });
  expect(await scrubOf(service)).toBeUndefined();
});

test("of several processes one has it", async () => {
  const database = `${tempDir()}/x.db`;
  const server = await startServerProcess("--database", database, "--processes", "2");
  const seen: boolean[] = [];
  for (let call = 0; call < 8; call++) {
    const connection = connect(server.address);
    seen.push((await scrubOf({ connection })) !== undefined);
    connection.close();
  }
  expect(new Set(seen)).toEqual(new Set([true, false]));
  await server.end("SIGTERM");
});
