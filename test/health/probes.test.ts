// What a probe must not do: write, copy the log, or wait for somebody's lock.

import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import { ArtistService } from "../../gen/chinook/v1/artist_pb.ts";
import { Health } from "../../gen/health/v1/health_pb.ts";
import { DatabaseService } from "../../gen/protostore/v1/database_service_pb.ts";
import { ask } from "../metrics/scrape.ts";
import { openSql } from "../service/support.ts";
import { startTestService } from "../support/service.ts";

const PROBES = 100;
/** Longer than the test: whoever waits for a lock does not answer. */
const PATIENT = { writeTimeoutMs: 600_000, migrationLockTimeoutMs: 600_000 };

test("it writes nothing, copies nothing and waits for no lock, however often it is asked", async () => {
  const limits = { probeIntervalMs: 1, scrubRowsPerSecond: 0, checkpointIntervalMs: 0, ...PATIENT };
  const metricsAddress = "127.0.0.1:0";
  const { connection, database, metricsPort } = await startTestService({ metricsAddress, limits });
  const artists = connection.service(ArtistService);
  for (let each = 0; each < 20; each++) {
    await artists.createArtist({ artist: { displayName: `artist ${each}` } });
  }
  const health = connection.service(Health);
  const probeAll = async () => {
    for (let each = 0; each < PROBES; each++) {
      const names = ["", "liveness", "readiness", ArtistService.typeName];
      const found = await Promise.all(names.map((service) => health.check({ service })));
      expect(found.map(({ status }) => status)).toEqual([1, 1, 1, 1]);
      await health.list({});
      expect((await ask(metricsPort, "/livez")).status).toBe(200);
      expect((await ask(metricsPort, "/readyz")).status).toBe(200);
    }
  };
  const sql = openSql(database);
  // What others have committed changes it.
  const version = () => sql.pragma("data_version", { simple: true });
  // Read by another process: to close the file here would drop the locks of this one.
  const contents = () =>
    execFileSync("sha256sum", [database, `${database}-wal`], { encoding: "utf8" });
  const before = { version: version(), contents: contents() };
  await probeAll();
  expect({ version: version(), contents: contents() }).toEqual(before);
  // A probe that copies the log may have done so before the first look at the files.
  const { wal } = await connection.service(DatabaseService).getDatabaseStatus({});
  expect(wal?.pendingFrames).toBeGreaterThan(0n);
  sql.exec("BEGIN EXCLUSIVE");
  await probeAll();
  sql.exec("ROLLBACK");
  expect(contents()).toBe(before.contents);
}, 60_000);
