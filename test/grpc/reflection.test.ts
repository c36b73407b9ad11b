// Reflection as a law over every descriptor: each symbol of each file is found, each import can be
// resolved, the bytes are the compiler's, and both versions answer the same.

import {
  create,
  type DescFile,
  type DescMessage,
  type DescMethodBiDiStreaming,
  fromBinary,
  type MessageInitShape,
  toBinary,
} from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import { status } from "@grpc/grpc-js";
import { describe, expect, test } from "vitest";
import { AlbumService } from "../../gen/chinook/v1/album_pb.ts";
import { ArtistService } from "../../gen/chinook/v1/artist_pb.ts";
import { CustomerService } from "../../gen/chinook/v1/customer_pb.ts";
import { EmployeeService } from "../../gen/chinook/v1/employee_pb.ts";
import { GenreService } from "../../gen/chinook/v1/genre_pb.ts";
import { InvoiceService } from "../../gen/chinook/v1/invoice_pb.ts";
import { MediaTypeService } from "../../gen/chinook/v1/media_type_pb.ts";
import { PlaylistService } from "../../gen/chinook/v1/playlist_pb.ts";
import { TrackService } from "../../gen/chinook/v1/track_pb.ts";
import {
  ServerReflection,
  type ServerReflectionRequestSchema,
  type ServerReflectionResponse,
  ServerReflectionResponseSchema,
} from "../../gen/grpc/reflection/v1/reflection_pb.ts";
import { ServerReflection as V1Alpha } from "../../gen/grpc/reflection/v1alpha/reflection_pb.ts";
import { Health } from "../../gen/health/v1/health_pb.ts";
import { DatabaseService } from "../../gen/protostore/v1/database_service_pb.ts";
import { StoreService } from "../../gen/protostore/v1/store_service_pb.ts";
import { reflectionServices } from "../../src/grpc/reflection.ts";
import { collect, openBidi, serve } from "./support.ts";

type Query = NonNullable<MessageInitShape<typeof ServerReflectionRequestSchema>["messageRequest"]>;
type Reply = ServerReflectionResponse["messageResponse"];

const services = [
  AlbumService,
  ArtistService,
  CustomerService,
  EmployeeService,
  GenreService,
  InvoiceService,
  MediaTypeService,
  PlaylistService,
  TrackService,
  Health,
  DatabaseService,
  StoreService,
];
const versions = [ServerReflection, V1Alpha];

const files = new Set<DescFile>([...services, ...versions].map(({ file }) => file));
for (const file of files) for (const imported of file.dependencies) files.add(imported);

/** Everything that is named in a file, found by way of the descriptors, and the file. */
const symbols = [...files].flatMap((file) => symbolsOf(file).map((symbol) => ({ symbol, file })));

/** Asks everything on one stream of `version`. */
async function ask(
  queries: readonly Query[],
  version = ServerReflection as typeof V1Alpha | typeof ServerReflection,
) {
  const { client, stop } = await serve({ services: reflectionServices(services) });
  const method: DescMethodBiDiStreaming = version.method.serverReflectionInfo;
  const stream = openBidi(client, method);
  const all = collect(stream);
  for (const messageRequest of queries) {
    const request = create(method.input, { host: "example.com", messageRequest });
    stream.write(Buffer.from(toBinary(method.input, request)));
  }
  stream.end();
  const { messages, error } = await all;
  expect(error).toBeUndefined();
  await stop();
  return messages.map((message) => {
    const bytes = toBinary(method.output, message as never);
    return { bytes, response: fromBinary(ServerReflectionResponseSchema, bytes) };
  });
}

async function askOne(query: Query): Promise<Reply> {
  const [answer] = await ask([query]);
  return answer?.response.messageResponse as Reply;
}

