// A server over PostgreSQL: it makes its tables in an empty database, says what it has not, and is healthy
// while the database is as it must be and can be reached.

import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { ArtistService } from "../../gen/chinook/v1/artist_pb.ts";
import {
  type SummarizeSalesRequest_GroupBy as GroupBy,
  SalesService,
} from "../../gen/chinook/v1/sales_service_pb.ts";
import {
  Health,
  HealthCheckResponse_ServingStatus as Serving,
} from "../../gen/health/v1/health_pb.ts";
import { DatabaseService } from "../../gen/protostore/v1/database_service_pb.ts";
import { runCli, startServerProcess } from "../service/cli.ts";
import { startTestService, type TestService } from "../support/service.ts";
import { type EmptyDatabase, makeEmptyDatabase } from "./empty.ts";

const UNIMPLEMENTED = 12;
const PROBE_MS = 50;

async function started(): Promise<{ service: TestService; empty: EmptyDatabase }> {
  const empty = await makeEmptyDatabase();
  onTestFinished(() => empty.drop());
  const limits = { probeIntervalMs: PROBE_MS };
  const service = await startTestService({ database: empty.url, fixtures: true, limits });
  return { service, empty };
}

async function becomes({ connection }: TestService, wanted: Serving): Promise<void> {
  for (;;) {
    const { status } = await connection.service(Health).check({});
    if (status === wanted) return;
    await sleep(PROBE_MS);
  }
}

const statusOf = ({ connection }: TestService) =>
  connection.service(DatabaseService).getDatabaseStatus({});

test("its status tells of the database, and what is a file's only is refused", async () => {
  const { service } = await started();
  const { postgres, schema, wal, storage, revision } = await statusOf(service);
  expect(postgres).toMatchObject({ standby: false, synchronousCommit: "on", fsync: false });
  expect(postgres?.version).toMatch(/^\d+\.\d+$/);
  expect(postgres?.databaseSizeBytes).toBeGreaterThan(1_000_000n);
  expect(schema).toMatchObject({ version: 5n, expectedVersion: 5n, differences: [] });
  expect([wal, storage, revision]).toEqual([undefined, undefined, 1n]);
  const { connection } = service;
  const database = connection.service(DatabaseService);
  const refused = { code: UNIMPLEMENTED };
  await expect(database.checkpointDatabase({})).rejects.toMatchObject(refused);
});

test("sums of sales are those of SQLite over the same rows", async () => {
  const [{ service }, inFile] = [await started(), await startTestService({ fixtures: true })];
  for (const groupBy of [1, 2, 3, 4, 5].map((number) => number as GroupBy)) {
    const [found, wanted] = await Promise.all(
      [service, inFile].map(({ connection }) =>
        connection.service(SalesService).summarizeSales({ groupBy }),
      ),
    );
    expect(found?.groups.length).toBeGreaterThan(1);
    expect(found).toEqual(wanted);
  }
});

test("a database that was served is served again as it is", async () => {
  const empty = await makeEmptyDatabase();
  onTestFinished(() => empty.drop());
  const first = await startTestService({ database: empty.url, fixtures: true });
  const artists = first.connection.service(ArtistService);
  const { name } = await artists.createArtist({ artist: { displayName: "New" } });
  await first.stop();
  const second = await startTestService({ database: empty.url, fixtures: true });
  expect(await second.connection.service(ArtistService).getArtist({ name })).toMatchObject({
    name,
  });
  expect((await statusOf(second)).revision).toBe(2n);
});

test("it does not serve tables that are not as they must be, and says why", async () => {
  const { service, empty } = await started();
  await empty.other.script("ALTER TABLE artists DISABLE TRIGGER artists_before_write");
  await becomes(service, Serving.NOT_SERVING);
  const { schema } = await statusOf(service);
  expect(schema?.differences).toEqual([
    "chinook.v1.Artist: artists has no trigger artists_before_write",
  ]);
  await empty.other.script("ALTER TABLE artists ENABLE TRIGGER artists_before_write");
  await becomes(service, Serving.SERVING);
  await empty.other.script("UPDATE schema_migrations SET version = 2");
  await becomes(service, Serving.NOT_SERVING);
});

test("it does not serve a database that lets nobody in, and serves when it does again", async () => {
  const { service, empty } = await started();
  const allow = (isAllowed: boolean) =>
    empty.admin(`ALTER DATABASE ${empty.name} ALLOW_CONNECTIONS ${isAllowed}`);
  await allow(false);
  const others = "datname = current_database() AND pid <> pg_backend_pid()";
  await empty.other.script(
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE ${others}`,
  );
  await becomes(service, Serving.NOT_SERVING);
  await allow(true);
  await becomes(service, Serving.SERVING);
  const artists = service.connection.service(ArtistService);
  expect((await artists.listArtists({ pageSize: 3 })).artists).toHaveLength(3);
});

test("the command serves, migrates, and shows no password", async () => {
  const empty = await makeEmptyDatabase();
  onTestFinished(() => empty.drop());
  const url = empty.url.replace("postgres@", "postgres:secret@");
  const made = await runCli("migrate", "up", "--database", url);
  expect(made.stdout).toContain("applied 000005_indexes");
  const server = await startServerProcess("--database", url, "--fixtures", "--processes", "2");
  if (process.platform === "linux") {
    const line = readFileSync(`/proc/${server.pid}/cmdline`, "utf8");
    expect(line).toContain("postgres:***@");
    expect(line).not.toContain("secret");
  }
  const { stdout, stderr } = await server.end("SIGTERM");
  expect(stdout).toContain("protostore serves postgres://postgres:***@");
  expect(stdout + stderr).not.toContain("secret");
  const replicas = ["--database-replica", `${url},${url}`, "--database-replica", url];
  const printed = await runCli("config", "print", "--database", url, ...replicas);
  expect(printed.stdout).toContain("database: postgres://postgres:***@");
  expect(
    printed.stdout.match(/database-replica.*postgres:\*\*\*@.*:\*\*\*@.*:\*\*\*@/),
  ).not.toBeNull();
  expect(printed.stdout).not.toContain("secret");
  const alone = await runCli("serve", "--database", "/tmp/none/x.db", ...replicas);
  expect(alone.stderr).toContain("database-replica: is for a database on PostgreSQL");
  const wrong = await runCli("serve", "--database", url, "--database-replica", "standby.db");
  expect(wrong.stderr).toContain("It must be the address of a PostgreSQL server");
  const refused = await runCli("serve", "--database", url, "--backup-dir", "/tmp/none");
  expect(refused.stderr).toContain("backups: is for a database in a file");
  const backup = await runCli("backup", "create", "--database", url);
  expect(backup.stderr).toContain("It must be a file");
  await empty.other.script("UPDATE albums SET revision = NULL; SET protostore.writing = '1'");
  await empty.other.script("UPDATE artists SET wire = wire || 'x' WHERE ArtistId = 1");
  await empty.other.script("UPDATE track_search SET words = '' WHERE TrackId = 2");
  const verify = await runCli("verify", "--database", url);
  expect(verify.stdout).toBe(
    "artists/1: its stored bytes are damaged\ntracks/2: differs in the search index\n",
  );
  expect(verify.code).toBe(1);
  const repaired = await runCli("verify", "--database", url, "--repair");
  expect(repaired).toMatchObject({ code: 0, stdout: expect.stringContaining("agree") });
  expect(repaired.stdout).toContain("the search index was made anew");
  expect((await runCli("verify", "--database", url)).code).toBe(0);
});
