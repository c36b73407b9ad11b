// What a call may say of its deadline: any timeout of the protocol is kept, however long, and what is
// none is refused, not read as another.

import { connect as openSession } from "node:http2";
import { status as Code } from "@grpc/grpc-js";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type RunningServer, startServer } from "../../src/grpc/server.ts";
import { createHealthMonitor } from "../../src/health/monitor.ts";
import { healthService } from "../../src/health/service.ts";
import { DEFAULT_LIMITS } from "../../src/limits.ts";
import { testTransport } from "../support/transport.ts";
import { memoryLog } from "./support.ts";

const UNITS_MS = { H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 1e-3, n: 1e-6 } as const;
/** Longer than any call here takes. */
const ENOUGH_MS = 60_000;
const RUNS = 300;

let server: RunningServer;
let session: ReturnType<typeof openSession>;

beforeAll(async () => {
  const { log } = memoryLog();
  const monitor = createHealthMonitor({
    services: [],
    probe: async () => ({ serving: true }),
    limits: DEFAULT_LIMITS,
    log,
  });
  await monitor.start();
  server = await startServer({
    errorDomain: "test.example.com",
    transport: testTransport(),
    services: [healthService(monitor)],
    address: "127.0.0.1:0",
    limits: DEFAULT_LIMITS,
    log,
    onStopping: monitor.stop,
  });
  session = openSession(`http://127.0.0.1:${server.port}`);
});

afterAll(async () => {
  session.close();
  await server.stop();
});

/** The status of a Check with the header as it is. */
function check(timeout: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const stream = session.request({
      ":method": "POST",
      ":path": "/grpc.health.v1.Health/Check",
      "content-type": "application/grpc",
      te: "trailers",
      "grpc-timeout": timeout,
    });
    const take = (headers: NodeJS.Dict<string | string[]>) => {
      if (headers["grpc-status"] !== undefined) resolve(Number(headers["grpc-status"]));
    };
    stream.on("response", take).on("trailers", take).on("error", reject).resume();
    stream.end(Buffer.alloc(5));
  });
}

test("a call with any long timeout is answered", async () => {
  const long = fc
    .tuple(fc.integer({ min: 1, max: 99_999_999 }), fc.constantFrom("H", "M", "S", "m", "u"))
    .filter(([count, unit]) => count * UNITS_MS[unit as keyof typeof UNITS_MS] > ENOUGH_MS)
    .map(([count, unit]) => `${count}${unit}`);
  await fc.assert(
    fc.asyncProperty(long, async (timeout) => {
      expect(await check(timeout)).toBe(Code.OK);
    }),
    { numRuns: RUNS, examples: [["596H"], ["597H"], ["2147484S"], ["99999999H"], ["1193H"]] },
  );
});

test.each(["0S", "0n", "1n"])(
  "a timeout of %s has passed when the call arrives",
  async (timeout) => {
    expect(await check(timeout)).toBe(Code.DEADLINE_EXCEEDED);
  },
);

test("what is no timeout is refused, and not read as another", async () => {
  const malformed = fc
    .stringMatching(/^[0-9HMSmun.+ -]{1,12}$/)
    .map((text) => text.trim())
    .filter((text) => text !== "" && !/^\d{1,8}[HMSmun]$/.test(text));
  await fc.assert(
    fc.asyncProperty(malformed, async (timeout) => {
      expect(await check(timeout)).toBe(Code.INTERNAL);
    }),
    {
      numRuns: RUNS,
      examples: [["123456789S"], ["-1S"], ["1.5S"], ["1 S"], ["1"], ["S"], ["1SS"], ["1s"]],
    },
  );
});
