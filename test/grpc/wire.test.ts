// What is our own transport's alone: how messages come, compressed or in parts, what is refused and how, and the
// times of a connection. What any transport must do is in the other files, which run on it too.

import { once } from "node:events";
import { type ClientHttp2Session, connect, type OutgoingHttpHeaders } from "node:http2";
import { deflateSync, gzipSync } from "node:zlib";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { status } from "@grpc/grpc-js";
import fc from "fast-check";
import { describe, expect, onTestFinished, test } from "vitest";
import { ErrorInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import { StatusSchema } from "../../gen/google/rpc/status_pb.ts";
import {
  ServerReflection,
  ServerReflectionRequestSchema,
  ServerReflectionResponseSchema,
} from "../../gen/grpc/reflection/v1/reflection_pb.ts";
import {
  Health,
  HealthCheckRequestSchema,
  HealthCheckResponseSchema,
} from "../../gen/health/v1/health_pb.ts";
import { type CallContext, implementService } from "../../src/handlers/handler.ts";
import { connectRaw } from "../http2/raw-client.ts";
import { serve, type TestServerConfig, until } from "./support.ts";

const serving = create(HealthCheckResponseSchema, { status: 1 });

/** A server that has seen these names of services, in Check and in a stream. */
async function serveWire(
  limits: TestServerConfig["limits"] = {},
  answer: (context: CallContext) => Promise<Uint8Array> | undefined = () => undefined,
) {
  const seen: string[] = [];
  const health = implementService(Health, {
    async check({ service }, context) {
      seen.push(service);
      return (await answer(context)) ?? serving;
    },
    async *watch() {},
    list: async () => new Uint8Array(),
  });
  const reflection = implementService(ServerReflection, {
    async *serverReflectionInfo(requests) {
      for await (const { host } of requests) {
        seen.push(host);
        yield create(ServerReflectionResponseSchema);
      }
    },
  });
  const server = await serve({ services: [health, reflection], transport: "wire", limits });
  const session = connect(`http://${server.address}`);
  session.on("error", () => {});
  onTestFinished(() => session.destroy());
  return { ...server, session, seen };
}

const check = (service: string) =>
  Buffer.from(toBinary(HealthCheckRequestSchema, create(HealthCheckRequestSchema, { service })));

function framed(message: Uint8Array, isCompressed = false): Buffer {
  const prefix = Buffer.alloc(5);
  prefix[0] = isCompressed ? 1 : 0;
  prefix.writeUInt32BE(message.length, 1);
  return Buffer.concat([prefix, message]);
}

const CHECK = "/grpc.health.v1.Health/Check";
const INFO = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";

/** What a call ended with. */
interface Ending {
  readonly httpStatus: unknown;
  readonly code: number;
  readonly reason: string | undefined;
  readonly fields: Record<string, unknown>;
}

/** Makes a call of these parts, each a frame of its own; it is left open if `isOpen`. */
async function call(
  session: ClientHttp2Session,
  parts: readonly Buffer[],
  headers: OutgoingHttpHeaders = {},
  isOpen = false,
): Promise<Ending> {
  const stream = session.request({
    ":method": "POST",
    ":path": CHECK,
    "content-type": "application/grpc",
    te: "trailers",
    ...headers,
  });
  stream.on("error", () => {}).resume();
  let fields: Record<string, unknown> = {};
  const take = (more: Record<string, unknown>) => {
    fields = { ...fields, ...more };
  };
  stream.on("response", take).on("trailers", take);
  for (const part of parts) stream.write(part);
  if (!isOpen) stream.end();
  await once(stream, "close");
  const bytes = fields["grpc-status-details-bin"];
  const details =
    typeof bytes === "string" ? fromBinary(StatusSchema, Buffer.from(bytes, "base64")).details : [];
  const info = details.find(({ typeUrl }) => typeUrl.endsWith("/google.rpc.ErrorInfo"));
  return {
    httpStatus: fields[":status"],
    code: Number(fields["grpc-status"]),
    reason: info && fromBinary(ErrorInfoSchema, info.value).reason,
    fields,
  };
}

describe("messages", () => {
  test("come in parts of any sizes, in a call of one and in a stream of them", async () => {
    const { session, seen } = await serveWire();
    const names = fc.array(fc.string({ unit: "binary-ascii", maxLength: 40 }), {
      minLength: 1,
      maxLength: 5,
    });
    const cuts = fc.array(fc.nat({ max: 200 }), { maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(names, cuts, async (hosts, at) => {
        seen.length = 0;
        const first = hosts[0] as string;
        const one = await call(session, cut(framed(check(first)), at));
        expect([one.code, seen.splice(0)]).toEqual([status.OK, [first]]);
        const all = hosts.map((host) =>
          framed(
            toBinary(
              ServerReflectionRequestSchema,
              create(ServerReflectionRequestSchema, { host }),
            ),
          ),
        );
        const many = await call(session, cut(Buffer.concat(all), at), { ":path": INFO });
        expect([many.code, seen]).toEqual([status.OK, hosts]);
      }),
      { numRuns: 60 },
    );
  });

  function cut(bytes: Buffer, at: readonly number[]): Buffer[] {
    const ends = [...at.map((each) => each % bytes.length), bytes.length].sort((a, b) => a - b);
    return ends.map((end, index) => bytes.subarray(ends[index - 1] ?? 0, end));
  }

  test.each([
    ["gzip", gzipSync],
    ["deflate", deflateSync],
  ])(
    "are taken compressed by %s, and are no larger than they may be",
    async (encoding, compress) => {
      const { session, seen } = await serveWire({ receiveMessageBytes: 1_000 });
      const headers = { "grpc-encoding": encoding };
      const send = (service: string) =>
        call(session, [framed(compress(check(service)), true)], headers);
      expect((await send("a")).code).toBe(status.OK);
      // One that is not compressed is taken all the same.
      expect((await call(session, [framed(check("b"))], headers)).code).toBe(status.OK);
      expect(await send("x".repeat(50_000))).toMatchObject({
        code: status.RESOURCE_EXHAUSTED,
        reason: "REQUEST_TOO_LARGE",
      });
      expect(await call(session, [framed(Buffer.from("no"), true)], headers)).toMatchObject({
        code: status.INVALID_ARGUMENT,
        reason: "INVALID_FIELD",
      });
      const host = Buffer.from(
        toBinary(
          ServerReflectionRequestSchema,
          create(ServerReflectionRequestSchema, { host: "c" }),
        ),
      );
      const parts = [framed(compress(host), true)];
      expect((await call(session, parts, { ...headers, ":path": INFO })).code).toBe(status.OK);
      expect(seen).toEqual(["a", "b", "c"]);
    },
  );
});

describe("what is no call is refused", () => {
  const whole = [framed(check("a"))];
  test.each<[string, Buffer[], OutgoingHttpHeaders, Partial<Ending>]>([
    ["another method", whole, { ":method": "PUT" }, { httpStatus: 405 }],
    ["another type", whole, { "content-type": "application/json" }, { httpStatus: 415 }],
    ["gRPC of the web", whole, { "content-type": "application/grpc-web" }, { httpStatus: 415 }],
    ["another path", whole, { ":path": "/no.Service/No" }, { code: 12, reason: "NOT_SUPPORTED" }],
    ["a timeout that is none", whole, { "grpc-timeout": "1" }, { code: 13, reason: "INTERNAL" }],
    [
      "another compression",
      whole,
      { "grpc-encoding": "br" },
      { code: 12, reason: "NOT_SUPPORTED" },
    ],
    ["no request", [], {}, { code: 12, reason: "NOT_SUPPORTED" }],
    ["two requests", [...whole, ...whole], {}, { code: 12, reason: "NOT_SUPPORTED" }],
    ["half of one", [Buffer.alloc(3)], {}, { code: 3, reason: "INVALID_FIELD" }],
    ["one that lacks its end", [Buffer.of(0, 0, 0, 0, 9, 1)], {}, { code: 3 }],
    ["one that is not framed", [Buffer.of(7, 0, 0, 0, 0)], {}, { code: 3 }],
    ["one compressed as is not said", [framed(gzipSync("a"), true)], {}, { code: 3 }],
  ])("%s", async (_, parts, headers, ending) => {
    const { session, seen } = await serveWire();
    expect(await call(session, parts, headers)).toMatchObject(ending);
    expect(seen).toEqual([]);
    expect((await call(session, whole)).code).toBe(status.OK);
  });

  test("and what compressions there are is told who has used another", async () => {
    const { session } = await serveWire();
    const { fields } = await call(session, whole, { "grpc-encoding": "br" });
    expect(fields["grpc-accept-encoding"]).toBe("identity,gzip,deflate");
  });

  test("a request that is too large, before it has come", async () => {
    const { session } = await serveWire({ receiveMessageBytes: 1_000 });
    const begun = framed(check("x".repeat(1_100))).subarray(0, 20);
    expect(await call(session, [begun], {}, true)).toMatchObject({
      code: status.RESOURCE_EXHAUSTED,
      reason: "REQUEST_TOO_LARGE",
    });
  });
});

test("metadata comes as it was sent, bytes too, several of one name in one", async () => {
  const contexts: CallContext[] = [];
  const { session } = await serveWire({}, (context) => {
    contexts.push(context);
    return undefined;
  });
  const bytes = Buffer.from([0, 255, 7]);
  const headers = {
    tenant: ["a", "b"],
    "trace-bin": [bytes.toString("base64"), bytes.toString("base64").replace(/=+$/, "")],
  };
  await call(session, [framed(check("a"))], headers);
  expect(contexts[0]?.metadata("tenant")).toEqual(["a, b"]);
  expect(contexts[0]?.metadata("trace-bin")).toEqual([bytes, bytes]);
  expect(contexts[0]?.metadata("none")).toEqual([]);
});

test("requests that have come in part take no more memory than they may together", async () => {
  const { session, refusals } = await serveWire({ unreadRequestBytes: 100_000 });
  const part = framed(Buffer.alloc(60_000)).subarray(0, 50_000);
  const first = call(session, [part], {}, true);
  const second = await call(session, [part, part], {}, true);
  expect(second).toMatchObject({ code: status.RESOURCE_EXHAUSTED, reason: "OVERLOADED" });
  expect(refusals.get("unreadRequestBytes")).toBe(1);
  session.destroy();
  await first;
});

describe("a connection", () => {
  test("that does not say that it is there is cut off", async () => {
    const server = await serveWire({ keepaliveTimeMs: 100, keepaliveTimeoutMs: 100 });
    const client = await connectRaw(server.port);
    await client.until(({ type, flags }) => type === 6 && flags === 0);
    await client.closed();
    // One that answers stays.
    expect((await call(server.session, [framed(check("a"))])).code).toBe(status.OK);
  });

  test.each(["connectionIdleMs", "connectionAgeMs"] as const)(
    "is asked to go by %s, and what it calls for until then is answered",
    async (limit) => {
      const server = await serveWire({ [limit]: 200 });
      const [code, lastStream] = (await once(server.session, "goaway")) as [number, number];
      expect([code, lastStream]).toEqual([0, 2 ** 31 - 1]);
      await once(server.session, "close");
    },
  );

  test("that is asked to go loses none of its calls, nor one that is on its way", async () => {
    let answer = () => {};
    const server = await serveWire({ shutdownTimeoutMs: 10_000 }, async () => {
      await new Promise<void>((resolve) => {
        answer = resolve;
      });
      return toBinary(HealthCheckResponseSchema, serving);
    });
    const first = call(server.session, [framed(check("first"))]);
    await until(() => server.seen.length === 1);
    const stopped = server.stop();
    // It has not heard of it yet.
    const second = call(server.session, [framed(check("second"))]);
    answer();
    await until(() => server.seen.length === 2);
    answer();
    expect((await Promise.all([first, second])).map(({ code }) => code)).toEqual([0, 0]);
    await stopped;
  });
});
