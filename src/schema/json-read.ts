// JSON text of the `data` column → the fields of a message: the inverse of json-write.ts.
// Any ProtoJSON that another program wrote is read too; what has no exact meaning is refused, so
// that nothing in a row is passed over.

import {
  create,
  type DescEnum,
  type DescField,
  type DescMessage,
  fromBinary,
  fromJson,
  fromJsonString,
  type JsonValue,
  type Registry,
  ScalarType,
  type UnknownField,
} from "@bufbuild/protobuf";
import { type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import { BinaryReader, base64Decode } from "@bufbuild/protobuf/wire";
import { StructSchema } from "@bufbuild/protobuf/wkt";
import { Unrepresentable } from "./codec.ts";
import { hasSpecialJson } from "./json-special.ts";

/** SQLite nests JSON 1000 deep at most. */
const JSON_DEPTH_MAX = 1000;

/**
 * Sets the fields of `message` that the JSON object has.
 * @throws Unrepresentable if it is not the JSON of those `fields`.
 */
export function readJson(
  text: string,
  message: ReflectMessage,
  fields: readonly DescField[],
  registry: Registry,
): void {
  if (text === "{}") return;
  try {
    // JSON.parse keeps the last of two equal keys; this refuses them.
    fromJsonString(StructSchema, text, { recursionLimit: JSON_DEPTH_MAX });
    readObject(JSON.parse(text), message, fields, registry);
  } catch (error) {
    if (error instanceof Unrepresentable) throw error;
    throw new Unrepresentable(error instanceof Error ? error.message : String(error));
  }
}

function readObject(
  json: JsonValue,
  message: ReflectMessage,
  fields: readonly DescField[],
  registry: Registry,
): void {
  for (const [key, value] of Object.entries(expectObject(json))) {
    if (key === "$unknown") {
      message.setUnknown(readUnknown(base64Decode(expectString(value))));
      continue;
    }
    const field = fields.find((candidate) => candidate.jsonName === key || candidate.name === key);
    if (!field) throw new Unrepresentable(`${message.desc.typeName} has no JSON field ${key}`);
    if (value === null && !acceptsNull(field)) continue;
    const set = field.oneof ? message.oneofCase(field.oneof) : message.isSet(field);
    if (set) throw new Unrepresentable(`${key} is given twice`);
    readField(value, message, field, registry);
  }
}

/** Null is a value of google.protobuf.Value, and no value of all other fields. */
function acceptsNull(field: DescField): boolean {
  return field.fieldKind === "message" && field.message.typeName === "google.protobuf.Value";
}

function readField(
  json: JsonValue,
  message: ReflectMessage,
  field: DescField,
  registry: Registry,
): void {
  switch (field.fieldKind) {
    case "list": {
      if (!Array.isArray(json)) throw new Unrepresentable(`${field.jsonName} must be an array`);
      const list = message.get(field);
      for (const item of json) list.add(readElement(field, item, registry));
      return;
    }
    case "map": {
      const map = message.get(field);
      for (const [key, value] of Object.entries(expectObject(json))) {
        map.set(readMapKey(field.mapKey, key), readElement(field, value, registry));
      }
      return;
    }
    default:
      message.set(field, readElement(field, json, registry));
  }
}

function readElement(field: DescField, json: JsonValue, registry: Registry): unknown {
  if (field.message) return readMessage(json, field.message, registry);
  if (field.enum) return readEnum(field.enum, json);
  return readScalar(field.scalar as ScalarType, json);
}

function readMessage(json: JsonValue, desc: DescMessage, registry: Registry): ReflectMessage {
  if (!hasSpecialJson(desc)) {
    const message = reflect(desc, create(desc));
    readObject(json, message, desc.fields, registry);
    return message;
  }
  const exact = exactBytesOf(json);
  return reflect(desc, exact ? fromBinary(desc, exact) : fromJson(desc, json, { registry }));
}

function exactBytesOf(json: JsonValue): Uint8Array | undefined {
  if (typeof json !== "object" || json === null || Array.isArray(json)) return undefined;
  const keys = Object.keys(json);
  if (keys.length !== 1 || keys[0] !== "$wire") return undefined;
  return base64Decode(expectString(json.$wire));
}

function readUnknown(bytes: Uint8Array): UnknownField[] {
  const reader = new BinaryReader(bytes);
  const unknown: UnknownField[] = [];
  while (reader.pos < reader.len) {
    const [no, wireType] = reader.tag();
    unknown.push({ no, wireType, data: reader.skip(wireType, no) });
  }
  return unknown;
}

function readEnum(desc: DescEnum, json: JsonValue): number {
  if (typeof json === "number") return json;
  const value = desc.values.find((candidate) => candidate.name === json);
  if (!value) throw new Unrepresentable(`${JSON.stringify(json)} is no value of ${desc.typeName}`);
  return value.number;
}

function readMapKey(type: ScalarType, key: string): unknown {
  switch (type) {
    case ScalarType.STRING:
      return key;
    case ScalarType.BOOL:
      if (key !== "true" && key !== "false") throw new Unrepresentable(`${key} is no bool`);
      return key === "true";
    default:
      return readScalar(type, key);
  }
}

function readScalar(type: ScalarType, json: JsonValue): unknown {
  switch (type) {
    case ScalarType.STRING:
      return expectString(json);
    case ScalarType.BYTES:
      return base64Decode(expectString(json));
    case ScalarType.BOOL:
      if (typeof json !== "boolean") throw new Unrepresentable("must be true or false");
      return json;
    case ScalarType.DOUBLE:
    case ScalarType.FLOAT:
      return readFloat(json);
    case ScalarType.INT64:
    case ScalarType.UINT64:
    case ScalarType.SINT64:
    case ScalarType.FIXED64:
    case ScalarType.SFIXED64:
      return readInteger(json);
    default:
      return Number(readInteger(json));
  }
}

/** A JSON number beyond 2^53 has lost digits already, so only a string may be that large. */
function readInteger(json: JsonValue): bigint {
  if (typeof json === "number" && Number.isSafeInteger(json)) return BigInt(json);
  if (typeof json === "string" && /^-?\d+$/.test(json)) return BigInt(json);
  throw new Unrepresentable(`${JSON.stringify(json)} is no exact integer; write it as a string`);
}

function readFloat(json: JsonValue): number {
  if (typeof json === "number") return json;
  if (json === "NaN") return Number.NaN;
  const number = typeof json === "string" && json.trim() !== "" ? Number(json) : Number.NaN;
  if (Number.isNaN(number)) throw new Unrepresentable(`${JSON.stringify(json)} is no number`);
  return number;
}

function expectString(json: JsonValue | undefined): string {
  if (typeof json !== "string") throw new Unrepresentable(`${JSON.stringify(json)} is no string`);
  return json;
}

function expectObject(json: JsonValue): Record<string, JsonValue> {
  if (typeof json !== "object" || json === null || Array.isArray(json)) {
    throw new Unrepresentable(`${JSON.stringify(json)} is no object`);
  }
  return json;
}
