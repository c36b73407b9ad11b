// Server reflection, v1 and v1alpha: one implementation, as the two differ in their names only.
// Must not know which services exist; it is given them.

import {
  create,
  type DescMethodBiDiStreaming,
  type DescService,
  type Message,
  type MessageInitShape,
} from "@bufbuild/protobuf";
import { status } from "@grpc/grpc-js";
import { file_google_rpc_error_details } from "../../gen/google/rpc/error_details_pb.ts";
import { file_google_rpc_status } from "../../gen/google/rpc/status_pb.ts";
import {
  ServerReflection,
  type ServerReflectionRequest,
  type ServerReflectionResponseSchema,
} from "../../gen/grpc/reflection/v1/reflection_pb.ts";
import { ServerReflection as ServerReflectionV1Alpha } from "../../gen/grpc/reflection/v1alpha/reflection_pb.ts";
import type { Service } from "../handlers/handler.ts";
import { type DescriptorIndex, indexDescriptors } from "./descriptor-index.ts";

/** What errors carry: no service imports it, and clients need it to print the details. */
const ERROR_FILES = [file_google_rpc_status, file_google_rpc_error_details];

/** The reflection services, v1 and v1alpha, over `services` and themselves. */
export function reflectionServices(services: readonly DescService[]): Service[] {
  const versions = [ServerReflection, ServerReflectionV1Alpha];
  const all = [...services, ...versions];
  const files = all.map((service) => service.file);
  const index = indexDescriptors([...files, ...ERROR_FILES]);
  const names = all.map((service) => service.typeName).sort();
  return versions.map((desc) => reflectionService(desc, index, names));
}

function reflectionService(
  desc: DescService,
  index: DescriptorIndex,
  serviceNames: readonly string[],
): Service {
  const method = desc.methods[0] as DescMethodBiDiStreaming;
  async function* implement(requests: AsyncIterable<Message>): AsyncIterable<Message> {
    for await (const request of requests) {
      // The messages of both versions have the same fields.
      const originalRequest = request as ServerReflectionRequest;
      yield create(method.output, {
        validHost: originalRequest.host,
        originalRequest,
        messageResponse: answer(originalRequest.messageRequest, index, serviceNames),
      });
    }
  }
  return { desc, handlers: [{ kind: "bidi_streaming", method, implement }] };
}

/** An answer whose messages have no version yet. */
type Answer = NonNullable<
  MessageInitShape<typeof ServerReflectionResponseSchema>["messageResponse"]
>;

function answer(
  request: ServerReflectionRequest["messageRequest"],
  index: DescriptorIndex,
  serviceNames: readonly string[],
): Answer {
  switch (request.case) {
    case "listServices": {
      const service = serviceNames.map((name) => ({ name }));
      return { case: "listServicesResponse", value: { service } };
    }
    case "fileByFilename":
      return filesOrNotFound(index.filesByName(request.value), `file ${request.value}`);
    case "fileContainingSymbol":
      return filesOrNotFound(index.filesBySymbol(request.value), `symbol ${request.value}`);
    case "fileContainingExtension": {
      const { containingType, extensionNumber } = request.value;
      const files = index.filesByExtension(containingType, extensionNumber);
      return filesOrNotFound(files, `extension ${extensionNumber} of ${containingType}`);
    }
    case "allExtensionNumbersOfType": {
      const baseTypeName = request.value;
      const extensionNumber = index.extensionNumbers(baseTypeName);
      if (!extensionNumber) return failure(status.NOT_FOUND, `message ${baseTypeName} not found`);
      return { case: "allExtensionNumbersResponse", value: { baseTypeName, extensionNumber } };
    }
    case undefined:
      return failure(status.INVALID_ARGUMENT, "the request asks for nothing that is known here");
  }
}

function filesOrNotFound(fileDescriptorProto: Uint8Array[] | undefined, what: string): Answer {
  if (!fileDescriptorProto) return failure(status.NOT_FOUND, `${what} not found`);
  return { case: "fileDescriptorResponse", value: { fileDescriptorProto } };
}

function failure(errorCode: status, errorMessage: string): Answer {
  return { case: "errorResponse", value: { errorCode, errorMessage } };
}
