// The figures that Prometheus scrapes, and the probes beside them: right for each call, the sum of
// several processes, and of no method more than there are.

import { once } from "node:events";
import { join } from "node:path";
import { create, type DescMethod, toBinary } from "@bufbuild/protobuf";
import { Client, credentials, type ServiceError, status } from "@grpc/grpc-js";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { ArtistService } from "../../gen/chinook/v1/artist_pb.ts";
import { Health } from "../../gen/health/v1/health_pb.ts";
import { DatabaseService } from "../../gen/protostore/v1/database_service_pb.ts";
import { ExportRequestSchema, StoreService } from "../../gen/protostore/v1/store_service_pb.ts";
import { METHODS } from "../../src/chinook/methods.ts";
import { RESOURCES } from "../../src/chinook/resources.ts";
import { connect } from "../../src/client/client.ts";
import { runCli, startServerProcess } from "../service/cli.ts";
import { openSql } from "../service/support.ts";
import { migrateUp, readMigrationFiles } from "../support/migrate.ts";
import { startTestService } from "../support/service.ts";
import { tempDir } from "../support/temp.ts";
import { ask, type Sample, scrape, sumOf } from "./scrape.ts";

const HERE = { metricsAddress: "127.0.0.1:0" };
const PATIENCE = { timeout: 20_000 };

function clientOf(address: string): Client {
  const client = new Client(address, credentials.createInsecure());
  onTestFinished(() => client.close());
  return client;
}

const asIs = (bytes: Buffer) => bytes;
const EMPTY = Buffer.alloc(0);

/** Calls a method with an empty request; of a stream that goes on, takes one answer. The status. */
function callOnce(client: Client, method: DescMethod, path: string): Promise<number> {
  return new Promise((resolve) => {
    const onAnswer = (error: ServiceError | null) => resolve(error ? error.code : status.OK);
    switch (method.methodKind) {
      case "unary":
        client.makeUnaryRequest(path, asIs, asIs, EMPTY, onAnswer);
        return;
      case "client_streaming":
        client.makeClientStreamRequest(path, asIs, asIs, onAnswer).end();
        return;
      case "server_streaming": {
        const call = client.makeServerStreamRequest(path, asIs, asIs, EMPTY);
        call.on("data", () => method.parent.typeName === Health.typeName && call.cancel());
        call.on("error", () => {});
        call.on("status", ({ code }) => resolve(code));
        return;
      }
      case "bidi_streaming": {
        const call = client.makeBidiStreamRequest(path, asIs, asIs);
        call.on("data", () => {});
        call.on("error", () => {});
        call.on("status", ({ code }) => resolve(code));
        call.end();
      }
    }
  });
}

const flat = (text: string) => text.replaceAll("_", "").toLowerCase();

/** What was counted of a method: how often it was called, and how the calls ended. */
function countsOf(samples: readonly Sample[], { parent, name }: DescMethod) {
  const labels = { grpc_service: parent.typeName, grpc_method: name };
  const handled = samples.filter(
    ({ name: of, labels: own, value }) =>
      of === "grpc_server_handled_total" &&
      own.grpc_service === parent.typeName &&
      own.grpc_method === name &&
      value > 0,
  );
  return {
    started: sumOf(samples, "grpc_server_started_total", labels),
    timed: sumOf(samples, "grpc_server_handling_seconds_count", labels),
    handled: handled.map(({ labels: own, value }) => [flat(own.grpc_code ?? ""), value]),
  };
}

