// The event loop's delay is measured, and GetDatabaseStatus tells it. Only lower bounds are checked:
// how fast a machine is decides nothing.

import type { Duration } from "@bufbuild/protobuf/wkt";
import { expect, test } from "vitest";
import { DatabaseService } from "../../gen/protostore/v1/database_service_pb.ts";
import { watchEventLoop } from "../../src/observe/event-loop.ts";
import { until } from "../grpc/support.ts";
import { startTestService } from "../support/service.ts";

function block(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

const toMs = (duration?: Duration) =>
  Number(duration?.seconds ?? 0) * 1_000 + (duration?.nanos ?? 0) / 1e6;

test("a loop that is blocked is seen", async () => {
  const metrics = watchEventLoop();
  await until(() => metrics.delay().count > 0);
  block(60);
  await until(() => metrics.delay().maxNs >= 30e6);
  const { p50Ns, p99Ns, maxNs, count } = metrics.delay();
  expect(p50Ns).toBeGreaterThanOrEqual(0);
  expect(p99Ns).toBeGreaterThanOrEqual(p50Ns);
  expect(maxNs).toBeGreaterThanOrEqual(p99Ns);
  expect(metrics.uptimeMs()).toBeGreaterThanOrEqual(60);
  metrics.stop();
  // What is stopped counts no more.
  const after = metrics.delay().count;
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(metrics.delay().count).toBe(after);
  expect(after).toBeGreaterThanOrEqual(count);
});

test("statements are counted by whoever runs them", () => {
  const metrics = watchEventLoop();
  metrics.stop();
  expect(metrics.statements()).toEqual({ p50Ns: 0, p99Ns: 0, maxNs: 0, count: 0 });
  for (const durationNs of [0, 1_000.4, 2_000_000, 9_000_000_000]) {
    metrics.recordStatement({ durationNs });
  }
  const { p50Ns, maxNs, count } = metrics.statements();
  expect(count).toBe(4);
  // A histogram keeps three digits.
  expect(Math.abs(p50Ns - 1_000)).toBeLessThan(2);
  expect(Math.abs(maxNs / 9e9 - 1)).toBeLessThan(0.001);
});

test("GetDatabaseStatus tells the server's process", async () => {
  const { connection } = await startTestService();
  const read = async () => (await connection.service(DatabaseService).getDatabaseStatus({})).server;
  block(60);
  let server = await read();
  while (toMs(server?.eventLoopDelay?.max) < 30) server = await read();
  expect(server?.eventLoopDelay?.count).toBeGreaterThan(0n);
  expect(server?.mainThreadStatement?.count).toBeGreaterThanOrEqual(0n);
  expect(toMs(server?.uptime)).toBeGreaterThanOrEqual(60);
  expect(server?.residentMemoryBytes).toBeGreaterThan(10_000_000n);
});
