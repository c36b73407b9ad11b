// Messages with a ProtoJSON form of their own (https://protobuf.dev/programming-guides/json/) as JSON:
// that form wherever it is exact, else `{"$wire": base64}`. Each type's form is in types/; where a type
// does not know that its form is exact, that is tried, by reading back what was written.

import {
  create,
  type DescField,
  type DescMessage,
  fromBinary,
  fromJson,
  type JsonValue,
  type Message,
  type Registry,
  toBinary,
  toJsonString,
} from "@bufbuild/protobuf";
import { type ReflectMessage, reflect, reflectList, reflectMap } from "@bufbuild/protobuf/reflect";
import { base64Encode } from "@bufbuild/protobuf/wire";
import { accessOf } from "./access.ts";
import { messageKind } from "./types/all-kinds.ts";
import { readBase64 } from "./types/bytes.ts";
import type { JsonForm } from "./types/kind.ts";

/** True if the message is not written as a JSON object of its fields. */
export function hasSpecialJson(desc: DescMessage): boolean {
  return messageKind(desc)?.json !== undefined;
}

/** Reads the type's own form, or the bytes that stand in for it. @throws Unrepresentable */
export function readSpecial(
  { read }: JsonForm,
  json: JsonValue,
  desc: DescMessage,
  registry: Registry,
): Message {
  const exact = exactBytesOf(json);
  return exact ? fromBinary(desc, exact) : read(json, desc, registry);
}

function exactBytesOf(json: JsonValue): Uint8Array | undefined {
  if (typeof json !== "object" || json === null || Array.isArray(json)) return undefined;
  const keys = Object.keys(json);
  if (keys.length !== 1 || keys[0] !== "$wire") return undefined;
  return readBase64(json.$wire);
}

/** Writes a value as a message keeps it (access.ts). */
export type ValueWriter = (value: unknown, registry: Registry) => string;

/** Writes the elements of a field whose message has a JSON form of its own. */
export function specialWriter(
  { exactWriter }: JsonForm,
  field: DescField,
  desc: DescMessage,
): ValueWriter {
  const writeExact = exactWriter?.(field);
  return (value, registry) =>
    writeExact?.(value) ?? writeChecked(desc, toMessage(field, value), registry);
}

function writeChecked(desc: DescMessage, message: Message, registry: Registry): string {
  const bytes = toBinary(desc, message);
  try {
    const text = toJsonString(desc, message, { registry });
    const back = toBinary(desc, fromJson(desc, JSON.parse(text), { registry }));
    if (Buffer.compare(back, bytes) === 0 && !text.startsWith('{"$wire"')) return text;
  } catch {
    // It has no ProtoJSON form at all, for example a Value of NaN or an Any of an unknown type.
  }
  return `{"$wire":"${base64Encode(bytes)}"}`;
}

/** The message that an element of a field stands for. */
function toMessage(field: DescField, value: unknown): Message {
  switch (field.fieldKind) {
    case "list":
      return (reflectList(field, [value]).get(0) as ReflectMessage).message;
    case "map": {
      const [only] = reflectMap(field, { 0: value }).values();
      return (only as ReflectMessage).message;
    }
    case "message":
    case "enum":
    case "scalar": {
      const parent = create(field.parent);
      accessOf(field).set(parent, value);
      return (reflect(field.parent, parent).get(field) as ReflectMessage).message;
    }
  }
}