describe("calls", () => {
  test("of every method are counted once, with the status that the client got", async () => {
    const service = await startTestService({ ...HERE, fixtures: true });
    const client = clientOf(service.address);
    const services = [
      ...[...RESOURCES, ...METHODS].map((own) => own.service),
      DatabaseService,
      StoreService,
      Health,
    ];
    const methods = [...new Set(services)].flatMap((it): readonly DescMethod[] => it.methods);
    expect(methods.length).toBeGreaterThan(60);
    const codes = new Map<DescMethod, string>();
    for (const method of methods) {
      const path = `/${method.parent.typeName}/${method.name}`;
      const code = status[await callOnce(client, method, path)] ?? "";
      codes.set(method, code === "CANCELLED" ? "canceled" : flat(code));
    }
    expect(new Set(codes.values()).size).toBeGreaterThan(2);

    await vi.waitFor(async () => {
      const samples = await scrape(service.metricsPort);
      const found = methods.map((method) => [method.name, countsOf(samples, method)]);
      const expected = methods.map((method) => [
        method.name,
        { started: 1, timed: 1, handled: [[codes.get(method), 1]] },
      ]);
      expect(found).toEqual(expected);
    }, PATIENCE);
  });

  test("of unknown methods make one series, without what the client wrote", async () => {
    const service = await startTestService(HERE);
    const client = clientOf(service.address);
    const [method] = ArtistService.methods;
    const seriesOf = (samples: readonly Sample[]) =>
      samples.filter(({ name }) => name === "grpc_server_started_total").length;
    const before = seriesOf(await scrape(service.metricsPort));
    for (const path of [
      "/no.such.Service/One",
      "/no.such.Service/Two",
      "/chinook.v1.ArtistService/X",
    ]) {
      expect(await callOnce(client, method as DescMethod, path)).toBe(status.UNIMPLEMENTED);
    }
    const { text } = await ask(service.metricsPort, "/metrics");
    expect(text).not.toMatch(/no\.such|="X"/);
    const samples = await scrape(service.metricsPort);
    const unknown = { grpc_service: "unknown", grpc_method: "unknown" };
    expect(
      sumOf(samples, "grpc_server_handled_total", { ...unknown, grpc_code: "Unimplemented" }),
    ).toBe(3);
    expect(sumOf(samples, "grpc_server_started_total", unknown)).toBe(3);
    expect(seriesOf(samples)).toBe(before + 1);
  });

  test("and messages of streams are counted each", async () => {
    const service = await startTestService({ ...HERE, fixtures: true });
    let answers = 0;
    const path = `/${StoreService.typeName}/Export`;
    const resourceType = "chinook.example.com/Track";
    const asked = Buffer.from(
      toBinary(ExportRequestSchema, create(ExportRequestSchema, { resourceType })),
    );
    const call = clientOf(service.address).makeServerStreamRequest(path, asIs, asIs, asked);
    call.on("data", () => {
      answers += 1;
    });
    await once(call, "end");
    const samples = await scrape(service.metricsPort);
    const labels = { grpc_service: StoreService.typeName, grpc_method: "Export" };
    expect(answers).toBeGreaterThan(0);
    expect(sumOf(samples, "grpc_server_msg_sent_total", labels)).toBe(answers);
    expect(sumOf(samples, "grpc_server_msg_received_total", labels)).toBe(1);
  });
});

test("statements are counted in every thread, commits and the files besides", async () => {
  const service = await startTestService({ ...HERE, fixtures: true });
  const artists = service.connection.service(ArtistService);
  const before = await scrape(service.metricsPort);
  await artists.getArtist({ name: "artists/1" });
  const afterGet = await scrape(service.metricsPort);
  await artists.listArtists({ filter: 'display_name:"a"', orderBy: "display_name" });
  const afterList = await scrape(service.metricsPort);
  await artists.createArtist({ artist: { displayName: "New" } });
  const afterCreate = await scrape(service.metricsPort);

  const grown = (earlier: readonly Sample[], later: readonly Sample[], name: string, labels = {}) =>
    sumOf(later, name, labels) - sumOf(earlier, name, labels);
  const selects = { driver: "sqlite", operation: "SELECT", status: "ok" };
  expect(grown(before, afterGet, "database_query_total", selects)).toBe(1);
  expect(grown(afterGet, afterList, "database_query_total", selects)).toBeGreaterThan(1);
  const inserts = { ...selects, operation: "INSERT" };
  expect(grown(afterList, afterCreate, "database_query_total", inserts)).toBeGreaterThan(0);
  expect(grown(afterList, afterCreate, "database_commit_duration_seconds_count")).toBe(1);
  expect(grown(afterList, afterCreate, "database_commit_group_calls_sum")).toBe(1);
  for (const size of ["file_size_bytes", "wal_size_bytes", "page_count"]) {
    expect(sumOf(afterCreate, `database_sqlite_${size}`)).toBeGreaterThan(0);
  }
});

test("the writer's waits for another program's lock are counted, and those alone", async () => {
  const service = await startTestService(HERE);
  const artists = service.connection.service(ArtistService);
  const waits = async () =>
    sumOf(await scrape(service.metricsPort), "database_sqlite_lock_wait_seconds_count");
  await artists.createArtist({ artist: { displayName: "Alone" } });
  expect(await waits()).toBe(0);

  const other = openSql(service.database);
  other.exec("BEGIN IMMEDIATE");
  const created = artists.createArtist({ artist: { displayName: "Waits" } });
  // It has begun to ask for the lock.
  await vi.waitFor(async () => {
    const samples = await scrape(service.metricsPort);
    const failed = { operation: "BEGIN", status: "error" };
    expect(sumOf(samples, "database_query_total", failed)).toBeGreaterThan(0);
  }, PATIENCE);
  other.exec("COMMIT");
  await created;
  expect(await waits()).toBe(1);
  const samples = await scrape(service.metricsPort);
  expect(sumOf(samples, "database_sqlite_lock_wait_seconds_sum")).toBeGreaterThan(0);
});

