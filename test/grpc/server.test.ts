// The life of a server: where it listens, what it refuses, and that a stop loses nothing.

import { create } from "@bufbuild/protobuf";
import { EmptySchema } from "@bufbuild/protobuf/wkt";
import { status } from "@grpc/grpc-js";
import { describe, expect, test } from "vitest";
import { GenreSchema, GenreService } from "../../gen/chinook/v1/genre_pb.ts";
import {
  Health,
  type HealthCheckResponse,
  HealthCheckResponse_ServingStatus as Serving,
} from "../../gen/health/v1/health_pb.ts";
import {
  DatabaseService,
  DatabaseStatusSchema,
} from "../../gen/protostore/v1/database_service_pb.ts";
import { StoreError } from "../../src/errors.ts";
import { reflectionServices } from "../../src/grpc/reflection.ts";
import { UNGATED_SERVICES } from "../../src/grpc/server.ts";
import { type CallContext, implementService, type Service } from "../../src/handlers/handler.ts";
import { databaseService } from "../../src/health/database-service.ts";
import { createHealthMonitor } from "../../src/health/monitor.ts";
import { healthService } from "../../src/health/service.ts";
import {
  callStream,
  callUnary,
  collect,
  connect,
  memoryLog,
  openBidi,
  rejection,
  serve,
  statusOf,
  until,
} from "./support.ts";

/** Genres, with nothing behind them but `get`. */
function genres(get: (context: CallContext) => Promise<string>): Service {
  const none = async () => create(GenreSchema);
  return implementService(GenreService, {
    getGenre: async (_, context) => create(GenreSchema, { displayName: await get(context) }),
    listGenres: async () => new Uint8Array(),
    createGenre: none,
    updateGenre: none,
    deleteGenre: async () => create(EmptySchema),
  });
}

const { getGenre } = GenreService.method;

describe("listening", () => {
  test("on a port that is in use is one clear line", async () => {
    const { log, lines } = memoryLog();
    const { address } = await serve({});
    const error = await rejection(serve({ address, log }));
    expect(error).toBeInstanceOf(StoreError);
    expect(error).toMatchObject({
      code: "INVALID_CONFIG",
      message: `cannot listen on ${address}: the port is in use`,
    });
    expect(lines.join()).not.toContain('"serving"');
  });

  test.each([
    "",
    "50051",
    "localhost",
    "localhost:",
    "::1:50051",
    "[::1]",
    "a:b",
    "a:1:2",
    "a:65536",
  ])('on "%s" is refused', async (address) => {
    const error = await rejection(serve({ address }));
    expect(error).toMatchObject({ code: "INVALID_CONFIG" });
    expect(error.message).toContain("127.0.0.1:50051");
  });

  test("on an address that is not of this machine is refused", async () => {
    const error = await rejection(serve({ address: "192.0.2.1:50051", insecure: true }));
    expect(error).toMatchObject({
      code: "INVALID_CONFIG",
      message: "cannot listen on 192.0.2.1:50051: this machine does not have that address",
    });
  });

  test.each(["[::1]", "localhost"])("on %s works", async (host) => {
    const { port } = await serve({
      address: `${host}:0`,
      services: [genres(async () => "Oslo")],
    });
    const { response } = await callUnary(connect(`${host}:${port}`), getGenre, {});
    expect(response.displayName).toBe("Oslo");
  });
});

describe("limits", () => {
  test("a request that is too large is RESOURCE_EXHAUSTED", async () => {
    const { client } = await serve({
      services: [genres(async () => "")],
      limits: { receiveMessageBytes: 1_000 },
    });
    await callUnary(client, getGenre, { name: "x".repeat(900) });
    const error = await rejection(callUnary(client, getGenre, { name: "x".repeat(1_100) }));
    expect(error.code).toBe(status.RESOURCE_EXHAUSTED);
  });

  test("a response that is too large is RESOURCE_EXHAUSTED", async () => {
    const { client } = await serve({
      services: [genres(async () => "x".repeat(1_100))],
      limits: { sendMessageBytes: 1_000 },
    });
    const error = await rejection(callUnary(client, getGenre, {}));
    expect(error.code).toBe(status.RESOURCE_EXHAUSTED);
  });
});

