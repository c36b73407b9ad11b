// What a server says of itself through server reflection v1: its services and the files of their
// descriptors. For programs that learn what a server is when they meet it.

import {
  create,
  createFileRegistry,
  type FileRegistry,
  fromBinary,
  toBinary,
} from "@bufbuild/protobuf";
import {
  type FileDescriptorProto,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
} from "@bufbuild/protobuf/wkt";
import {
  Client as Channel,
  type ClientDuplexStream,
  credentials,
  Metadata,
  type ServiceError,
} from "@grpc/grpc-js";
import {
  ServerReflection,
  type ServerReflectionRequest,
  ServerReflectionRequestSchema,
  type ServerReflectionResponse,
  ServerReflectionResponseSchema,
} from "../../gen/grpc/reflection/v1/reflection_pb.ts";
import { RpcError } from "./client.ts";

/** What a server serves. */
export interface Reflected {
  /** The full names of its services. */
  readonly services: readonly string[];
  /** The files that declare them, and all that these import. */
  readonly registry: FileRegistry;
}

type Stream = ClientDuplexStream<ServerReflectionRequest, ServerReflectionResponse>;
type Question = ServerReflectionRequest["messageRequest"];

const TIMEOUT_MS = 30_000;

/**
 * Asks the server at `host:port`, without encryption, what it serves.
 * @throws RpcError if it has no reflection or cannot be reached.
 */
export async function reflectServer(address: string): Promise<Reflected> {
  const channel = new Channel(address, credentials.createInsecure());
  try {
    const stream = openStream(channel);
    const answers = stream[Symbol.asyncIterator]();
    const ask = async (question: Question) => {
      stream.write(create(ServerReflectionRequestSchema, { messageRequest: question }));
      const { value } = (await answers.next()) as IteratorResult<
        ServerReflectionResponse,
        undefined
      >;
      if (!value) throw new Error(`${address}: the reflection stream ended early`);
      return value.messageResponse;
    };
    return await collect(ask);
  } catch (error) {
    throw isServiceError(error) ? new RpcError(error) : error;
  } finally {
    channel.close();
  }
}

function openStream(channel: Channel): Stream {
  const method = ServerReflection.method.serverReflectionInfo;
  const stream = channel.makeBidiStreamRequest(
    `/${method.parent.typeName}/${method.name}`,
    (request: ServerReflectionRequest) =>
      Buffer.from(toBinary(ServerReflectionRequestSchema, request)),
    (response: Buffer) => fromBinary(ServerReflectionResponseSchema, response),
    new Metadata(),
    { deadline: Date.now() + TIMEOUT_MS },
  );
  // Reading reports it too; without a listener it would end the process first.
  stream.on("error", () => {});
  return stream;
}

async function collect(
  ask: (question: Question) => Promise<ServerReflectionResponse["messageResponse"]>,
): Promise<Reflected> {
  const listed = await ask({ case: "listServices", value: "" });
  if (listed.case !== "listServicesResponse") throw refused(listed, "its services");
  const services = listed.value.service.map(({ name }) => name);
  const files = new Map<string, FileDescriptorProto>();
  const read = async (question: Question) => {
    const answer = await ask(question);
    if (answer.case !== "fileDescriptorResponse") throw refused(answer, String(question.value));
    for (const bytes of answer.value.fileDescriptorProto) {
      const file = fromBinary(FileDescriptorProtoSchema, bytes);
      files.set(file.name, file);
    }
  };
  for (const name of services) await read({ case: "fileContainingSymbol", value: name });
  // Some servers answer with the one file only. A map hands out what is added while it is walked.
  for (const file of files.values()) {
    for (const name of file.dependency) {
      if (!files.has(name)) await read({ case: "fileByFilename", value: name });
    }
  }
  const set = create(FileDescriptorSetSchema, { file: importsFirst(files) });
  return { services, registry: createFileRegistry(set) };
}

function importsFirst(files: ReadonlyMap<string, FileDescriptorProto>): FileDescriptorProto[] {
  const ordered = new Set<FileDescriptorProto>();
  const visit = (name: string) => {
    const file = files.get(name);
    if (!file || ordered.has(file)) return;
    for (const dependency of file.dependency) visit(dependency);
    ordered.add(file);
  };
  for (const name of files.keys()) visit(name);
  return [...ordered];
}

function refused(answer: ServerReflectionResponse["messageResponse"], what: string): Error {
  const reason = answer.case === "errorResponse" ? answer.value.errorMessage : "no such answer";
  return new Error(`reflection does not tell ${what}: ${reason}`);
}

function isServiceError(error: unknown): error is ServiceError {
  return error instanceof Error && "code" in error && "details" in error && "metadata" in error;
}
