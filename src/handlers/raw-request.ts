// Requests of writes, taken apart no further than needed: the resources in them stay bytes, which
// are decoded once, where they are stored.

import {
  create,
  type DescField,
  type DescMessage,
  fromBinary,
  type Message,
} from "@bufbuild/protobuf";
import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";
import { StoreError } from "../errors.ts";

/** A request one of whose fields is left as bytes. */
export interface RawRequest {
  readonly desc: DescMessage;
  /** All other fields. It is shared between calls and must not be changed. */
  readonly message: Message;
  /** The bytes of each occurrence of the field. */
  readonly left: readonly Uint8Array[];
}

/** Decodes all of a request but `field`. @throws StoreError INVALID_FIELD if it cannot be. */
export type SplitRequest = (bytes: Uint8Array) => RawRequest;

/** The function that splits requests of type `desc`, which leaves `field` as bytes. */
export function splitBy(desc: DescMessage, field: DescField | undefined): SplitRequest {
  const nothingElse = create(desc);
  return (bytes) => {
    try {
      const left: Uint8Array[] = [];
      const others: Uint8Array[] = [];
      const reader = new BinaryReader(bytes);
      while (reader.pos < reader.len) {
        const start = reader.pos;
        const [number, wireType] = reader.tag();
        if (number === field?.number && wireType === WireType.LengthDelimited) {
          left.push(reader.bytes());
        } else {
          reader.skip(wireType, number);
          others.push(bytes.subarray(start, reader.pos));
        }
      }
      const isAll = others.length === 0;
      return { desc, left, message: isAll ? nothingElse : fromBinary(desc, Buffer.concat(others)) };
    } catch (cause) {
      throw undecodable(desc, cause);
    }
  };
}

/** A whole request. @throws StoreError INVALID_FIELD if the bytes are not a message of that type. */
export function decodeRequest(desc: DescMessage, bytes: Uint8Array): Message {
  try {
    return fromBinary(desc, bytes);
  } catch (cause) {
    throw undecodable(desc, cause);
  }
}

/** What the decoder says is not repeated: that is the users' data. */
function undecodable(desc: DescMessage, cause: unknown): StoreError {
  const message = `the request cannot be decoded as ${desc.typeName}`;
  return new StoreError("INVALID_FIELD", message, { cause });
}
