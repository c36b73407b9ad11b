// Requests from bytes, responses to bytes: the only place where the transport decodes or encodes.
// Must not repeat what a decoder says of a request: that is the users' data.

import { create, type DescMessage, fromBinary, type Message, toBinary } from "@bufbuild/protobuf";
import { StoreError } from "../errors.ts";
import type { Response } from "../handlers/handler.ts";

/**
 * Decodes a request.
 * @throws StoreError INVALID_FIELD if the bytes are not a message of that type.
 */
export function decodeRequest(schema: DescMessage, bytes: Uint8Array): Message {
  try {
    return fromBinary(schema, bytes);
  } catch (error) {
    const message = `the request cannot be decoded as ${schema.typeName}`;
    throw new StoreError("INVALID_FIELD", message, { cause: error });
  }
}

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
