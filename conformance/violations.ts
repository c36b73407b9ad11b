// What a server says of an error beside its code: google.rpc.ErrorInfo and BadRequest.
// Reads only.

import type { Message } from "@bufbuild/protobuf";
import type { GenMessage } from "@bufbuild/protobuf/codegenv2";
import { anyUnpack } from "@bufbuild/protobuf/wkt";
import {
  type BadRequest_FieldViolation,
  BadRequestSchema,
  type ErrorInfo,
  ErrorInfoSchema,
} from "../gen/google/rpc/error_details_pb.ts";
import type { RpcError } from "../src/client/client.ts";

/** The fields that the server refuses, as it says. */
export function violationsOf(error: RpcError): readonly BadRequest_FieldViolation[] {
  return detail(error, BadRequestSchema)?.fieldViolations ?? [];
}

/** The machine-readable reason of the error, if it has one. */
export function errorInfoOf(error: RpcError): ErrorInfo | undefined {
  return detail(error, ErrorInfoSchema);
}

function detail<T extends Message>(error: RpcError, schema: GenMessage<T>): T | undefined {
  for (const packed of error.status?.details ?? []) {
    const found = anyUnpack(packed, schema);
    if (found) return found as T;
  }
  return undefined;
}