describe("every symbol", () => {
  test("of every kind is found, in the file that declares it and with all its imports", async () => {
    expect(symbols.length).toBeGreaterThan(1_000);
    const answers = await ask(
      symbols.map(({ symbol }) => ({ case: "fileContainingSymbol", value: symbol })),
    );
    expect(answers).toHaveLength(symbols.length);
    answers.forEach(({ response }, i) => {
      const { symbol, file } = symbols[i] as (typeof symbols)[0];
      expectFile(response.messageResponse, file, symbol);
    });
  });

  test("is no longer found with a letter more or less", async () => {
    const wrong = symbols.flatMap(({ symbol }) => [`${symbol}X`, `.${symbol}`, `x.${symbol}`]);
    const known = new Set(symbols.map(({ symbol }) => symbol));
    const queries = ["", ".", "chinook", "chinook.v1", ...wrong].filter((it) => !known.has(it));
    const answers = await ask(queries.map((value) => ({ case: "fileContainingSymbol", value })));
    answers.forEach(({ response }, i) => {
      expectNotFound(response.messageResponse, queries[i] as string);
    });
  });
});

test("every file is found by its name, with the compiler's bytes", async () => {
  const all = [...files];
  const answers = await ask(
    all.map(({ proto }) => ({ case: "fileByFilename", value: proto.name })),
  );
  answers.forEach(({ response }, i) => {
    const file = all[i] as DescFile;
    expectFile(response.messageResponse, file, file.name);
  });
  expectNotFound(await askOne({ case: "fileByFilename", value: "no/such.proto" }), "no/such.proto");
});

test("custom options are still in the bytes", async () => {
  const reply = await askOne({ case: "fileContainingSymbol", value: "chinook.v1.Customer" });
  const [bytes] = filesOf(reply);
  const file = fromBinary(FileDescriptorProtoSchema, bytes as Uint8Array);
  const customer = file.messageType.find(({ name }) => name === "Customer");
  // google.api.resource and protostore.v1.table.
  expect(customer?.options?.$unknown?.map(({ no }) => no).sort()).toEqual([1053, 50501]);
});

test("every extension is found by its number, and the numbers by the message", async () => {
  const extensions = [...files].flatMap((file) =>
    file.extensions.map((extension) => ({ file, extension })),
  );
  expect(extensions.length).toBeGreaterThan(5);
  const answers = await ask(
    extensions.map(({ extension }) => ({
      case: "fileContainingExtension",
      value: {
        containingType: extension.extendee.typeName,
        extensionNumber: extension.number,
      },
    })),
  );
  answers.forEach(({ response }, i) => {
    const { file, extension } = extensions[i] as (typeof extensions)[0];
    expectFile(response.messageResponse, file, extension.typeName);
  });
  const extended = new Set(extensions.map(({ extension }) => extension.extendee.typeName));
  for (const extendee of extended) {
    const reply = await askOne({ case: "allExtensionNumbersOfType", value: extendee });
    const expected = extensions
      .filter(({ extension }) => extension.extendee.typeName === extendee)
      .map(({ extension }) => extension.number);
    expect(reply.value).toMatchObject({
      baseTypeName: extendee,
      extensionNumber: expected.sort((a, b) => a - b),
    });
  }
});

test("a message without extensions has none; what is no message is not found", async () => {
  const none = await askOne({ case: "allExtensionNumbersOfType", value: "chinook.v1.Customer" });
  expect(none).toMatchObject({
    case: "allExtensionNumbersResponse",
    value: { extensionNumber: [] },
  });
  for (const value of ["no.Such", "chinook.v1.CustomerService", "chinook.v1.Customer.name"]) {
    expectNotFound(await askOne({ case: "allExtensionNumbersOfType", value }), value);
  }
  const value = { containingType: "google.protobuf.FieldOptions", extensionNumber: 1 };
  expectNotFound(await askOne({ case: "fileContainingExtension", value }), "extension 1");
});

test("all services are listed, these two included", async () => {
  const reply = await askOne({ case: "listServices", value: "*" });
  if (reply.case !== "listServicesResponse") throw new Error(`unexpected ${reply.case}`);
  expect(reply.value.service.map(({ name }) => name)).toEqual(
    [...services, ...versions].map(({ typeName }) => typeName).sort(),
  );
});

