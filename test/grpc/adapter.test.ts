// What handlers and clients can rely on: undecodable requests, bytes as they are, revisions,
// cancellation, deadlines and slow readers.

import { create, toBinary } from "@bufbuild/protobuf";
import type { GenService } from "@bufbuild/protobuf/codegenv2";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { Metadata, status } from "@grpc/grpc-js";
import { describe, expect, test } from "vitest";
import {
  ServerReflection,
  ServerReflectionRequestSchema,
  type ServerReflectionResponse,
  ServerReflectionResponseSchema,
} from "../../gen/grpc/reflection/v1/reflection_pb.ts";
import { Health, HealthCheckResponseSchema } from "../../gen/health/v1/health_pb.ts";
import { StoreError } from "../../src/errors.ts";
import { REVISION_KEY } from "../../src/grpc/call.ts";
import { type CallContext, implementService, type Service } from "../../src/handlers/handler.ts";
import {
  callStream,
  callUnary,
  collect,
  openBidi,
  rejection,
  serve,
  statusOf,
  until,
} from "./support.ts";

const NOT_A_MESSAGE = Buffer.from([0x0a, 0xff, 0x01]);
const serving = create(HealthCheckResponseSchema, { status: 1 });

const implementHealth = implementService<MethodsOf<typeof Health>>;
type MethodsOf<S> = S extends GenService<infer Methods> ? Methods : never;

/** A health service of which only some methods matter. */
function health(methods: Partial<Parameters<typeof implementHealth>[1]>): Service {
  return implementHealth(Health, {
    check: async () => serving,
    async *watch() {},
    list: async () => new Uint8Array(),
    ...methods,
  });
}

describe("a request that cannot be decoded is INVALID_ARGUMENT", () => {
  const reflection = implementService(ServerReflection, {
    async *serverReflectionInfo(requests) {
      for await (const _ of requests) yield create(ServerReflectionResponseSchema);
    },
  });

  test("unary", async () => {
    const { client } = await serve({ services: [health({})] });
    const error = await rejection(callUnary(client, Health.method.check, NOT_A_MESSAGE));
    expect(error.code).toBe(status.INVALID_ARGUMENT);
    expect(statusOf(error).errorInfo?.reason).toBe("INVALID_FIELD");
    expect(error.details).toBe(
      "the request cannot be decoded as grpc.health.v1.HealthCheckRequest",
    );
  });

  test("server stream", async () => {
    const { client } = await serve({ services: [health({})] });
    const { error } = await collect(callStream(client, Health.method.watch, NOT_A_MESSAGE));
    expect(error?.code).toBe(status.INVALID_ARGUMENT);
  });

  test("bidirectional stream, after the answers to what came before", async () => {
    const { client } = await serve({ services: [reflection] });
    const stream = openBidi(client, ServerReflection.method.serverReflectionInfo);
    const all = collect<ServerReflectionResponse>(stream);
    stream.write(
      Buffer.from(toBinary(ServerReflectionRequestSchema, create(ServerReflectionRequestSchema))),
    );
    stream.write(NOT_A_MESSAGE);
    const { messages, error } = await all;
    expect(messages).toHaveLength(1);
    expect(error?.code).toBe(status.INVALID_ARGUMENT);
  });
});

describe("responses", () => {
  test("that are bytes pass through untouched, also as a view into something larger", async () => {
    // Field 1 is not written minimally, and field 15 is unknown: re-encoding would show.
    const bytes = Buffer.from("ff08810078ff", "hex").subarray(1, 4);
    const unknown = Buffer.concat([bytes, Buffer.from("780a", "hex")]);
    const { client } = await serve({ services: [health({ check: async () => unknown })] });
    const { response } = await callUnary(client, Health.method.check, {});
    expect(response.status).toBe(1);
    expect(response.$unknown?.[0]).toMatchObject({ no: 15 });
  });

  test("tell the revision in the initial metadata", async () => {
    const { client } = await serve({
      services: [
        health({
          async check(_, context) {
            context.setRevision(1n);
            context.setRevision(9007199254740993n);
            return serving;
          },
          async *watch(_, context) {
            context.setRevision(7n);
            yield serving;
            context.setRevision(8n);
          },
        }),
      ],
    });
    const { headers } = await callUnary(client, Health.method.check, {});
    expect(headers.get(REVISION_KEY)).toEqual(["9007199254740993"]);

    const stream = callStream(client, Health.method.watch, {});
    const sent: unknown[] = [];
    stream.on("metadata", (metadata) => sent.push(metadata.get(REVISION_KEY)));
    stream.on("status", ({ metadata }) => sent.push(metadata.get(REVISION_KEY)));
    await collect(stream);
    expect(sent).toEqual([["7"], ["8"]]);
  });
});

test("a handler is told who calls, and what came beside the request", async () => {
  const seen: unknown[] = [];
  const { client } = await serve({
    services: [
      health({
        async check(_, context) {
          seen.push(context.peer);
          for (const key of ["tenant", "trace-bin", "none"]) seen.push(context.metadata(key));
          return serving;
        },
      }),
    ],
  });
  const metadata = new Metadata();
  metadata.add("tenant", "a");
  metadata.add("tenant", "b");
  metadata.set("trace-bin", Buffer.from([0, 255]));
  await callUnary(client, Health.method.check, new Uint8Array(), 20_000, metadata);
  expect(seen).toEqual([
    expect.stringMatching(/^127\.0\.0\.1:\d+$/),
    ["a, b"],
    [Buffer.from([0, 255])],
    [],
  ]);
});

