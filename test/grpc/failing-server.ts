// A server whose handlers fail in every way there is; which one is named by the request.
// Run as a process of its own, since the point is whether that survives.

import { create } from "@bufbuild/protobuf";
import { ServerReflection } from "../../gen/grpc/reflection/v1/reflection_pb.ts";
import {
  Health,
  HealthCheckResponseSchema,
  HealthListRequestSchema,
} from "../../gen/health/v1/health_pb.ts";
import { StoreError } from "../../src/errors.ts";
import { startServer } from "../../src/grpc/server.ts";
import type { Handler, Response, Service } from "../../src/handlers/handler.ts";
import { DEFAULT_LIMITS } from "../../src/limits.ts";
import { createLog } from "../../src/observe/log.ts";
import { testTransport } from "../support/transport.ts";
import { SECRET, THROWN, type ThrownKind } from "./failures.ts";

const ok = create(HealthCheckResponseSchema, { status: 1 });

/** Fails at once, whatever it is called for. */
function fail(kind: string): never {
  throw THROWN[kind as ThrownKind]();
}

function later(run: () => void): void {
  setTimeout(run, 1);
}

// biome-ignore lint/suspicious/noExplicitAny: these handlers break their types on purpose.
const unary: Record<string, () => any> = {
  ok: async () => ok,
  "sync-throw": () => fail("error"),
  nothing: async () => undefined,
  null: async () => null,
  text: async () => SECRET,
  "not-a-promise": () => SECRET,
  "wrong-message": async () => create(HealthListRequestSchema),
  "cannot-encode": async () => ({ status: SECRET }),
  "late-throw": async () => {
    later(() => fail("error"));
    return ok;
  },
  "late-rejection": async () => {
    later(() => void Promise.reject(new Error(SECRET)));
    return ok;
  },
};

// biome-ignore lint/suspicious/noExplicitAny: these handlers break their types on purpose.
const streaming: Record<string, () => any> = {
  "sync-throw": () => fail("error"),
  nothing: () => undefined,
  "not-iterable": () => ({ [SECRET]: 1 }),
  "next-throws": () => iterator(() => fail("error")),
  "next-is-no-promise": () => iterator(() => SECRET),
  "next-is-nothing": () => iterator(async () => undefined),
  "wrong-message": () => messages([create(HealthListRequestSchema)]),
  "throws-later": () => messages([ok, ok], () => fail("error")),
  "return-throws": () =>
    iterator(
      async () => ({ done: false, value: SECRET }),
      () => fail("error"),
    ),
  "return-rejects": () =>
    iterator(
      async () => ({ done: false, value: SECRET }),
      async () => fail("error"),
    ),
};

function iterator(next: () => unknown, end?: () => unknown) {
  return { [Symbol.asyncIterator]: () => ({ next, return: end }) };
}

async function* messages(all: readonly Response[], finish?: () => void): AsyncIterable<Response> {
  yield* all;
  finish?.();
}

function stream(kind: string): AsyncIterable<Response> {
  return streaming[kind]?.() ?? messages([], () => fail(kind));
}

const implementations: Record<string, unknown> = {
  check: ({ service }: { service: string }) =>
    unary[service] ? unary[service]() : Promise.resolve().then(() => fail(service)),
  watch: ({ service }: { service: string }) => stream(service),
  list: async () => {
    throw new StoreError("INTERNAL", SECRET, { metadata: { secret: SECRET } });
  },
  async *serverReflectionInfo(requests: AsyncIterable<{ host: string }>) {
    for await (const { host } of requests) yield* stream(host);
  },
};

const services: Service[] = [Health, ServerReflection].map((desc) => ({
  desc,
  handlers: desc.methods.map((method) => ({
    kind: method.methodKind,
    method,
    implement: implementations[method.localName],
  })) as unknown as Handler[],
}));

const log = createLog();
const server = await startServer({
  errorDomain: "test.example.com",
  transport: testTransport(),
  services,
  address: "127.0.0.1:0",
  limits: DEFAULT_LIMITS,
  log,
});
process.stdout.write(`${server.port}\n`);