test("what errors carry is known, though no service imports it", async () => {
  const reply = await askOne({ case: "fileContainingSymbol", value: "google.rpc.ErrorInfo" });
  expect(reply.case).toBe("fileDescriptorResponse");
});

test("an answer repeats its question and the host; no question is an error", async () => {
  const messageRequest: Query = { case: "fileByFilename", value: "no/such.proto" };
  const [{ response } = {}, empty] = await ask([messageRequest, { case: undefined }]);
  expect(response?.validHost).toBe("example.com");
  expect(response?.originalRequest).toMatchObject({ host: "example.com", messageRequest });
  expect(empty?.response.messageResponse).toMatchObject({
    case: "errorResponse",
    value: { errorCode: status.INVALID_ARGUMENT },
  });
});

test("both versions answer the same bytes", async () => {
  const queries: Query[] = [
    ...symbols.map(({ symbol: value }): Query => ({ case: "fileContainingSymbol", value })),
    ...[...files].map(({ proto }): Query => ({ case: "fileByFilename", value: proto.name })),
    { case: "listServices", value: "" },
    { case: "allExtensionNumbersOfType", value: "google.protobuf.FieldOptions" },
    { case: "allExtensionNumbersOfType", value: "no.Such" },
    {
      case: "fileContainingExtension",
      value: { containingType: "google.protobuf.FieldOptions", extensionNumber: 50501 },
    },
    { case: undefined },
  ];
  const [v1, v1alpha] = [await ask(queries, ServerReflection), await ask(queries, V1Alpha)];
  expect(v1.length).toBe(queries.length);
  v1.forEach(({ bytes }, i) => {
    expect(Buffer.compare(bytes, v1alpha[i]?.bytes ?? Buffer.alloc(0))).toBe(0);
  });
});

/** `reply` must be `file`, then all that it imports, each with the descriptor's own bytes. */
function expectFile(reply: Reply, file: DescFile, asked: string): void {
  const sent = new Map(
    filesOf(reply).map((bytes) => [fromBinary(FileDescriptorProtoSchema, bytes).name, bytes]),
  );
  expect([...sent.keys()][0], asked).toBe(file.proto.name);
  for (const [name, bytes] of sent) {
    const known = [...files].find(({ proto }) => proto.name === name) as DescFile;
    const expected = toBinary(FileDescriptorProtoSchema, known.proto);
    if (Buffer.compare(bytes, expected) !== 0) throw new Error(`${name} has other bytes`);
    for (const imported of known.proto.dependency) {
      if (!sent.has(imported)) throw new Error(`${asked}: ${imported} is imported and missing`);
    }
  }
}

function expectNotFound(reply: Reply, asked: string): void {
  expect(reply, asked).toMatchObject({
    case: "errorResponse",
    value: { errorCode: status.NOT_FOUND },
  });
}

function filesOf(reply: Reply): Uint8Array[] {
  if (reply.case !== "fileDescriptorResponse") throw new Error(`${JSON.stringify(reply.value)}`);
  return reply.value.fileDescriptorProto;
}

function symbolsOf(file: DescFile): string[] {
  const inMessage = (message: DescMessage): string[] => [
    message.typeName,
    ...message.fields.map(({ name }) => `${message.typeName}.${name}`),
    ...message.oneofs.map(({ name }) => `${message.typeName}.${name}`),
    ...message.nestedMessages.flatMap(inMessage),
    ...inEnums(message.nestedEnums),
    ...message.nestedExtensions.map(({ typeName }) => typeName),
  ];
  const inEnums = (enums: DescFile["enums"]) =>
    enums.flatMap(({ typeName, values }) => [
      typeName,
      ...values.map(({ name }) => typeName.replace(/[^.]+$/, name)),
    ]);
  return [
    ...file.messages.flatMap(inMessage),
    ...inEnums(file.enums),
    ...file.extensions.map(({ typeName }) => typeName),
    ...file.services.flatMap(({ typeName, methods }) => [
      typeName,
      ...methods.map(({ name }) => `${typeName}.${name}`),
    ]),
  ];
}
