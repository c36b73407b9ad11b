// Starts real servers on free ports and calls them with a real client.
// Knows no particular service.

import {
  create,
  type DescMessage,
  type DescMethod,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import {
  Client,
  type ClientReadableStream,
  type ClientWritableStream,
  credentials,
  Metadata,
  type ServiceError,
} from "@grpc/grpc-js";
import pino from "pino";
import { onTestFinished } from "vitest";
import {
  BadRequestSchema,
  ErrorInfoSchema,
  PreconditionFailureSchema,
  ResourceInfoSchema,
  RetryInfoSchema,
} from "../../gen/google/rpc/error_details_pb.ts";
import { StatusSchema } from "../../gen/google/rpc/status_pb.ts";
import { methodPath } from "../../src/grpc/answer.ts";
import { STATUS_DETAILS_KEY } from "../../src/grpc/error-status.ts";
import { type RunningServer, type ServerConfig, startServer } from "../../src/grpc/server.ts";
import { DEFAULT_LIMITS, type Limits } from "../../src/limits.ts";
import type { Log } from "../../src/observe/log.ts";
import { testTransport } from "../support/transport.ts";

/** A log that is kept in memory. */
export function memoryLog(): { log: Log; lines: string[] } {
  const lines: string[] = [];
  return { log: pino({ level: "debug" }, { write: (line) => lines.push(line) }), lines };
}

/** What a test may choose of a server. */
export type TestServerConfig = Partial<Omit<ServerConfig, "limits">> & { limits?: Partial<Limits> };

/** A server with a client for it; both end with the test. */
export async function serve(
  config: TestServerConfig,
): Promise<RunningServer & { address: string; client: Client }> {
  const server = await startServer({
    services: [],
    errorDomain: "test.example.com",
    address: "127.0.0.1:0",
    log: pino({ level: "silent" }),
    transport: testTransport(),
    ...config,
    limits: { ...DEFAULT_LIMITS, shutdownTimeoutMs: 500, ...config.limits },
  });
  const address = `127.0.0.1:${server.port}`;
  const client = connect(address);
  onTestFinished(() => server.stop());
  return { ...server, address, client };
}

/** A client that is closed at the end of the test. */
export function connect(address: string): Client {
  // A channel of its own: one that is shared would carry a broken connection into the next test.
  const client = new Client(address, credentials.createInsecure(), {
    "grpc.use_local_subchannel_pool": 1,
  });
  onTestFinished(() => client.close());
  return client;
}

/** The answer to a unary call. */
export interface Answer<T> {
  readonly response: T;
  readonly headers: Metadata;
}

/** Makes a unary call; rejects with grpc-js's ServiceError. `request` may be bytes as they are. */
export function callUnary<I extends DescMessage, O extends DescMessage>(
  client: Client,
  method: DescMethod & { input: I; output: O },
  request: MessageInitShape<I> | Uint8Array,
  deadlineMs = 20_000,
  sent = new Metadata(),
): Promise<Answer<MessageShape<O>>> {
  return new Promise((resolve, reject) => {
    let headers: Metadata;
    client
      .makeUnaryRequest(
        methodPath(method),
        asIs,
        (bytes) => fromBinary(method.output, bytes),
        encode(method.input, request),
        sent,
        { deadline: Date.now() + deadlineMs },
        (error, response) =>
          response ? resolve({ response, headers }) : reject(error ?? new Error("no response")),
      )
      .on("metadata", (metadata) => {
        headers = metadata;
      });
  });
}

/** Makes a server-streaming call. */
export function callStream<I extends DescMessage, O extends DescMessage>(
  client: Client,
  method: DescMethod & { input: I; output: O },
  request: MessageInitShape<I> | Uint8Array,
): ClientReadableStream<MessageShape<O>> {
  return client.makeServerStreamRequest(
    methodPath(method),
    asIs,
    (bytes) => fromBinary(method.output, bytes),
    encode(method.input, request),
  );
}

/** Opens a stream of bytes in, and the one answer to it. */
export function openClientStream<O extends DescMessage>(
  client: Client,
  method: DescMethod & { output: O },
  deadlineMs = 20_000,
): { stream: ClientWritableStream<Buffer>; answer: Promise<MessageShape<O>> } {
  let stream: ClientWritableStream<Buffer> | undefined;
  const answer = new Promise<MessageShape<O>>((resolve, reject) => {
    stream = client.makeClientStreamRequest<Buffer, MessageShape<O>>(
      methodPath(method),
      asIs,
      (bytes) => fromBinary(method.output, bytes),
      { deadline: Date.now() + deadlineMs },
      (error, response) =>
        response ? resolve(response) : reject(error ?? new Error("no response")),
    );
  });
  // A server that answers early ends the stream under the hands of who still writes.
  stream?.on("error", () => {});
  answer.catch(() => {});
  return { stream: stream as ClientWritableStream<Buffer>, answer };
}

/** Opens a bidirectional stream of bytes in and messages out. */
export function openBidi<O extends DescMessage>(
  client: Client,
  method: DescMethod & { output: O },
) {
  return client.makeBidiStreamRequest<Buffer, MessageShape<O>>(methodPath(method), asIs, (bytes) =>
    fromBinary(method.output, bytes),
  );
}

/** Everything a stream answers, and the error that it ends with if it does not end well. */
export function collect<T>(
  stream: NodeJS.ReadableStream,
): Promise<{ messages: T[]; error: ServiceError | undefined }> {
  return new Promise((resolve) => {
    const messages: T[] = [];
    stream.on("data", (message) => messages.push(message));
    stream.on("error", (error) => resolve({ messages, error: error as ServiceError }));
    stream.on("end", () => resolve({ messages, error: undefined }));
  });
}

/** The error of a promise that must reject. */
export function rejection(promise: Promise<unknown>): Promise<ServiceError> {
  return promise.then(
    () => Promise.reject(new Error("the call should have failed")),
    (error) => error,
  );
}

/** `google.rpc.Status` of an error, as it came or is to be sent, and its details unpacked. */
export function statusOf(error: { metadata: Metadata } | { details: Uint8Array }) {
  const [bytes] =
    "metadata" in error ? error.metadata.get(STATUS_DETAILS_KEY) : [Buffer.from(error.details)];
  const status = fromBinary(StatusSchema, bytes as Buffer);
  const find = <S extends DescMessage>(schema: S): MessageShape<S> | undefined => {
    const found = status.details.map((any) => anyUnpack(any, schema)).filter((it) => !!it);
    if (found.length > 1) throw new Error(`${schema.typeName} is there twice`);
    return found[0];
  };
  return {
    status,
    errorInfo: find(ErrorInfoSchema),
    badRequest: find(BadRequestSchema),
    preconditionFailure: find(PreconditionFailureSchema),
    resourceInfo: find(ResourceInfoSchema),
    retryInfo: find(RetryInfoSchema),
  };
}

/** Resolves as soon as `condition` holds; the test's timeout ends a wait that does not. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

function encode<I extends DescMessage>(
  schema: I,
  request: MessageInitShape<I> | Uint8Array,
): Buffer {
  if (request instanceof Uint8Array) return Buffer.from(request);
  return Buffer.from(toBinary(schema, create(schema, request)));
}

function asIs(bytes: Buffer): Buffer {
  return bytes;
}
