// The server as users run it, a process of its own, and clients that know it by reflection alone.

import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { METHODS } from "../../src/chinook/methods.ts";
import { RESOURCES } from "../../src/chinook/resources.ts";
import { readMigrationFiles } from "../support/migrate.ts";

import { tempDir } from "../support/temp.ts";
import { outsideTool } from "../support/tools.ts";
import { runCli, startServerProcess } from "./cli.ts";
import { bufCurl, type Curl, grpcurl, type JsonObject, succeed } from "./curl.ts";
import { openSql } from "./support.ts";

const LATEST = String(readMigrationFiles().length);

const CURLS: Readonly<Record<string, () => Curl | undefined>> = {
  "buf curl": () => bufCurl,
  grpcurl,
};

for (const [program, find] of Object.entries(CURLS)) {
  test(`${program} lists, gets, creates, updates and deletes by reflection`, async ({ skip }) => {
    const curl = find();
    if (!curl) return skip();
    const database = join(tempDir(), "store.db");
    const { address } = await startServerProcess("--fixtures", "--database", database);
    const call = (method: string, request: object) => curl.call(address, method, request);

    const own = new Set([...RESOURCES, ...METHODS].map(({ service }) => service.typeName));
    expect((await curl.list(address)).toSorted()).toEqual(
      [
        ...own,
        "grpc.health.v1.Health",
        "grpc.reflection.v1.ServerReflection",
        "grpc.reflection.v1alpha.ServerReflection",
        "protostore.v1.DatabaseService",
        "protostore.v1.StoreService",
      ].toSorted(),
    );

    const first = await call("chinook.v1.TrackService/GetTrack", { name: "tracks/1" });
    const sql = openSql(database);
    const title = sql.prepare("SELECT Name FROM tracks WHERE TrackId = 1").pluck().get();
    expect(first).toMatchObject({ name: "tracks/1", title, album: "albums/1" });

    const names: unknown[] = [];
    let pageToken: unknown = "";
    for (let page = 0; page < 2; page++) {
      const listed = await call("chinook.v1.TrackService/ListTracks", { pageSize: 2, pageToken });
      names.push(...(listed.tracks as JsonObject[]).map(({ name }) => name));
      pageToken = listed.nextPageToken;
      expect(pageToken).toMatch(/^[\w-]+$/);
    }
    expect(names).toEqual(["tracks/1", "tracks/2", "tracks/3", "tracks/4"]);

    const track = {
      title: "Øya",
      mediaType: "mediaTypes/1",
      duration: "61.500s",
      sizeBytes: "9007199254740993",
      unitPrice: { currencyCode: "USD", nanos: 990_000_000 },
      credits: [{ displayName: "Åse", role: "PRODUCER" }],
      attributes: { mood: "calm", takes: [1, null, true] },
    };
    const created = await call("chinook.v1.TrackService/CreateTrack", { track });
    expect(created).toMatchObject({ ...track, name: expect.stringMatching(/^tracks\/\d+$/) });
    const { name, etag } = created;
    expect(sql.prepare("SELECT Milliseconds, Bytes FROM tracks WHERE Name = 'Øya'").all()).toEqual([
      { Milliseconds: 61_500n, Bytes: 9_007_199_254_740_993n },
    ]);

    const update = {
      track: {
        name,
        title: "ignored",
        composer: "B",
        unitPrice: { currencyCode: "USD", units: 1 },
      },
      updateMask: curl.mask("composer", "unit_price"),
    };
    const updated = await call("chinook.v1.TrackService/UpdateTrack", update);
    expect(updated).toMatchObject({
      ...track,
      name,
      composer: "B",
      unitPrice: { currencyCode: "USD", units: "1" },
    });
    expect(updated.etag).not.toBe(etag);
    expect(await call("chinook.v1.TrackService/GetTrack", { name })).toEqual(updated);

    expect(await call("chinook.v1.TrackService/DeleteTrack", { name })).toEqual({});
    expect(await curl.fail(address, "chinook.v1.TrackService/GetTrack", { name })).toEqual({
      code: 5,
      message: `${name} does not exist`,
      reason: "RESOURCE_NOT_FOUND",
      resource: name,
    });
    const bad = { track: { ...track, title: "" } };
    expect(await curl.fail(address, "chinook.v1.TrackService/CreateTrack", bad)).toMatchObject({
      code: 3,
      message: "track.title: is required",
      reason: "INVALID_FIELD",
    });

    const health = await call("grpc.health.v1.Health/Check", {});
    expect(health).toEqual({ status: "SERVING" });
    const status = await call("protostore.v1.DatabaseService/GetDatabaseStatus", {});
    expect(status).toMatchObject({
      connection: { open: true, journalMode: "wal", synchronous: "FULL", foreignKeys: true },
      schema: { version: LATEST, expectedVersion: LATEST },
      // The fixtures, then three writes.
      revision: "4",
    });
  });
}

