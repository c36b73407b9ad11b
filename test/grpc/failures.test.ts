// Handlers that fail in every way: the process lives, the client gets INTERNAL and an id, the log
// gets the rest.

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { create, toBinary } from "@bufbuild/protobuf";
import { Client, credentials, type ServiceError, status } from "@grpc/grpc-js";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  ServerReflection,
  ServerReflectionRequestSchema,
} from "../../gen/grpc/reflection/v1/reflection_pb.ts";
import { Health } from "../../gen/health/v1/health_pb.ts";
import { SECRET, THROWN } from "./failures.ts";
import { callStream, callUnary, collect, openBidi, rejection, statusOf, until } from "./support.ts";

const CALLS = 1_000;
const kinds = Object.keys(THROWN);
const UNARY = [
  ...kinds,
  "sync-throw",
  "nothing",
  "null",
  "text",
  "not-a-promise",
  "wrong-message",
  "cannot-encode",
];
const STREAM = [
  ...kinds,
  "sync-throw",
  "not-iterable",
  "next-throws",
  "next-is-no-promise",
  "next-is-nothing",
  "wrong-message",
  "throws-later",
  "return-throws",
  "return-rejects",
];

let child: ChildProcess;
let client: Client;
let logged = "";

beforeAll(async () => {
  const program = fileURLToPath(new URL("failing-server.ts", import.meta.url));
  child = spawn(process.execPath, [program], { stdio: ["ignore", "pipe", "pipe"] });
  child.stderr?.on("data", (chunk) => {
    logged += chunk;
  });
  const [port] = await once(child.stdout as NodeJS.ReadableStream, "data");
  client = new Client(`127.0.0.1:${Number(port)}`, credentials.createInsecure());
});

afterAll(() => {
  client.close();
  child.kill();
});

function failing(call: number): Promise<ServiceError | undefined> {
  const service = UNARY[call % UNARY.length] as string;
  const host = STREAM[call % STREAM.length] as string;
  switch (call % 3) {
    case 0:
      return rejection(callUnary(client, Health.method.check, { service }));
    case 1:
      return collect(callStream(client, Health.method.watch, { service: host })).then(
        ({ error }) => error,
      );
    default: {
      const method = ServerReflection.method.serverReflectionInfo;
      const stream = openBidi(client, method);
      const request = create(ServerReflectionRequestSchema, { host });
      stream.write(Buffer.from(toBinary(ServerReflectionRequestSchema, request)));
      return collect(stream).then(({ error }) => error);
    }
  }
}

test(`${CALLS} failing handlers leave the process alive and tell nothing`, async () => {
  const ids = new Set<string>();
  for (let first = 0; first < CALLS; first += 50) {
    const errors = await Promise.all(Array.from({ length: 50 }, (_, i) => failing(first + i)));
    for (const error of errors) {
      expect(error?.code).toBe(status.INTERNAL);
      expect(error?.details).toBe("internal error");
      const { errorInfo } = statusOf(error as ServiceError);
      expect(errorInfo?.reason).toBe("INTERNAL");
      ids.add(errorInfo?.metadata.error_id as string);
      expect(tellsSecret(error as ServiceError)).toBe(false);
    }
  }
  expect(ids.size).toBe(CALLS);
  expect(child.exitCode).toBeNull();
  // Each was caught where it was thrown; the log has it all.
  expect(logged).not.toMatch(/unhandledRejection|uncaughtException/);
  expect(logged).toContain(SECRET);
  await until(() => [...ids].every((id) => logged.includes(id)));
});

test("a StoreError INTERNAL keeps its text and metadata to itself", async () => {
  const error = await rejection(callUnary(client, Health.method.list, {}));
  expect(error.details).toBe("internal error");
  expect(tellsSecret(error)).toBe(false);
});

test("what is thrown after the answer is logged, and the next call is answered", async () => {
  for (const service of ["late-throw", "late-rejection"]) {
    const { response } = await callUnary(client, Health.method.check, { service });
    expect(response.status).toBe(1);
  }
  await until(() => /uncaughtException/.test(logged) && /unhandledRejection/.test(logged));
  const { response } = await callUnary(client, Health.method.check, { service: "ok" });
  expect(response.status).toBe(1);
  expect(child.exitCode).toBeNull();
});

function tellsSecret(error: ServiceError): boolean {
  const { status: details } = statusOf(error);
  const bytes = details.details.map(({ value }) => Buffer.from(value).toString("latin1"));
  const sent = [error.message, details.message, JSON.stringify(error.metadata.toJSON()), ...bytes];
  return sent.some((text) => text.includes("secret") || text.includes("UNIQUE"));
}
