// Export and Import as a client of grpc-js makes them, and what is exported and imported. A call that
// fails rejects with RpcError.

import { create, type DescMessage, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import { type Any, AnySchema } from "@bufbuild/protobuf/wkt";
import type { Client, ClientWritableStream, Metadata, ServiceError } from "@grpc/grpc-js";
import { ArtistSchema, ArtistService } from "../../gen/chinook/v1/artist_pb.ts";
import {
  type ExportRequestSchema,
  type ExportResponse,
  type ImportRequestSchema,
  type ImportResponse,
  StoreService,
} from "../../gen/protostore/v1/store_service_pb.ts";
import { RpcError } from "../../src/client/client.ts";
import { callStream, collect, connect, openClientStream } from "../grpc/support.ts";
import { startTestService, type TestService, type TestServiceOptions } from "../support/service.ts";

type ExportInit = MessageInitShape<typeof ExportRequestSchema>;
type ImportInit = MessageInitShape<typeof ImportRequestSchema>;

const { export: exportMethod, import: importMethod } = StoreService.method;

/** The type of a resource of Chinook, for example of a `Track`. */
export function chinookType(name: string): string {
  return `chinook.example.com/${name}`;
}

/** All responses of an Export. */
export async function exportPages(client: Client, request: ExportInit): Promise<ExportResponse[]> {
  const stream = callStream(client, exportMethod, request);
  const { messages, error } = await collect<ExportResponse>(stream);
  if (error) throw new RpcError(error);
  return messages;
}

/** All resources of an Export. */
export async function exportAll(client: Client, request: ExportInit): Promise<Any[]> {
  return (await exportPages(client, request)).flatMap(({ resources }) => resources);
}

/** The first `count` responses of an Export, which is then cancelled. */
export function exportSome(
  client: Client,
  request: ExportInit,
  count: number,
): Promise<ExportResponse[]> {
  return new Promise((resolve) => {
    const pages: ExportResponse[] = [];
    const stream = callStream(client, exportMethod, request);
    stream.on("error", () => resolve(pages));
    stream.on("data", (page: ExportResponse) => {
      if (pages.length < count) pages.push(page);
      if (pages.length === count) stream.cancel();
    });
  });
}

/** An Import that is going on. */
export interface OpenImport {
  readonly stream: ClientWritableStream<Buffer>;
  send(request: ImportInit): void;
  readonly answer: Promise<ImportResponse>;
  readonly headers: Promise<Metadata>;
}

/** Opens an Import. */
export function openImport(client: Client, deadlineMs = 60_000): OpenImport {
  const { stream, answer } = openClientStream(client, importMethod, deadlineMs);
  const failing = answer.catch((error: ServiceError) => Promise.reject(new RpcError(error)));
  failing.catch(() => {});
  return {
    stream,
    send: (request) => {
      stream.write(Buffer.from(toBinary(importMethod.input, create(importMethod.input, request))));
    },
    answer: failing,
    headers: new Promise((resolve) => stream.on("metadata", resolve)),
  };
}

/** Imports the resources of each request. */
export function importAll(
  client: Client,
  ...requests: readonly (readonly Any[])[]
): Promise<ImportResponse> {
  const { stream, send, answer } = openImport(client);
  for (const resources of requests) send({ resources: [...resources] });
  stream.end();
  return answer;
}

/** A service with a client of its own; both end with the test. */
export async function startStoreService(
  options: TestServiceOptions = {},
): Promise<TestService & { client: Client }> {
  const service = await startTestService(options);
  return { ...service, client: connect(service.address) };
}

/** The message that `create` makes of `init`, in an Any. */
export function pack<D extends DescMessage>(desc: D, init: MessageInitShape<D>): Any {
  const value = toBinary(desc, create(desc, init));
  return create(AnySchema, { typeUrl: `type.googleapis.com/${desc.typeName}`, value });
}

/** An artist, in an Any. */
export function artist(displayName: string, name = ""): Any {
  return pack(ArtistSchema, { displayName, name });
}

/** What the artists of a service are called, in the order of their ids. */
export async function artistNames(service: Pick<TestService, "connection">): Promise<string[]> {
  const { artists } = await service.connection
    .service(ArtistService)
    .listArtists({ pageSize: 999 });
  return artists.map(({ displayName }) => displayName);
}
