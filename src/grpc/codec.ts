// Responses to bytes: the only place where the transport encodes.
// Must not pass on an answer of another type than the method's.

import { create, type DescMessage, toBinary } from "@bufbuild/protobuf";
import type { Response } from "../handlers/handler.ts";

/**
 * Encodes a response; one that is bytes already is passed through untouched.
 * @throws TypeError if it is not a message of that type.
 */
export function encodeResponse(schema: DescMessage, response: Response): Buffer {
  if (response instanceof Uint8Array) return asBuffer(response);
  if (typeof response !== "object" || response === null) {
    throw new TypeError(`the answer is not a ${schema.typeName} but ${typeof response}`);
  }
  // Plain objects without a type name are taken as what `create` takes.
  const typeName: string | undefined = response.$typeName;
  if (typeName !== undefined && typeName !== schema.typeName) {
    throw new TypeError(`the answer is not a ${schema.typeName} but a ${typeName}`);
  }
  return asBuffer(toBinary(schema, create(schema, response)));
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
