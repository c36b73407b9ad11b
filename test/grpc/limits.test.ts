// The limits of connections, calls and answers, tried by clients that keep to none.

import { once } from "node:events";
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect as connectHttp2,
  constants,
} from "node:http2";
import { connect as connectTcp, type Socket } from "node:net";
import { create, type DescMethod } from "@bufbuild/protobuf";
import { type Client, Metadata, status } from "@grpc/grpc-js";
import { expect, onTestFinished, test } from "vitest";
import { ArtistSchema, ArtistService } from "../../gen/chinook/v1/artist_pb.ts";
import { Health, HealthCheckResponseSchema } from "../../gen/health/v1/health_pb.ts";
import { methodPath } from "../../src/grpc/answer.ts";
import { type CallContext, implementService, type Service } from "../../src/handlers/handler.ts";
import type { Limits } from "../../src/limits.ts";
import { testTransport } from "../support/transport.ts";
import { callUnary, connect, rejection, serve, statusOf, until } from "./support.ts";

const { getArtist, createArtist } = ArtistService.method;

/** The artists of which one is as `answer` says. */
function artists(answer: (context: CallContext) => Promise<string>): Service {
  const one = async (_request: unknown, context: CallContext) =>
    create(ArtistSchema, { biography: await answer(context) });
  const named = new Set([getArtist.name, createArtist.name]);
  const { methods } = ArtistService;
  const all = Object.fromEntries(methods.map(({ localName }) => [localName, one]));
  expect(methods.filter(({ name }) => named.has(name))).toHaveLength(2);
  return implementService(
    ArtistService,
    all as unknown as Parameters<typeof implementService<(typeof ArtistService)["method"]>>[1],
  );
}

const health = implementService(Health, {
  check: async () => create(HealthCheckResponseSchema, { status: 1 }),
  watch: async function* () {},
  list: async () => ({ $typeName: "grpc.health.v1.HealthListResponse", statuses: {} }),
});

function serveArtists(limits: Partial<Limits>, answer: (context: CallContext) => Promise<string>) {
  return serve({ services: [artists(answer), health], limits });
}

const EMPTY = Buffer.alloc(5);

function openSession(address: string): ClientHttp2Session {
  const session = connectHttp2(`http://${address}`);
  session.on("error", () => {});
  onTestFinished(() => session.destroy());
  return session;
}

/** A call whose answer is not read. */
function callWithoutReading(
  session: ClientHttp2Session,
  method: DescMethod = getArtist,
): ClientHttp2Stream {
  const stream = session.request({
    ":method": "POST",
    ":path": methodPath(method),
    "content-type": "application/grpc",
    te: "trailers",
  });
  stream.on("error", () => {});
  stream.end(EMPTY);
  return stream;
}

async function overloadOf(promise: Promise<unknown>) {
  const error = await rejection(promise);
  expect(error.code).toBe(status.RESOURCE_EXHAUSTED);
  const { errorInfo, retryInfo } = statusOf(error);
  expect(errorInfo).toMatchObject({ reason: "OVERLOADED", domain: "test.example.com" });
  return { retryDelay: retryInfo?.retryDelay };
}

async function expectHealthy(client: Client) {
  expect((await callUnary(client, Health.method.check, {})).response.status).toBe(1);
}

test.each(["callsMax", "callsPerPeerMax"] as const)(
  "of calls too many by %s each is refused at once, and room comes back",
  async (limit) => {
    const waiting: ((text: string) => void)[] = [];
    const server = await serveArtists(
      { [limit]: 3 },
      () => new Promise((answer) => waiting.push(answer)),
    );
    const { client } = server;
    const calls = [1, 2, 3].map(() => callUnary(client, getArtist, {}));
    await until(() => waiting.length === 3);
    for (let time = 0; time < 5; time++) {
      const { retryDelay } = await overloadOf(callUnary(client, getArtist, {}));
      expect(retryDelay).toMatchObject({ seconds: 0n, nanos: 200_000_000 });
    }
    await expectHealthy(client);
    expect(server.refusals.get(limit)).toBe(5);
    for (const answer of waiting.splice(0)) answer("done");
    await Promise.all(calls);
    const next = callUnary(client, getArtist, {});
    await until(() => waiting.length === 1);
    waiting[0]?.("done");
    await next;
  },
);

