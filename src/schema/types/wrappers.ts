// The wrappers of google.protobuf, such as Int64Value: to JSON and filters they are the scalar in them.
// protobuf-es keeps one as its bare value, but as a message in lists, maps and oneofs.

import { create, type JsonValue, type Message } from "@bufbuild/protobuf";
import { reflect } from "@bufbuild/protobuf/reflect";
import { bool } from "./bool.ts";
import { bytes } from "./bytes.ts";
import { Unrepresentable } from "./column-codec.ts";
import { double, float } from "./float.ts";
import { int32, int64, uint32, uint64 } from "./integer.ts";
import type { ExactWriter, MessageKind, ScalarKind } from "./kind.ts";
import { string } from "./string.ts";

function wrapper(name: string, { leaf, readJson, writeExact }: ScalarKind): MessageKind {
  return {
    typeName: `google.protobuf.${name}`,
    column: undefined,
    json: {
      read(json: JsonValue, desc) {
        const message = reflect(desc, create(desc));
        const [value] = message.fields;
        if (!value) throw new Unrepresentable("is of a type that is not read");
        message.set(value, readJson(json));
        return message.message;
      },
      exactWriter(field) {
        const isBare = field.fieldKind === "message" && !field.oneof;
        return isBare ? writeExact : (message) => writeBoxed(message, writeExact);
      },
    },
    outOfRange: undefined,
    leaf,
    inside: "nothing",
  };
}

function writeBoxed(message: unknown, write: ExactWriter): string | undefined {
  const { $unknown, value } = message as Message & { value?: unknown };
  return $unknown ? undefined : write(value);
}

export const WRAPPERS: readonly MessageKind[] = [
  wrapper("BoolValue", bool),
  wrapper("BytesValue", bytes),
  wrapper("DoubleValue", double),
  wrapper("FloatValue", float),
  wrapper("Int32Value", int32),
  wrapper("Int64Value", int64),
  wrapper("StringValue", string),
  wrapper("UInt32Value", uint32),
  wrapper("UInt64Value", uint64),
];