test("maintenance is counted by how it ended", async () => {
  const service = await startTestService(HERE);
  const before = await scrape(service.metricsPort);
  const runs = (samples: readonly Sample[]) =>
    ["ok", "error"].map((status) =>
      sumOf(samples, "protostore_maintenance_runs_total", { status }),
    );
  const lastOf = (samples: readonly Sample[]) =>
    samples.filter(({ name }) => name === "protostore_maintenance_timestamp_seconds");
  expect(runs(before)).toEqual([0, 0]);
  expect(lastOf(before)).toEqual([]);

  const { maintainDatabase } = service.connection.service(DatabaseService);
  for await (const _ of maintainDatabase({}));
  // One that is left is given up.
  for await (const _ of maintainDatabase({})) break;
  await vi.waitFor(async () => {
    expect(runs(await scrape(service.metricsPort))).toEqual([1, 1]);
  }, PATIENCE);
  const after = await scrape(service.metricsPort);
  expect(sumOf(after, "protostore_maintenance_seconds_total")).toBeGreaterThan(0);
  expect(lastOf(after)).toHaveLength(1);
});

test("what a limit refuses is counted under its name", async () => {
  const limits = { callsPerSecond: 1, callBurst: 1 };
  const service = await startTestService({ ...HERE, limits });
  const artists = service.connection.service(ArtistService);
  const calls = Array.from({ length: 4 }, () => artists.listArtists({}).catch(() => {}));
  await Promise.all(calls);
  const samples = await scrape(service.metricsPort);
  expect(sumOf(samples, "protostore_limit_refusals_total", { limit: "callsPerSecond" })).toBe(3);
});

describe("probes", () => {
  test("tell a server that serves, and take nothing but GET", async () => {
    const { metricsPort } = await startTestService(HERE);
    expect(await ask(metricsPort, "/livez")).toEqual({ status: 200, text: "alive\n" });
    expect(await ask(metricsPort, "/readyz?verbose")).toEqual({ status: 200, text: "ready\n" });
    expect((await ask(metricsPort, "/livez", "HEAD")).text).toBe("");
    expect((await ask(metricsPort, "/livez", "POST")).status).toBe(405);
    expect((await ask(metricsPort, "/")).status).toBe(404);
  });

  test("tell one whose migrations are pending alive and not ready", async () => {
    const database = join(tempDir(), "old.db");
    const [first] = readMigrationFiles();
    await migrateUp(database, { files: first ? [first] : [], lockTimeoutMs: 15_000 });
    const service = await startTestService({ ...HERE, database });
    expect((await ask(service.metricsPort, "/livez")).status).toBe(200);
    expect(await ask(service.metricsPort, "/readyz")).toEqual({ status: 503, text: "not ready\n" });
    expect(sumOf(await scrape(service.metricsPort), "protostore_serving")).toBe(0);
    const health = service.connection.service(Health);
    const names = ["liveness", "readiness"];
    const found = await Promise.all(names.map((name) => health.check({ service: name })));
    expect(found.map((it) => it.status)).toEqual([1, 2]);
  });

  test("are not told to other machines unless that is meant", async () => {
    const database = join(tempDir(), "x.db");
    const args = ["--address", "127.0.0.1:0", "--metrics-address", "0.0.0.0:0"];
    const { code, stderr } = await runCli("serve", "--database", database, ...args);
    expect(code).toBe(1);
    expect(stderr).toMatch(/cannot listen on 0\.0\.0\.0:0 without TLS.*--insecure/);
  });
});

test("the figures of two processes are told as one, and never shrink when one of them dies", async () => {
  const database = join(tempDir(), "store.db");
  const options = ["--database", database, "--processes", "2", "--metrics-address", "127.0.0.1:0"];
  const server = await startServerProcess(...options);
  const lines = () =>
    server
      .output()
      .stderr.trim()
      .split("\n")
      .map((line): Record<string, unknown> => JSON.parse(line));
  const port = Number(lines().find(({ msg }) => msg === "telling figures and health")?.port);
  const call = async () => {
    const connection = connect(server.address);
    await connection.service(ArtistService).listArtists({});
    connection.close();
  };
  for (let calls = 0; calls < 6; calls++) await call();
  const handled = async () =>
    sumOf(await scrape(port), "grpc_server_handled_total", { grpc_method: "ListArtists" });
  expect(await handled()).toBe(6);
  expect(sumOf(await scrape(port), "protostore_serving")).toBe(1);
  expect((await ask(port, "/readyz")).status).toBe(200);

  const served = lines().filter(({ msg }) => msg === "serving");
  process.kill(Number(served[0]?.pid), "SIGKILL");
  await vi.waitFor(() => {
    expect(lines().filter(({ msg }) => msg === "serving")).toHaveLength(3);
  }, PATIENCE);
  expect(await handled()).toBe(6);
  await call();
  expect(await handled()).toBe(7);
  expect((await server.end("SIGTERM")).code).toBe(0);
}, 60_000);