test("a call that is cancelled, or whose connection is lost, makes room too", async () => {
  const contexts: CallContext[] = [];
  const server = await serveArtists({ callsMax: 4 }, (context) => {
    contexts.push(context);
    return new Promise((_, reject) =>
      context.signal.addEventListener("abort", () => reject(context.signal.reason)),
    );
  });
  for (let round = 0; round < 20; round++) {
    const session = openSession(server.address);
    const streams = [1, 2, 3, 4].map(() => callWithoutReading(session));
    await until(() => contexts.length === (round + 1) * 4);
    if (round % 2 === 0) session.destroy();
    else for (const stream of streams) stream.close(constants.NGHTTP2_CANCEL);
    await until(() => contexts.every(({ signal }) => signal.aborted));
    session.destroy();
    // The stream may be gone before the server has noticed all of it.
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  expect(server.refusals.get("callsMax")).toBeUndefined();
});

test("answers that nobody reads take no more memory than is allowed, and what was written is told all the same", async () => {
  const large = "x".repeat(100_000);
  const server = await serveArtists(
    { unreadAnswerBytes: 450_000, callsMax: 100 },
    async () => large,
  );
  const session = openSession(server.address);
  // What a client takes without being read is its window; it is as small as can be here.
  session.settings({ initialWindowSize: 0 });
  await once(session, "localSettings");
  for (let i = 0; i < 10; i++) callWithoutReading(session);
  await until(() => (server.refusals.get("unreadAnswerBytes") ?? 0) >= 6);
  expect(server.refusals.get("unreadAnswerBytes")).toBe(6);
  await overloadOf(callUnary(server.client, getArtist, {}));
  const written = await callUnary(server.client, createArtist, {});
  expect(written.response.biography).toHaveLength(large.length);
  session.destroy();
  await expect
    .poll(
      async () =>
        callUnary(server.client, getArtist, {}).then(
          () => true,
          () => false,
        ),
      { timeout: 20_000 },
    )
    .toBe(true);
  // Those that are read leave nothing behind.
  for (let i = 0; i < 50; i++) await callUnary(server.client, getArtist, {});
});

// grpc-js has no such bound.
if (testTransport() === "wire") {
  test("of those, a connection has no more than its share", async () => {
    const large = "x".repeat(100_000);
    const limits = { connectionUnreadBytes: 250_000 };
    const server = await serveArtists(limits, async () => large);
    const session = openSession(server.address);
    session.settings({ initialWindowSize: 0 });
    await once(session, "localSettings");
    for (let i = 0; i < 5; i++) callWithoutReading(session);
    await until(() => server.refusals.get("connectionUnreadBytes") === 3);
    const { response } = await callUnary(server.client, getArtist, {});
    expect(response.biography).toHaveLength(large.length);
    expect(server.refusals.get("unreadAnswerBytes")).toBeUndefined();
  });
}

test("a client that reads nothing of its answer loses its call, and one that reads slowly does not", async () => {
  const large = "x".repeat(300_000);
  const server = await serveArtists(
    { unreadTimeoutMs: 500, readBytesPerSecond: 100_000 },
    async ({ signal }) => {
      // A handler may take longer than that.
      await new Promise((resolve) => setTimeout(resolve, 1_200));
      signal.throwIfAborted();
      return large;
    },
  );
  const session = openSession(server.address);
  session.settings({ initialWindowSize: 20_000 });
  await once(session, "localSettings");
  const idle = callWithoutReading(session);
  idle.pause();
  const slow = callWithoutReading(session);
  let read = 0;
  slow.on("data", (chunk: Buffer) => {
    read += chunk.length;
    slow.pause();
    setTimeout(() => slow.resume(), 100);
  });
  await until(() => idle.closed && slow.closed);
  expect(idle.rstCode).toBe(constants.NGHTTP2_CANCEL);
  expect(slow.rstCode).toBe(constants.NGHTTP2_NO_ERROR);
  expect(read).toBeGreaterThan(large.length);
  expect(server.refusals.get("unreadTimeoutMs")).toBe(1);
});

test("of streams the same: who reads nothing of a message loses its call", async () => {
  const messages = 20;
  const watched = implementService(Health, {
    check: async () => create(HealthCheckResponseSchema),
    list: async () => ({ $typeName: "grpc.health.v1.HealthListResponse", statuses: {} }),
    watch: async function* () {
      for (let each = 0; each < messages; each++) {
        yield create(HealthCheckResponseSchema, { status: 1 });
      }
    },
  });
  const server = await serve({ services: [watched], limits: { unreadTimeoutMs: 2_000 } });
  const session = openSession(server.address);
  // Less than one message.
  session.settings({ initialWindowSize: 4 });
  await once(session, "localSettings");
  const idle = callWithoutReading(session, Health.method.watch);
  idle.pause();
  const slow = callWithoutReading(session, Health.method.watch);
  let read = 0;
  slow.on("data", (chunk: Buffer) => {
    read += chunk.length;
    slow.pause();
    setTimeout(() => slow.resume(), 10);
  });
  await until(() => idle.closed && slow.closed);
  expect(idle.rstCode).toBe(constants.NGHTTP2_CANCEL);
  expect(slow.rstCode).toBe(constants.NGHTTP2_NO_ERROR);
  expect(read).toBe(messages * 7);
  expect(server.refusals.get("unreadTimeoutMs")).toBe(1);
});

test("a request that does not come to its end is not waited for", async () => {
  const limits = { requestTimeoutMs: 200, callsMax: 3 };
  const contexts: CallContext[] = [];
  const server = await serveArtists(limits, async (context) => {
    contexts.push(context);
    await new Promise((resolve) => setTimeout(resolve, 600));
    return "x";
  });
  const session = openSession(server.address);
  const open = [1, 2, 3].map(() => {
    const stream = session.request({
      ":method": "POST",
      ":path": methodPath(getArtist),
      "content-type": "application/grpc",
      te: "trailers",
    });
    stream.on("error", () => {});
    stream.write(EMPTY.subarray(0, 3));
    return stream;
  });
  await until(() => open.every(({ closed }) => closed));
  expect(open.map(({ rstCode }) => rstCode)).toEqual([8, 8, 8]);
  expect(server.refusals.get("requestTimeoutMs")).toBe(3);
  expect(contexts).toEqual([]);
  // Its handler may take longer than that.
  await callUnary(server.client, getArtist, {});
  expect(server.refusals.get("requestTimeoutMs")).toBe(3);
});

test("a refused call is over, though its client goes on sending", async () => {
  const server = await serveArtists({ callsMax: 0 }, async () => "x");
  const session = openSession(server.address);
  const stream = session.request({
    ":method": "POST",
    ":path": methodPath(createArtist),
    "content-type": "application/grpc",
    te: "trailers",
  });
  stream.on("error", () => {}).resume();
  const [headers] = (await once(stream, "response")) as [Record<string, unknown>];
  expect(headers["grpc-status"]).toBe(String(status.RESOURCE_EXHAUSTED));
  await until(() => stream.closed);
  expect(stream.rstCode).toBe(constants.NGHTTP2_NO_ERROR);
});

test("of connections too many each is closed, and one that says nothing is too", async () => {
  const limits = { connectionsMax: 5, connectionSetupTimeoutMs: 300 };
  const server = await serveArtists(limits, async () => "x");
  const [host = "", port = ""] = server.address.split(":");
  const silent: Socket[] = [];
  const open = async () => {
    const socket = connectTcp({ host, port: Number(port) });
    socket.on("error", () => {}).resume();
    await once(socket, "connect");
    silent.push(socket);
    return socket;
  };
  const first = await Promise.all([1, 2, 3, 4, 5].map(open));
  const sixth = await open();
  if (!sixth.closed) await once(sixth, "close");
  expect(first.some(({ closed }) => closed)).toBe(false);
  expect(server.refusals.get("connectionsMax")).toBe(1);
  await until(() => first.every(({ closed }) => closed));
  expect(server.refusals.get("connectionSetupTimeoutMs")).toBe(5);
  await callUnary(server.client, getArtist, {});
  // It is for the setup alone.
  await new Promise((resolve) => setTimeout(resolve, 600));
  await callUnary(server.client, getArtist, {});
});

test("one host has no more connections than its share", async () => {
  const server = await serveArtists({ connectionsPerPeerMax: 2 }, async () => "x");
  const [host = "", port = ""] = server.address.split(":");
  const sockets = [1, 2, 3].map(() => connectTcp({ host, port: Number(port) }));
  for (const socket of sockets) onTestFinished(() => void socket.destroy());
  await until(() => sockets.some(({ closed }) => closed));
  expect(server.refusals.get("connectionsPerPeerMax")).toBe(1);
  expect(server.refusals.get("connectionsMax")).toBeUndefined();
});

test("metadata that is too large is refused", async () => {
  const server = await serveArtists({ headerBytes: 4_096 }, async () => "x");
  const metadata = new Metadata();
  metadata.set("note", "x".repeat(3_000));
  await callUnary(server.client, getArtist, {}, 20_000, metadata);
  for (let i = 0; i < 60; i++) metadata.set(`n${i}`, "");
  await overloadOf(callUnary(server.client, getArtist, {}, 20_000, metadata));
  expect(server.refusals.get("headerBytes")).toBe(1);
});

test("a connection that goes on sending too large metadata is closed, and no other", async () => {
  const server = await serveArtists({ headerBytes: 4_096 }, async () => "x");
  const session = openSession(server.address);
  const note = "x".repeat(8_000);
  const refused: number[] = [];
  for (let each = 0; each < 20 && !session.destroyed; each++) {
    const stream = session.request({
      ":method": "POST",
      ":path": methodPath(getArtist),
      "content-type": "application/grpc",
      te: "trailers",
      note,
    });
    stream.on("error", () => {}).resume();
    await new Promise<void>((resolve) => stream.once("close", resolve));
    refused.push(each);
  }
  await until(() => session.destroyed);
  expect(refused.length).toBeLessThan(20);
  expect(server.refusals.get("headerBytes")).toBe(10);
  await callUnary(server.client, getArtist, {});
});

test("of calls with compressed requests there are fewer at a time", async () => {
  const waiting: ((text: string) => void)[] = [];
  const server = await serveArtists(
    { compressedCallsMax: 2 },
    () => new Promise((answer) => waiting.push(answer)),
  );
  const session = openSession(server.address);
  const open = (encoding: string) => {
    const stream = session.request({
      ":method": "POST",
      ":path": methodPath(getArtist),
      "content-type": "application/grpc",
      "grpc-encoding": encoding,
      te: "trailers",
    });
    stream.on("error", () => {}).resume();
    stream.end(EMPTY);
    return stream;
  };
  for (const encoding of ["gzip", "identity", "gzip", "identity"]) open(encoding);
  await until(() => waiting.length === 4);
  const [headers] = (await once(open("gzip"), "response")) as [Record<string, unknown>];
  expect(headers["grpc-status"]).toBe(String(status.RESOURCE_EXHAUSTED));
  expect(server.refusals.get("compressedCallsMax")).toBe(1);
  for (const answer of waiting.splice(0)) answer("done");
  await until(() => {
    open("gzip");
    return waiting.length > 0;
  });
  for (const answer of waiting.splice(0)) answer("done");
});

test("a host that has less than its share is let in though another has all of the room", async () => {
  const waiting: ((text: string) => void)[] = [];
  const server = await serveArtists(
    { callsMax: 6 },
    () => new Promise((answer) => waiting.push(answer)),
  );
  const { port } = new URL(`http://${server.address}`);
  const other = connectHttp2(`http://${server.address}`, {
    createConnection: () =>
      connectTcp({ host: "127.0.0.1", port: Number(port), localAddress: "127.0.0.2" }),
  });
  onTestFinished(() => other.destroy());
  other.on("error", () => {});
  for (let each = 0; each < 6; each++) callWithoutReading(other);
  await until(() => waiting.length === 6);
  // Its share is half of it, since there are two hosts.
  const calls = [1, 2, 3].map(() => callUnary(server.client, getArtist, {}));
  await until(() => waiting.length === 9);
  await overloadOf(callUnary(server.client, getArtist, {}));
  expect(server.refusals.get("callsMax")).toBe(1);
  for (const answer of waiting.splice(0)) answer("done");
  await Promise.all(calls);
});

test("a caller that calls too often is told when to come again, and the others go on", async () => {
  const limits = { callsPerSecond: 10, callBurst: 3 };
  const identify = ({ authorization = "" }) => ({ name: authorization, role: "admin" as const });
  const server = await serve({
    services: [artists(async () => "x"), health],
    limits,
    admissionTo: () => ({ identify, authorize() {} }),
  });
  const as = (name: string) => {
    const metadata = new Metadata();
    metadata.set("authorization", name);
    return callUnary(server.client, getArtist, {}, 20_000, metadata);
  };
  await Promise.all([as("a"), as("a"), as("a")]);
  const { retryDelay } = await overloadOf(as("a"));
  expect(retryDelay?.seconds).toBe(0n);
  expect(retryDelay?.nanos).toBeGreaterThan(0);
  expect(retryDelay?.nanos).toBeLessThanOrEqual(100_000_000);
  await as("b");
  await expectHealthy(connect(server.address));
  await new Promise((resolve) => setTimeout(resolve, (retryDelay?.nanos ?? 0) / 1e6 + 20));
  await as("a");
  expect(server.refusals.get("callsPerSecond")).toBe(1);
});
