// JSON text of the `data` column → the fields of a message: the inverse of json-write.ts.
// Any ProtoJSON that another program wrote is read too; what has no exact meaning is refused, so
// that nothing in a row is passed over. Values are read by json-values.ts.

import {
  create,
  type DescField,
  type DescMessage,
  fromBinary,
  fromJsonString,
  type JsonValue,
  type Registry,
  type UnknownField,
} from "@bufbuild/protobuf";
import { type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import { BinaryReader, WireType } from "@bufbuild/protobuf/wire";
import { StructSchema } from "@bufbuild/protobuf/wkt";
import { Unrepresentable } from "./codec.ts";
import { hasSpecialJson } from "./json-special.ts";
import { readSpecial } from "./json-special-read.ts";
import { expectString, readBase64, readEnum, readMapKey, readScalar } from "./json-values.ts";

/** SQLite nests JSON 1000 deep at most. */
const JSON_DEPTH_MAX = 1000;

/** Takes what is wrong with a field of the JSON, so that the others are read. */
export type OnBroken = (error: Unrepresentable) => void;

/**
 * Sets the fields of `message` that the JSON object has; those of its columns are set already. With
 * `onBroken`, a field that cannot be read is left out and told; else it is thrown.
 * @throws Unrepresentable if it is not the JSON of those `fields`.
 */
export function readJson(
  text: string,
  message: ReflectMessage,
  fields: readonly DescField[],
  registry: Registry,
  onBroken?: OnBroken,
): void {
  if (text === "{}") return;
  readObject(parseObject(text), message, fields, registry, onBroken);
  takeUnknownInColumns(message, fields);
}

function parseObject(text: string): JsonValue {
  let json: JsonValue;
  try {
    json = JSON.parse(text);
  } catch {
    throw new Unrepresentable("must be JSON");
  }
  expectObject(json);
  try {
    // JSON.parse keeps the last of two equal keys; this refuses them.
    fromJsonString(StructSchema, text, { recursionLimit: JSON_DEPTH_MAX });
  } catch {
    throw new Unrepresentable(
      `must have no key twice, no number beyond a double, and at most ${JSON_DEPTH_MAX} levels`,
    );
  }
  return json;
}

function readObject(
  json: JsonValue,
  message: ReflectMessage,
  fields: readonly DescField[],
  registry: Registry,
  onBroken?: OnBroken,
): void {
  for (const [key, value] of Object.entries(expectObject(json))) {
    const field = fields.find((candidate) => candidate.jsonName === key || candidate.name === key);
    try {
      if (field) readMember(value, message, field, registry);
      else if (key !== "$unknown")
        throw new Unrepresentable("is no field that is kept in the JSON");
      else message.setUnknown(readUnknown(readBase64(value)));
    } catch (error) {
      const broken = within(field?.name ?? key, error);
      if (!onBroken || !(broken instanceof Unrepresentable)) throw broken;
      onBroken(broken);
    }
  }
}

/** The error with the path that it has in the message around. */
function within(segment: string, error: unknown): unknown {
  if (!(error instanceof Unrepresentable)) return error;
  const { path, reason } = error;
  const isInside = path !== "" && !path.startsWith("[");
  return new Unrepresentable(reason, `${segment}${isInside ? "." : ""}${path}`);
}

function readMember(
  json: JsonValue,
  message: ReflectMessage,
  field: DescField,
  registry: Registry,
): void {
  if (json === null && !acceptsNull(field)) return;
  const set = field.oneof ? message.oneofCase(field.oneof) : message.isSet(field);
  if (set) throw new Unrepresentable("is given twice");
  readField(json, message, field, registry);
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
      if (!Array.isArray(json)) throw new Unrepresentable("must be an array");
      const list = message.get(field);
      for (const [index, item] of json.entries()) {
        list.add(at(`[${index}]`, () => readElement(field, item, registry)));
      }
      return;
    }
    case "map": {
      const map = message.get(field);
      for (const [key, value] of Object.entries(expectObject(json))) {
        at(`[${JSON.stringify(key)}]`, () =>
          map.set(readMapKey(field.mapKey, key), readElement(field, value, registry)),
        );
      }
      return;
    }
    default:
      message.set(field, readElement(field, json, registry));
  }
}

/** What `read` gives; what it throws has the segment before its path. */
function at<T>(segment: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw within(segment, error);
  }
}

function readElement(field: DescField, json: JsonValue, registry: Registry): unknown {
  if (field.message) return readMessage(json, field.message, registry);
  if (field.enum) return readEnum(field.enum, json);
  return readScalar(field.scalar as NonNullable<DescField["scalar"]>, json);
}

function readMessage(json: JsonValue, desc: DescMessage, registry: Registry): ReflectMessage {
  if (hasSpecialJson(desc)) {
    const exact = exactBytesOf(json);
    return reflect(desc, exact ? decode(desc, exact) : readSpecial(desc, json, registry));
  }
  const message = reflect(desc, create(desc));
  readObject(json, message, desc.fields, registry);
  return message;
}

function exactBytesOf(json: JsonValue): Uint8Array | undefined {
  if (typeof json !== "object" || json === null || Array.isArray(json)) return undefined;
  const keys = Object.keys(json);
  if (keys.length !== 1 || keys[0] !== "$wire") return undefined;
  return readBase64(expectString(json.$wire));
}

function decode(desc: DescMessage, bytes: Uint8Array) {
  try {
    return fromBinary(desc, bytes);
  } catch {
    throw new Unrepresentable(`must be the bytes of a ${desc.typeName}`);
  }
}

function readUnknown(bytes: Uint8Array): UnknownField[] {
  const reader = new BinaryReader(bytes);
  const unknown: UnknownField[] = [];
  try {
    while (reader.pos < reader.len) {
      const [no, wireType] = reader.tag();
      unknown.push({ no, wireType, data: reader.skip(wireType, no) });
    }
  } catch {
    throw new Unrepresentable("must be the bytes of fields");
  }
  return unknown;
}

/** Unknown fields of the number of a column's field are those that are in its message. */
function takeUnknownInColumns(message: ReflectMessage, fields: readonly DescField[]): void {
  const unknown = message.getUnknown() ?? [];
  if (unknown.length === 0) return;
  const left = unknown.filter(({ no, wireType, data }) => {
    const field = message.desc.fields.find(({ number }) => number === no);
    if (field?.fieldKind !== "message" || wireType !== WireType.LengthDelimited) return true;
    if (fields.includes(field)) return true;
    // Another program has made the column NULL: there is no message any more.
    if (!message.isSet(field)) return false;
    const inner = message.get(field);
    const bytes = new BinaryReader(data).bytes();
    inner.setUnknown([...(inner.getUnknown() ?? []), ...readUnknown(bytes)]);
    return false;
  });
  message.setUnknown(left);
}

function expectObject(json: JsonValue): Record<string, JsonValue> {
  if (typeof json !== "object" || json === null || Array.isArray(json)) {
    throw new Unrepresentable("must be an object");
  }
  return json;
}
