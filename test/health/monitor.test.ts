// When the monitor looks, what it makes of what it finds, and what it lets through.

import { describe, expect, onTestFinished, test } from "vitest";
import { HealthCheckResponse_ServingStatus as Serving } from "../../gen/health/v1/health_pb.ts";
import type { ProbeResult } from "../../src/database/database.ts";
import { type ErrorCode, StoreError } from "../../src/errors.ts";
import { createHealthMonitor } from "../../src/health/monitor.ts";
import { memoryLog, until } from "../grpc/support.ts";

function monitorOf(probe: () => Promise<ProbeResult>, probeIntervalMs = 1) {
  const { log, lines } = memoryLog();
  const monitor = createHealthMonitor({
    services: [],
    probe,
    limits: { probeIntervalMs, glanceIntervalMs: 0 },
    log,
  });
  onTestFinished(() => monitor.stop());
  return { monitor, lines };
}

test("nothing is served before the first look", async () => {
  const { monitor } = monitorOf(async () => ({ serving: true }));
  expect(monitor.status("")).toBe(Serving.NOT_SERVING);
  expect(monitor.gate()).toMatchObject({ code: "DATABASE_UNAVAILABLE" });
  await monitor.start();
  expect(monitor.status("")).toBe(Serving.SERVING);
  expect(monitor.gate()).toBeUndefined();
});

test.each([
  ["rejects", () => Promise.reject(new Error("secret"))],
  [
    "throws",
    () => {
      throw new Error("secret");
    },
  ],
])("a probe that %s is a database that is not served, until one succeeds", async (_, fail) => {
  let probe: () => Promise<ProbeResult> = fail;
  const { monitor, lines } = monitorOf(() => probe());
  await monitor.start();
  expect(monitor.status("")).toBe(Serving.NOT_SERVING);
  expect(monitor.gate()?.message).not.toContain("secret");
  probe = async () => ({ serving: true });
  await until(() => monitor.status("") === Serving.SERVING);
  expect(lines.join()).toContain('"healthy"');
});

test("changes are logged, and nothing else is", async () => {
  let found: ProbeResult = { serving: true };
  let probes = 0;
  const { monitor, lines } = monitorOf(async () => {
    probes += 1;
    return found;
  });
  await monitor.start();
  await until(() => probes > 10);
  expect(lines).toHaveLength(1);
  found = { serving: false, error: new StoreError("DATABASE_CORRUPT", "the database is damaged") };
  await until(() => lines.length === 2);
  expect(JSON.parse(lines[1] as string)).toMatchObject({
    level: 50,
    msg: "unhealthy: not serving",
    err: { code: "DATABASE_CORRUPT" },
  });
  const before = probes;
  await until(() => probes > before + 10);
  expect(lines).toHaveLength(2);
});

test("looks never overlap, and a slow one leaves the last status in place", async () => {
  let running = 0;
  let most = 0;
  let probes = 0;
  const blocked = new Promise<ProbeResult>(() => {});
  const { monitor } = monitorOf(async () => {
    running += 1;
    most = Math.max(most, running);
    await new Promise(setImmediate);
    running -= 1;
    probes += 1;
    return probes < 10 ? { serving: true } : blocked;
  });
  await monitor.start();
  await until(() => probes === 10);
  expect(most).toBe(1);
  expect(monitor.status("")).toBe(Serving.SERVING);
});

test("no look is taken after the stop", async () => {
  let probes = 0;
  const { monitor } = monitorOf(async () => {
    probes += 1;
    return { serving: true };
  });
  await monitor.start();
  monitor.stop();
  const before = probes;
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(probes).toBe(before);
  expect(monitor.status("")).toBe(Serving.NOT_SERVING);
});

describe("the gate", () => {
  test("relies on its last glance for a while, and on a refusal until the next look", async () => {
    const { log } = memoryLog();
    let glances = 0;
    let error: StoreError | undefined;
    const monitor = createHealthMonitor({
      services: [],
      probe: async () => ({ serving: true }),
      glance: () => {
        glances += 1;
        return error;
      },
      limits: { probeIntervalMs: 3_600_000, glanceIntervalMs: 50 },
      log,
    });
    onTestFinished(() => monitor.stop());
    await monitor.start();
    const calls = 1_000;
    for (let call = 0; call < calls; call++) monitor.gate();
    expect(glances).toBeLessThan(calls / 10);
    error = new StoreError("DATABASE_REPLACED", "it is gone");
    await until(() => monitor.gate() !== undefined);
    error = undefined;
    expect(monitor.gate()).toMatchObject({ code: "DATABASE_REPLACED" });
  });

  const refusal = async (error?: StoreError) => {
    const { monitor } = monitorOf(async () => ({ serving: false, ...(error && { error }) }));
    await monitor.start();
    return monitor.gate();
  };

  test.each<ErrorCode>(["DATABASE_CORRUPT", "DATABASE_BUSY", "DISK_FULL"])(
    "refuses with the error itself if it is %s",
    async (code) => {
      const error = new StoreError(code, "why");
      expect(await refusal(error)).toBe(error);
    },
  );

  test.each<ErrorCode>(["MIGRATION_DIRTY", "UNMANAGED_DATABASE", "INTERNAL"])(
    "keeps the text of %s, which is for the operator, to itself",
    async (code) => {
      expect(
        await refusal(new StoreError(code, "migrations/000002_x.up.sql failed")),
      ).toMatchObject({
        code: "DATABASE_UNAVAILABLE",
        message: "the database cannot be served",
        details: { metadata: { cause: code } },
      });
    },
  );

  test("does not tell which tables differ", async () => {
    expect(await refusal(new StoreError("SCHEMA_MISMATCH", "customers.Email"))).toMatchObject({
      code: "SCHEMA_MISMATCH",
      message: "the database does not have the schema that is needed",
    });
  });

  test("needs no error to refuse", async () => {
    expect(await refusal()).toMatchObject({ code: "DATABASE_UNAVAILABLE" });
  });
});

test("a wait for a change ends with its signal, and at once if that has ended already", async () => {
  const { monitor } = monitorOf(async () => ({ serving: true }), 1_000);
  const controller = new AbortController();
  const changed = monitor.changed(controller.signal);
  expect(monitor.waiting).toBe(1);
  controller.abort();
  await changed;
  await monitor.changed(controller.signal);
  expect(monitor.waiting).toBe(0);
});