test("a closed gate refuses all but what tells why", async () => {
  let closed: StoreError | undefined = new StoreError("SCHEMA_MISMATCH", "the schema differs", {
    retryDelayMs: 1_000,
  });
  const { log } = memoryLog();
  const monitor = createHealthMonitor({
    services: [GenreService.typeName],
    probe: async () => ({ serving: true }),
    limits: { probeIntervalMs: 1_000, glanceIntervalMs: 0 },
    log,
  });
  const reflection = reflectionServices([]);
  const { client } = await serve({
    gate: () => closed,
    services: [
      genres(async () => "Oslo"),
      healthService(monitor),
      databaseService({
        readStatus: async () => create(DatabaseStatusSchema),
        explainQuery: () => Promise.reject(new Error("is not asked")),
        checkpoint: () => Promise.reject(new Error("is not asked")),
        backUp: async function* () {},
        maintain: async function* () {},
      }),
      ...reflection,
    ],
  });
  const error = await rejection(callUnary(client, getGenre, {}));
  expect(error.code).toBe(status.UNAVAILABLE);
  expect(statusOf(error).errorInfo?.reason).toBe("SCHEMA_MISMATCH");
  expect(statusOf(error).retryInfo?.retryDelay?.seconds).toBe(1n);

  await callUnary(client, Health.method.check, {});
  await callUnary(client, DatabaseService.method.getDatabaseStatus, {});
  for (const { desc, handlers } of reflection) {
    expect(UNGATED_SERVICES).toContain(desc.typeName);
    const stream = openBidi(client, (handlers[0] as Service["handlers"][0]).method);
    stream.end();
    expect((await collect(stream)).error).toBeUndefined();
  }

  closed = undefined;
  await callUnary(client, getGenre, {});
});

describe("a stop", () => {
  test("tells watchers, ends their streams with UNAVAILABLE, and finishes", async () => {
    const { log, lines } = memoryLog();
    const monitor = createHealthMonitor({
      services: [],
      probe: async () => ({ serving: true }),
      limits: { probeIntervalMs: 5, glanceIntervalMs: 0 },
      log,
    });
    await monitor.start();
    // Without an end to its streams, the stop would wait for this long.
    const limits = { shutdownTimeoutMs: 600_000 };
    const services = [healthService(monitor)];
    const server = await serve({ services, log, limits, onStopping: monitor.stop });
    const stream = callStream(server.client, Health.method.watch, {});
    const all = collect<HealthCheckResponse>(stream);
    await until(() => monitor.waiting === 1);
    await Promise.all([server.stop(), server.stop()]);
    const { messages, error } = await all;
    expect(messages.map((message) => message.status)).toEqual([
      Serving.SERVING,
      Serving.NOT_SERVING,
    ]);
    expect(error?.code).toBe(status.UNAVAILABLE);
    expect(error?.details).toBe("the server is stopping");
    expect(monitor.waiting).toBe(0);
    expect(lines.filter((line) => line.includes('"stopped"'))).toHaveLength(1);
    const late = await rejection(callUnary(connect(server.address), Health.method.check, {}, 500));
    expect([status.UNAVAILABLE, status.DEADLINE_EXCEEDED]).toContain(late.code);
  });

  test("goes on if its hook fails", async () => {
    const server = await serve({
      onStopping() {
        throw new Error("no");
      },
    });
    await server.stop();
  });

  test("loses no call in flight, 20 times", async () => {
    for (let round = 0; round < 20; round++) {
      let started = 0;
      let answer = () => {};
      const answered = new Promise<void>((resolve) => {
        answer = resolve;
      });
      const server = await serve({
        services: [
          genres(async ({ signal }) => {
            started += 1;
            await answered;
            return signal.aborted ? "aborted" : "answered";
          }),
        ],
      });
      const clients = [server.client, connect(server.address), connect(server.address)];
      const calls = clients.flatMap((client) =>
        Array.from({ length: 10 }, () => callUnary(client, getGenre, {})),
      );
      await until(() => started === calls.length);
      const stopped = server.stop();
      setTimeout(answer, round);
      const answers = await Promise.all(calls);
      expect(new Set(answers.map(({ response }) => response.displayName))).toEqual(
        new Set(["answered"]),
      );
      await stopped;
    }
  });

  test("cuts off what does not end in time, and aborts its signal", async () => {
    let context: CallContext | undefined;
    const server = await serve({
      services: [
        genres((theContext) => {
          context = theContext;
          return new Promise(() => {});
        }),
      ],
      limits: { shutdownTimeoutMs: 50 },
    });
    const call = rejection(callUnary(server.client, getGenre, {}));
    await until(() => context !== undefined);
    await server.stop();
    expect([status.CANCELLED, status.UNAVAILABLE]).toContain((await call).code);
    await until(() => context?.signal.aborted === true);
  });

  test("leaves no listener on the process", async () => {
    const count = () =>
      process.listenerCount("uncaughtException") + process.listenerCount("unhandledRejection");
    const before = count();
    const server = await serve({});
    expect(count()).toBe(before + 2);
    await server.stop();
    expect(count()).toBe(before);
  });
});
