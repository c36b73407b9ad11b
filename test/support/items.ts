// Takes a response apart as any reader of protobuf would, without knowing its message.

import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";

/** The values of a field that has a length, in their order. */
export function fieldsOf(bytes: Uint8Array, number = 1): Uint8Array[] {
  const reader = new BinaryReader(bytes);
  const values: Uint8Array[] = [];
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag();
    if (field === number && type === WireType.LengthDelimited) values.push(reader.bytes());
    else reader.skip(type, field);
  }
  return values;
}
