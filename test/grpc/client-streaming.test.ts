// What handlers of client streams and their clients can rely on: one status, cancellation, deadline,
// gate and stop as for every other call, and requests that are taken one at a time.

import http2 from "node:http2";
import { create, toBinary } from "@bufbuild/protobuf";
import { status } from "@grpc/grpc-js";
import { expect, test } from "vitest";
import { Health } from "../../gen/health/v1/health_pb.ts";
import {
  type ImportRequest,
  ImportRequestSchema,
  ImportResponseSchema,
  StoreService,
} from "../../gen/protostore/v1/store_service_pb.ts";
import { StoreError } from "../../src/errors.ts";
import { REVISION_KEY } from "../../src/grpc/call.ts";
import { type CallContext, implementService, type Service } from "../../src/handlers/handler.ts";
import {
  callUnary,
  connect,
  memoryLog,
  openClientStream,
  rejection,
  serve,
  statusOf,
  until,
} from "./support.ts";

const method = StoreService.method.import;

type Receive = (requests: AsyncIterable<ImportRequest>, context: CallContext) => Promise<bigint>;

/** A service that answers a stream with the number that `receive` gives. */
function importing(receive: Receive): Service {
  return implementService(StoreService, {
    async *export() {},
    async import(requests, context) {
      const importedCount = await receive(requests, context);
      return create(ImportResponseSchema, { importedCount });
    },
  });
}

/** Counts the requests. */
const countRequests: Receive = async (requests) => {
  let count = 0n;
  for await (const _ of requests) count += 1n;
  return count;
};

/** A request of this size, in something that the server ignores. */
function request(size = 0): Buffer {
  const resources = [{ typeUrl: "x", value: new Uint8Array(size) }];
  return Buffer.from(toBinary(ImportRequestSchema, create(ImportRequestSchema, { resources })));
}

test("all requests reach the handler, and its answer and revision the client", async () => {
  const receive: Receive = (requests, context) => {
    context.setRevision(7n);
    return countRequests(requests, context);
  };
  const { client } = await serve({ services: [importing(receive)] });
  for (const count of [0, 1, 2, 500]) {
    const { stream, answer } = openClientStream(client, method);
    const told = new Promise((resolve) => {
      stream.on("metadata", (metadata) => resolve(metadata.get(REVISION_KEY)));
    });
    for (let sent = 0; sent < count; sent++) stream.write(request());
    stream.end();
    expect((await answer).importedCount).toBe(BigInt(count));
    expect(await told).toEqual(["7"]);
  }
});

test("a handler may answer, or fail, without taking what is sent", async () => {
  const outcomes: Receive[] = [
    async () => 5n,
    async (requests) => {
      for await (const _ of requests) return 6n;
      return 0n;
    },
    async () => {
      throw new StoreError("READ_ONLY_MODE", "no");
    },
  ];
  for (const [index, receive] of outcomes.entries()) {
    const { client, stop } = await serve({
      services: [importing(receive)],
      limits: { shutdownTimeoutMs: 600_000 },
    });
    const { stream, answer } = openClientStream(client, method);
    for (let sent = 0; sent < 20; sent++) stream.write(request(100_000));
    if (index < 2) expect((await answer).importedCount).toBe(BigInt(5 + index));
    else expect((await rejection(answer)).code).toBe(status.FAILED_PRECONDITION);
    // Nothing is left of the call that a stop would wait for.
    await stop();
  }
});

test("a request that cannot be decoded is INVALID_ARGUMENT, after those before it", async () => {
  let taken = 0;
  const receive: Receive = async (requests) => {
    for await (const _ of requests) taken += 1;
    return 0n;
  };
  const { client } = await serve({ services: [importing(receive)] });
  const { stream, answer } = openClientStream(client, method);
  stream.write(request());
  stream.write(Buffer.from([0x0a, 0xff, 0x01]));
  const error = await rejection(answer);
  expect(error.code).toBe(status.INVALID_ARGUMENT);
  expect(statusOf(error).errorInfo?.reason).toBe("INVALID_FIELD");
  expect(taken).toBe(1);
});

test("what a handler throws becomes one status, and what is no StoreError is hidden", async () => {
  const { log, lines } = memoryLog();
  const receive: Receive = async () => {
    throw new Error("UNIQUE constraint failed: secret.table");
  };
  const { client } = await serve({ services: [importing(receive)], log });
  const error = await rejection(openClientStream(client, method).answer);
  expect(error.code).toBe(status.INTERNAL);
  expect(JSON.stringify(statusOf(error).status)).not.toContain("secret");
  expect(lines.join()).toContain("secret.table");
});

/** A handler that takes requests until it cannot, and what it was told. */
function taking() {
  const seen: { taken: number; ended: boolean; context?: CallContext; thrown?: unknown } = {
    taken: 0,
    ended: false,
  };
  const receive: Receive = async (requests, context) => {
    seen.context = context;
    try {
      for await (const _ of requests) seen.taken += 1;
    } catch (error) {
      seen.thrown = error;
      throw error;
    } finally {
      seen.ended = true;
    }
    return 0n;
  };
  return { seen, receive };
}

