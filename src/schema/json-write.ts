// Message → JSON text of the `data` column: ProtoJSON, and beside it what ProtoJSON cannot carry:
// `$unknown` (unknown fields, base64) in a message and `{"$wire": base64}` in place of one whose
// ProtoJSON form would not be read back as it was. Text is built directly, since an object with the
// key `__proto__` would lose it.

import {
  type DescEnum,
  type DescField,
  fromJson,
  type Registry,
  ScalarType,
  toBinary,
  toJsonString,
} from "@bufbuild/protobuf";
import type { ReflectMessage } from "@bufbuild/protobuf/reflect";
import { BinaryWriter, base64Encode } from "@bufbuild/protobuf/wire";
import { hasSpecialJson } from "./json-special.ts";

/** The JSON object of a message's given fields and of its unknown ones. */
export function writeJson(
  message: ReflectMessage,
  fields: readonly DescField[],
  registry: Registry,
): string {
  const members: string[] = [];
  for (const field of fields) {
    if (message.isSet(field)) {
      members.push(`${JSON.stringify(field.jsonName)}:${writeField(message, field, registry)}`);
    }
  }
  const unknown = message.getUnknown() ?? [];
  if (unknown.length > 0) {
    const writer = new BinaryWriter();
    for (const { no, wireType, data } of unknown) writer.tag(no, wireType).raw(data);
    members.push(`"$unknown":"${base64Encode(writer.finish())}"`);
  }
  return `{${members.join(",")}}`;
}

function writeField(message: ReflectMessage, field: DescField, registry: Registry): string {
  switch (field.fieldKind) {
    case "list": {
      const items = [...message.get(field)].map((item) => writeElement(field, item, registry));
      return `[${items.join(",")}]`;
    }
    case "map": {
      const entries = [...message.get(field)].map(
        ([key, value]) => `${JSON.stringify(String(key))}:${writeElement(field, value, registry)}`,
      );
      return `{${entries.join(",")}}`;
    }
    default:
      return writeElement(field, message.get(field), registry);
  }
}

function writeElement(field: DescField, value: unknown, registry: Registry): string {
  if (field.message) return writeMessage(value as ReflectMessage, registry);
  if (field.enum) return writeEnum(field.enum, value as number);
  return writeScalar(field.scalar as ScalarType, value);
}

function writeMessage(message: ReflectMessage, registry: Registry): string {
  return hasSpecialJson(message.desc)
    ? writeSpecial(message, registry)
    : writeJson(message, message.fields, registry);
}

/** Well-known types keep their own ProtoJSON form wherever it is exact. */
function writeSpecial({ desc, message }: ReflectMessage, registry: Registry): string {
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

function writeEnum(desc: DescEnum, number: number): string {
  const value = desc.value[number];
  return value ? JSON.stringify(value.name) : String(number);
}

function writeScalar(type: ScalarType, value: unknown): string {
  switch (type) {
    case ScalarType.STRING:
      return JSON.stringify(value);
    case ScalarType.BYTES:
      return `"${base64Encode(value as Uint8Array)}"`;
    case ScalarType.DOUBLE:
    case ScalarType.FLOAT:
      return writeFloat(value as number);
    case ScalarType.INT64:
    case ScalarType.UINT64:
    case ScalarType.SINT64:
    case ScalarType.FIXED64:
    case ScalarType.SFIXED64:
      return `"${value}"`;
    default:
      return String(value);
  }
}

/** Strings for what JSON has no number for; JSON.stringify would also turn -0 into 0. */
function writeFloat(value: number): string {
  return Number.isFinite(value) && !Object.is(value, -0)
    ? String(value)
    : `"${Object.is(value, -0) ? "-0" : value}"`;
}
