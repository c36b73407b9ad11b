// Responses to bytes: the only place where the transport encodes.
// Must not pass on an answer of another type than the method's.

import { create, type DescMessage, type Message, toBinary } from "@bufbuild/protobuf";
import { StoreError } from "../errors.ts";
import type { Response } from "../handlers/handler.ts";

/**
 * Encodes a response of at most `bytesMax`; one that is bytes already is passed through untouched.
 * @throws TypeError if it is not a message of that type; StoreError ANSWER_TOO_LARGE.
 */
export function encodeResponse(schema: DescMessage, response: Response, bytesMax: number): Buffer {
  const bytes = response instanceof Uint8Array ? response : encode(schema, response);
  if (bytes.length > bytesMax) {
    const message = `the answer has ${bytes.length} bytes, and ${bytesMax} can be sent`;
    throw new StoreError("ANSWER_TOO_LARGE", message);
  }
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function encode(schema: DescMessage, response: Message): Uint8Array {
  if (typeof response !== "object" || response === null) {
    throw new TypeError(`the answer is not a ${schema.typeName} but ${typeof response}`);
  }
  // Plain objects without a type name are taken as what `create` takes.
  const typeName: string | undefined = response.$typeName;
  if (typeName !== undefined && typeName !== schema.typeName) {
    throw new TypeError(`the answer is not a ${schema.typeName} but a ${typeName}`);
  }
  return toBinary(schema, create(schema, response));
}
