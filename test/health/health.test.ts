// `grpc.health.v1` as clients and load balancers rely on it, over a real server.

import http2 from "node:http2";
import { status } from "@grpc/grpc-js";
import { expect, onTestFinished, test } from "vitest";
import {
  Health,
  type HealthCheckResponse,
  HealthCheckResponse_ServingStatus as Serving,
} from "../../gen/health/v1/health_pb.ts";
import type { ProbeResult } from "../../src/database/database.ts";
import { StoreError } from "../../src/errors.ts";
import { createHealthMonitor } from "../../src/health/monitor.ts";
import { healthService } from "../../src/health/service.ts";
import {
  callStream,
  callUnary,
  collect,
  memoryLog,
  rejection,
  serve,
  statusOf,
  until,
} from "../grpc/support.ts";

const TRACKS = "chinook.v1.TrackService";
const DATABASE = "protostore.v1.DatabaseService";

/** A served monitor whose probe finds what `found` says. */
async function serveHealth(first: ProbeResult = { serving: true }) {
  const state = { found: first, probes: 0 };
  const { log, lines } = memoryLog();
  const monitor = createHealthMonitor({
    services: [TRACKS],
    alwaysServing: [DATABASE],
    async probe() {
      state.probes += 1;
      return state.found;
    },
    limits: { probeIntervalMs: 2, glanceIntervalMs: 0 },
    log,
  });
  onTestFinished(() => monitor.stop());
  await monitor.start();
  const server = await serve({ services: [healthService(monitor)], onStopping: monitor.stop });
  return { ...server, state, monitor, lines };
}

const busy: ProbeResult = {
  serving: false,
  error: new StoreError("DATABASE_UNAVAILABLE", "the database cannot be opened"),
};

test("Check tells the status of the server and of each service", async () => {
  const { client, state, monitor } = await serveHealth();
  const check = async (service: string) =>
    (await callUnary(client, Health.method.check, { service })).response.status;
  for (const service of ["", TRACKS, DATABASE]) {
    expect(await check(service)).toBe(Serving.SERVING);
  }
  state.found = busy;
  await until(() => monitor.gate() !== undefined);
  expect(await check("")).toBe(Serving.NOT_SERVING);
  expect(await check(TRACKS)).toBe(Serving.NOT_SERVING);
  expect(await check(DATABASE)).toBe(Serving.SERVING);
});

test("Check of a service that is not there is NOT_FOUND", async () => {
  const { client } = await serveHealth();
  for (const service of ["chinook.v1.Track", "toString", "__proto__"]) {
    const error = await rejection(callUnary(client, Health.method.check, { service }));
    expect(error.code).toBe(status.NOT_FOUND);
    expect(statusOf(error).resourceInfo?.resourceName).toBe(service);
  }
});

test("List tells them all", async () => {
  const { client } = await serveHealth(busy);
  const { response } = await callUnary(client, Health.method.list, {});
  const statuses = Object.entries(response.statuses).map(([name, it]) => [name, it.status]);
  expect(Object.fromEntries(statuses)).toEqual({
    "": Serving.NOT_SERVING,
    liveness: Serving.SERVING,
    readiness: Serving.NOT_SERVING,
    [TRACKS]: Serving.NOT_SERVING,
    [DATABASE]: Serving.SERVING,
  });
});

test("Watch tells the status at once and then each change, but nothing twice", async () => {
  const { client, state, monitor } = await serveHealth();
  const stream = callStream(client, Health.method.watch, { service: TRACKS });
  const seen: number[] = [];
  stream.on("data", (message: HealthCheckResponse) => seen.push(message.status));
  stream.on("error", () => {});
  await until(() => seen.length === 1);
  const turns: [ProbeResult, number][] = [
    [busy, Serving.NOT_SERVING],
    [{ serving: true }, Serving.SERVING],
    [{ serving: false }, Serving.NOT_SERVING],
  ];
  for (const [found, expected] of turns) {
    state.found = found;
    await until(() => seen.at(-1) === expected);
    const { probes } = state;
    await until(() => state.probes > probes + 5);
  }
  // Another reason is not another status.
  state.found = busy;
  await until(() => monitor.gate() === busy.error);
  expect(seen).toEqual([
    Serving.SERVING,
    Serving.NOT_SERVING,
    Serving.SERVING,
    Serving.NOT_SERVING,
  ]);
  stream.cancel();
});

test("Watch of a service that is not there says SERVICE_UNKNOWN and stays open", async () => {
  const { client, state, monitor, stop } = await serveHealth();
  const stream = callStream(client, Health.method.watch, { service: "no.Such" });
  const all = collect<HealthCheckResponse>(stream);
  await until(() => monitor.waiting === 1);
  state.found = busy;
  await until(() => monitor.gate() !== undefined && monitor.waiting === 1);
  await stop();
  const { messages, error } = await all;
  expect(messages.map((message) => message.status)).toEqual([Serving.SERVICE_UNKNOWN]);
  expect(error?.code).toBe(status.UNAVAILABLE);
});

test("a watcher is forgotten when it cancels, and when its connection breaks", async () => {
  const { client, monitor, port } = await serveHealth();
  const streams = Array.from({ length: 20 }, () => {
    const stream = callStream(client, Health.method.watch, {});
    stream.on("error", () => {});
    stream.resume();
    return stream;
  });
  await until(() => monitor.waiting === 20);
  for (const stream of streams) stream.cancel();
  await until(() => monitor.waiting === 0);

  const session = http2.connect(`http://127.0.0.1:${port}`);
  session.on("error", () => {});
  const request = session.request({
    ":method": "POST",
    ":path": "/grpc.health.v1.Health/Watch",
    "content-type": "application/grpc",
    te: "trailers",
  });
  request.on("error", () => {});
  request.end(Buffer.alloc(5));
  await until(() => monitor.waiting === 1);
  session.socket.destroy();
  await until(() => monitor.waiting === 0);
});

test("a stopping server is NOT_SERVING, whatever the probe says", async () => {
  const { monitor } = await serveHealth();
  monitor.stop();
  const { liveness, ...others } = monitor.statuses();
  expect(liveness).toBe(Serving.SERVING);
  expect(new Set(Object.values(others))).toEqual(new Set([Serving.NOT_SERVING]));
  // Calls that come before the connection closes are still answered.
  expect(monitor.gate()).toBeUndefined();
});