describe("a call that is over for its client", () => {
  /** A server whose handlers wait for ever, and what happened to them. */
  async function serveForEver() {
    const seen: { context?: CallContext; finished: boolean } = { finished: false };
    const { client, stop } = await serve({
      services: [
        health({
          async check(_, context) {
            seen.context = context;
            await aborted(context.signal);
            seen.finished = true;
            throw context.signal.reason;
          },
          async *watch(_, context) {
            seen.context = context;
            try {
              for (;;) yield serving;
            } finally {
              seen.finished = true;
            }
          },
        }),
      ],
    });
    return { client, stop, seen };
  }

  test("by cancellation aborts the signal of a unary call", async () => {
    const { client, seen } = await serveForEver();
    const call = client.makeUnaryRequest(
      "/grpc.health.v1.Health/Check",
      (bytes: Buffer) => bytes,
      (bytes) => bytes,
      Buffer.alloc(0),
      () => {},
    );
    await until(() => seen.context !== undefined);
    call.cancel();
    await until(() => seen.finished);
    expect(seen.context?.signal.reason).toMatchObject({ code: "CANCELLED" });
    expect(seen.context?.deadlineMs).toBeUndefined();
  });

  test("by cancellation aborts the signal of a stream and runs its finally", async () => {
    const { client, seen } = await serveForEver();
    const stream = callStream(client, Health.method.watch, {});
    stream.once("data", () => stream.cancel());
    const { error } = await collect(stream);
    expect(error?.code).toBe(status.CANCELLED);
    await until(() => seen.finished);
    expect(seen.context?.signal.reason).toMatchObject({ code: "CANCELLED" });
  });

  test("by its deadline aborts the signal", async () => {
    const { client, seen } = await serveForEver();
    const before = Date.now();
    const error = await rejection(callUnary(client, Health.method.check, {}, 300));
    expect(error.code).toBe(status.DEADLINE_EXCEEDED);
    await until(() => seen.finished);
    expect(seen.context?.signal.reason).toBeInstanceOf(StoreError);
    expect(seen.context?.deadlineMs).toBeGreaterThanOrEqual(before);
  });

  test("does not abort the signal if it was answered", async () => {
    let context: CallContext | undefined;
    const { client } = await serve({
      services: [
        health({
          async check(_, theContext) {
            context = theContext;
            return serving;
          },
        }),
      ],
    });
    await callUnary(client, Health.method.check, {});
    await callUnary(client, Health.method.check, {});
    expect(context?.signal.aborted).toBe(false);
  });
});

test.each([
  ["large", 64 * 1024],
  ["small", 16],
])("a client that does not read holds its stream back: %s responses", async (_, size) => {
  const total = Math.ceil((64 * 1024 * 1024) / size);
  let produced = 0;
  // One field that the client does not know, with `size` bytes in it.
  const message = new BinaryWriter().tag(15, WireType.LengthDelimited).bytes(Buffer.alloc(size));
  const bytes = message.finish();
  const { client } = await serve({
    services: [
      health({
        async *watch() {
          for (; produced < total; produced++) yield bytes;
        },
      }),
    ],
  });
  const stream = callStream(client, Health.method.watch, {});
  stream.on("error", () => {});
  // grpc-js's client takes everything until it is read from for the first time.
  stream.once("data", () => stream.pause());
  const stalledAt = await stalled(() => produced);
  expect(stalledAt).toBeGreaterThan(0);
  expect(stalledAt * size).toBeLessThan(4 * 1024 * 1024);

  // And it goes on as soon as the client does.
  let received = 0;
  stream.on("data", () => {
    received += 1;
    if (received > stalledAt + 10) stream.cancel();
  });
  stream.resume();
  await until(() => received > stalledAt);
  expect(produced).toBeGreaterThan(stalledAt);
});

test("requests of a stream reach the handler, and it may answer without reading them", async () => {
  const { client } = await serve({
    services: [
      implementService(ServerReflection, {
        async *serverReflectionInfo(requests) {
          for await (const { host } of requests) {
            yield create(ServerReflectionResponseSchema, { validHost: host });
            if (host === "enough") break;
          }
          yield create(ServerReflectionResponseSchema, { validHost: "bye" });
        },
      }),
    ],
  });
  for (const hosts of [
    ["a", "b"],
    ["a", "enough", "c"],
  ]) {
    const stream = openBidi(client, ServerReflection.method.serverReflectionInfo);
    const all = collect<ServerReflectionResponse>(stream);
    for (const host of hosts) {
      const request = create(ServerReflectionRequestSchema, { host });
      stream.write(Buffer.from(toBinary(ServerReflectionRequestSchema, request)));
    }
    if (!hosts.includes("enough")) stream.end();
    const { messages, error } = await all;
    expect(error).toBeUndefined();
    expect(messages.map(({ validHost }) => validHost)).toEqual([...hosts.slice(0, 2), "bye"]);
  }
});

test("an unknown method is UNIMPLEMENTED", async () => {
  const { client } = await serve({ services: [health({})] });
  const method = ServerReflection.method.serverReflectionInfo;
  const { error } = await collect(openBidi(client, method));
  expect(error?.code).toBe(status.UNIMPLEMENTED);
});

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve()));
}

/** The value at which a counter stays. */
async function stalled(count: () => number): Promise<number> {
  for (let last = -1; ; ) {
    const now = count();
    if (now === last && now > 0) return now;
    last = now;
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}
