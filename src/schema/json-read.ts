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
  type Message,
  type Registry,
  ScalarType,
  toBinary,
  type UnknownField,
} from "@bufbuild/protobuf";
import { type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import { base64Decode } from "@bufbuild/protobuf/wire";
import { StructSchema } from "@bufbuild/protobuf/wkt";
import { Unrepresentable } from "./codec.ts";
import { mergeOthers, readUnknown } from "./json-read-unknown.ts";
import { hasSpecialJson } from "./json-special.ts";
import { findStoredField, findStoredValue, storedTypes } from "./stored-types.ts";

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
  const others: UnknownField[] = [];
  for (const [key, value] of Object.entries(expectObject(json))) {
    if (key === "$unknown") {
      others.push(...readUnknown(base64Decode(expectString(value))));
      continue;
    }
    const field = fields.find((candidate) => candidate.jsonName === key || candidate.name === key);
    if (!field) {
      others.push(...readStoredField(key, value, message, fields, registry));
      continue;
    }
    if (value === null && !acceptsNull(field)) continue;
    const set = field.oneof ? message.oneofCase(field.oneof) : message.isSet(field);
    if (set) throw new Unrepresentable(`${key} is given twice`);
    readField(value, message, field, registry);
  }
  if (others.length > 0) mergeOthers(message, others, fields, registry);
}

/**
 * What a field that only another server knows has in JSON, as the records that it is in bytes.
 * @throws Unrepresentable if no stored type has it either.
 */
function readStoredField(
  key: string,
  json: JsonValue,
  { desc }: ReflectMessage,
  fields: readonly DescField[],
  registry: Registry,
): UnknownField[] {
  const field = findStoredField(registry, desc, key);
  // A number that is in use here, for what is no JSON, is another matter.
  const own = desc.fields.find(({ number }) => number === field?.number);
  if (!field || (own && !fields.includes(own))) {
    throw new Unrepresentable(`${desc.typeName} has no JSON field ${key}`);
  }
  if (json === null && !acceptsNull(field)) return [];
  const message = reflect(field.parent, create(field.parent));
  readField(json, message, field, registry);
  return readUnknown(toBinary(field.parent, message.message));
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
  if (field.enum) return readEnum(field.enum, json, registry);
  return readScalar(field.scalar as ScalarType, json);
}

function readMessage(json: JsonValue, desc: DescMessage, registry: Registry): ReflectMessage {
  if (!hasSpecialJson(desc)) {
    const message = reflect(desc, create(desc));
    readObject(json, message, desc.fields, registry);
    return message;
  }
  const exact = exactBytesOf(json);
  return reflect(desc, exact ? fromBinary(desc, exact) : readSpecial(json, desc, registry));
}

/** An Any may hold a type that only another server knows. */
function readSpecial(json: JsonValue, desc: DescMessage, registry: Registry): Message {
  try {
    return fromJson(desc, json, { registry });
  } catch (error) {
    for (const types of storedTypes(registry)) {
      try {
        return fromJson(desc, json, { registry: types });
      } catch {
        // Nor does this one.
      }
    }
    throw error;
  }
}

function exactBytesOf(json: JsonValue): Uint8Array | undefined {
  if (typeof json !== "object" || json === null || Array.isArray(json)) return undefined;
  const keys = Object.keys(json);
  if (keys.length !== 1 || keys[0] !== "$wire") return undefined;
  return base64Decode(expectString(json.$wire));
}

function readEnum(desc: DescEnum, json: JsonValue, registry: Registry): number {
  if (typeof json === "number") return json;
  const value = desc.values.find((candidate) => candidate.name === json);
  const number = value?.number ?? findStoredValue(registry, desc, String(json));
  if (number === undefined) {
    throw new Unrepresentable(`${JSON.stringify(json)} is no value of ${desc.typeName}`);
  }
  return number;
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