test("a cancellation ends the requests", async () => {
  const { seen, receive } = taking();
  const { client } = await serve({ services: [importing(receive)] });
  const { stream, answer } = openClientStream(client, method);
  stream.write(request());
  await until(() => seen.taken === 1);
  stream.cancel();
  expect((await rejection(answer)).code).toBe(status.CANCELLED);
  // A client of grpc-js ends its requests before it cancels, so the handler may see either.
  await until(() => seen.ended);
});

test("a connection that breaks is a cancellation, not the end of the requests", async () => {
  for (let round = 0; round < 5; round++) {
    const { seen, receive } = taking();
    const { port } = await serve({ services: [importing(receive)] });
    const session = http2.connect(`http://127.0.0.1:${port}`);
    session.on("error", () => {});
    const call = session.request({
      ":method": "POST",
      ":path": "/protostore.v1.StoreService/Import",
      "content-type": "application/grpc",
      te: "trailers",
    });
    call.on("error", () => {});
    // A request without resources.
    call.write(Buffer.alloc(5));
    await until(() => seen.taken === 1);
    session.socket.destroy();
    await until(() => seen.thrown !== undefined);
    expect(seen.thrown).toMatchObject({ code: "CANCELLED" });
    session.destroy();
  }
});

test("a cancellation aborts the signal of a handler that is at work", async () => {
  const seen: { context?: CallContext; thrown?: unknown } = {};
  const receive: Receive = async (requests, context) => {
    for await (const _ of requests) {
      seen.context = context;
      await new Promise((resolve) => context.signal.addEventListener("abort", resolve));
      const next = requests[Symbol.asyncIterator]().next();
      await next.catch((error: unknown) => {
        seen.thrown = error;
      });
    }
    return 0n;
  };
  const { client } = await serve({ services: [importing(receive)] });
  const { stream, answer } = openClientStream(client, method);
  for (let sent = 0; sent < 3; sent++) stream.write(request());
  await until(() => seen.context !== undefined);
  stream.cancel();
  expect((await rejection(answer)).code).toBe(status.CANCELLED);
  await until(() => seen.thrown !== undefined);
  expect(seen.thrown).toMatchObject({ code: "CANCELLED" });
});

test("a deadline ends the requests", async () => {
  const { seen, receive } = taking();
  const { client } = await serve({ services: [importing(receive)] });
  const { stream, answer } = openClientStream(client, method, 300);
  stream.write(request());
  expect((await rejection(answer)).code).toBe(status.DEADLINE_EXCEEDED);
  await until(() => seen.ended);
  expect(seen.context?.deadlineMs).toBeGreaterThan(0);
});

test("a stop ends an open stream with UNAVAILABLE, and finishes", async () => {
  const { seen, receive } = taking();
  const { client, stop } = await serve({
    services: [importing(receive)],
    limits: { shutdownTimeoutMs: 600_000 },
  });
  const { stream, answer } = openClientStream(client, method);
  stream.write(request());
  await until(() => seen.taken === 1);
  const stopped = stop();
  const error = await rejection(answer);
  expect(error.code).toBe(status.UNAVAILABLE);
  expect(error.details).toBe("the server is stopping");
  await stopped;
});

test("a closed gate refuses the call before its handler", async () => {
  const { seen, receive } = taking();
  const { client } = await serve({
    services: [importing(receive)],
    gate: () => new StoreError("SCHEMA_MISMATCH", "the schema differs"),
  });
  const { stream, answer } = openClientStream(client, method);
  stream.write(request());
  expect((await rejection(answer)).code).toBe(status.UNAVAILABLE);
  expect(seen.context).toBeUndefined();
});

test("a handler that is busy holds its client back: no request is taken ahead", async () => {
  let goOn = () => {};
  const busy = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  let taken = 0;
  const receive: Receive = async (requests) => {
    for await (const _ of requests) {
      taken += 1;
      await busy;
    }
    return BigInt(taken);
  };
  const health = implementService(Health, {
    check: async () => new Uint8Array(),
    async *watch() {},
    list: async () => new Uint8Array(),
  });
  const { address, client } = await serve({ services: [importing(receive), health] });
  const { stream, answer } = openClientStream(client, method);
  let flushed = 0;
  const total = 30;
  for (let sent = 0; sent < total; sent++) {
    stream.write(request(1_000_000), () => {
      flushed += 1;
    });
  }
  stream.end();
  await until(() => taken === 1);
  // Many times as long as a server that took requests ahead would need for all of them.
  const other = connect(address);
  for (let call = 0; call < 300; call++) await callUnary(other, Health.method.check, {});
  expect(taken).toBe(1);
  expect(flushed).toBeLessThanOrEqual(3);
  goOn();
  expect((await answer).importedCount).toBe(BigInt(total));
});

test("streams that come at once are all answered, those that have no request too", async () => {
  const receive: Receive = (requests) => {
    // So long that those that came with it wait for their turn.
    const untilMs = performance.now() + 5;
    while (performance.now() < untilMs);
    return countRequests(requests, {} as CallContext);
  };
  const { client } = await serve({ services: [importing(receive)] });
  const counts = Array.from({ length: 40 }, (_, index) => index % 3);
  const answers = counts.map(async (count) => {
    const { stream, answer } = openClientStream(client, method);
    for (let sent = 0; sent < count; sent++) stream.write(request());
    stream.end();
    return Number((await answer).importedCount);
  });
  expect(await Promise.all(answers)).toEqual(counts);
});