test("grpcurl describes messages with their options", async ({ skip }) => {
  const program = outsideTool("grpcurl");
  if (!program) return skip();
  const { address } = await startServerProcess("--database", join(tempDir(), "store.db"));
  const describe = (symbol: string) =>
    succeed(program, ["-plaintext", address, "describe", symbol]);
  const customer = await describe("chinook.v1.Customer");
  for (const option of [
    /\(\.?protostore\.v1\.table\) = \{\s+name: "customers",\s+key: "CustomerId",/,
    /\(\.?protostore\.v1\.column\) = \{ name: "FirstName", max_length: 40 \}/,
    /\(\.?google\.api\.field_behavior\) = REQUIRED/,
    /type: "chinook\.example\.com\/Customer"/,
    /\(\.?protostore\.v1\.column\) = \{ name: "status", default_value: 1 \}/,
  ]) {
    expect(customer).toMatch(option);
  }
  const service = await describe("chinook.v1.CustomerService");
  expect(service).toMatch(/rpc UpdateCustomer \( \.chinook\.v1\.UpdateCustomerRequest \)/);
  expect(service).toMatch(/\(\.?google\.api\.http\) = \{/);
});

test("a server that is told to stop leaves a whole, private file, and starts again with it", async () => {
  const database = join(tempDir(), "new", "store.db");
  const server = await startServerProcess("--fixtures", "--database", database);
  expect(statSync(database).mode & 0o777).toBe(0o600);
  expect(statSync(`${database}-wal`).mode & 0o777).toBe(0o600);
  expect(statSync(join(database, "..")).mode & 0o777).toBe(0o700);
  const genre = { displayName: "Ours" };
  const created = await bufCurl.call(server.address, "chinook.v1.GenreService/CreateGenre", {
    genre,
  });
  const stopped = await server.end("SIGTERM");
  expect(stopped.code).toBe(0);
  expect(stopped.stderr).toContain("loaded the fixtures");
  expect(stopped.stdout).toMatch(/grpcurl -plaintext 127\.0\.0\.1:\d+ list\n/);
  expect(existsSync(`${database}-wal`)).toBe(false);
  expect(existsSync(`${database}-shm`)).toBe(false);
  const verify = await runCli("verify", "--database", database);
  expect(verify).toMatchObject({ code: 0, stderr: "" });
  const rows = Number(/^(\d+) rows: /.exec(verify.stdout)?.[1]);
  expect(rows).toBeGreaterThan(500);

  const again = await startServerProcess("--fixtures", "--database", database);
  const get = "chinook.v1.GenreService/GetGenre";
  const { name } = created;
  expect(await bufCurl.call(again.address, get, { name: String(name) })).toEqual(created);
  await bufCurl.call(again.address, "chinook.v1.GenreService/DeleteGenre", { name });
  const interrupted = await again.end("SIGINT");
  expect(interrupted.code).toBe(0);
  expect(interrupted.stderr).not.toContain("loaded the fixtures");
  expect((await runCli("verify", "--database", database)).stdout).toMatch(`${rows - 1} rows: `);
});

test("what was acknowledged is there after a server is killed", async () => {
  const database = join(tempDir(), "store.db");
  const server = await startServerProcess("--database", database);
  const genre = { displayName: "Durable" };
  const created = await bufCurl.call(server.address, "chinook.v1.GenreService/CreateGenre", {
    genre,
  });
  expect((await server.end("SIGKILL")).code).toBe(null);
  const again = await startServerProcess("--database", database);
  const get = "chinook.v1.GenreService/GetGenre";
  expect(await bufCurl.call(again.address, get, { name: "genres/1" })).toEqual(created);
  expect(await runCli("verify", "--database", database)).toMatchObject({ code: 0 });
});

test("without --fixtures a new database is empty, also at a later start with them", async () => {
  const database = join(tempDir(), "store.db");
  const server = await startServerProcess("--database", database);
  const create = "chinook.v1.GenreService/CreateGenre";
  await bufCurl.call(server.address, create, { genre: { displayName: "Mine" } });
  expect((await server.end("SIGTERM")).code).toBe(0);
  const again = await startServerProcess("--fixtures", "--database", database);
  const listed = await bufCurl.call(again.address, "chinook.v1.GenreService/ListGenres", {});
  expect(listed.genres).toHaveLength(1);
});

test("a read-only server serves, and writes nothing", async () => {
  const database = join(tempDir(), "store.db");
  const server = await startServerProcess("--fixtures", "--database", database);
  expect((await server.end("SIGTERM")).code).toBe(0);
  const reader = await startServerProcess("--read-only", "--database", database);
  const get = "chinook.v1.GenreService/GetGenre";
  const remove = "chinook.v1.GenreService/DeleteGenre";
  const name = "genres/1";
  expect(await bufCurl.call(reader.address, get, { name })).toMatchObject({ name });
  expect(await bufCurl.fail(reader.address, remove, { name })).toMatchObject({
    code: 9,
    reason: "READ_ONLY_MODE",
  });
  expect((await reader.end("SIGTERM")).code).toBe(0);
});
