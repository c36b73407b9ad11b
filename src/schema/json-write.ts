// Message → JSON text of the `data` column: ProtoJSON, and `$unknown` (unknown fields, base64) or
// `{"$wire": base64}` (json-special.ts) for what ProtoJSON cannot carry. Text is built directly,
// since an object with the key `__proto__` would lose it. A closure per field, made when it is first
// met, does what the field's descriptor says.

import {
  type DescField,
  type DescMessage,
  type Message,
  type Registry,
  ScalarType,
  type UnknownField,
} from "@bufbuild/protobuf";
import { BinaryWriter, base64Encode, WireType } from "@bufbuild/protobuf/wire";
import { accessOf } from "./access.ts";
import { specialWriter, type ValueWriter } from "./json-special.ts";
import { messageKind, SCALARS } from "./types/all-kinds.ts";
import { enumWriter } from "./types/enum.ts";
import { quote } from "./types/string.ts";

/** Writes the JSON object of a message's chosen fields and of its unknown ones. */
type ObjectWriter = (
  message: Message,
  registry: Registry,
  unknown?: readonly UnknownField[],
) => string;

const objectWriters = new WeakMap<readonly DescField[], ObjectWriter>();

/**
 * The JSON object of a message's given fields and of its unknown ones, among which are those that are
 * in the messages of `columns`.
 */
export function writeJson(
  message: Message,
  fields: readonly DescField[],
  registry: Registry,
  columns: readonly { readonly field: DescField }[] = [],
): string {
  const unknown = unknownInColumns(message, columns);
  if (unknown.length === 0) return objectWriter(fields)(message, registry);
  return objectWriter(fields)(message, registry, [...(message.$unknown ?? []), ...unknown]);
}

/**
 * The unknown fields of a message that is kept in a column, as if the message were sent once more with
 * nothing else in it: protobuf puts the two together, and so does a server that does not know of this.
 */
function unknownInColumns(
  message: Message,
  columns: readonly { readonly field: DescField }[],
): UnknownField[] {
  const found: UnknownField[] = [];
  for (const { field } of columns) {
    if (field.fieldKind !== "message") continue;
    const inner = accessOf(field).get(message) as Message | undefined;
    if (!inner?.$unknown?.length) continue;
    const data = new BinaryWriter().bytes(encodeUnknown(inner.$unknown)).finish();
    found.push({ no: field.number, wireType: WireType.LengthDelimited, data });
  }
  return found;
}

function encodeUnknown(fields: readonly UnknownField[]): Uint8Array {
  const writer = new BinaryWriter();
  for (const { no, wireType, data } of fields) writer.tag(no, wireType).raw(data);
  return writer.finish();
}

function objectWriter(fields: readonly DescField[]): ObjectWriter {
  const known = objectWriters.get(fields);
  if (known) return known;
  // A message may contain itself: its members are made when the first such object is written.
  let members: readonly Member[] | undefined;
  const write: ObjectWriter = (message, registry, unknown = message.$unknown ?? []) => {
    members ??= fields.map(memberOf);
    return writeObject(message, members, unknown, registry);
  };
  objectWriters.set(fields, write);
  return write;
}

interface Member {
  /** The field's name, quoted, and the colon. */
  readonly key: string;
  readonly access: ReturnType<typeof accessOf>;
  readonly write: ValueWriter;
}

function memberOf(field: DescField): Member {
  return {
    key: `${JSON.stringify(field.jsonName)}:`,
    access: accessOf(field),
    write: fieldWriter(field),
  };
}

function writeObject(
  message: Message,
  members: readonly Member[],
  unknown: readonly UnknownField[],
  registry: Registry,
): string {
  let text = "";
  for (const { key, access, write } of members) {
    const value = access.get(message);
    if (value !== undefined) text += `${text && ","}${key}${write(value, registry)}`;
  }
  if (unknown.length > 0) {
    text += `${text && ","}"$unknown":"${base64Encode(encodeUnknown(unknown))}"`;
  }
  return `{${text}}`;
}

function fieldWriter(field: DescField): ValueWriter {
  // Lists and maps of strings are JSON values as they are.
  const isText = field.fieldKind !== "scalar" && field.scalar === ScalarType.STRING;
  if (isText) return (value) => JSON.stringify(value);
  const write = elementWriter(field);
  switch (field.fieldKind) {
    case "list":
      return (items, registry) => writeList(items as readonly unknown[], write, registry);
    case "map":
      return (map, registry) => writeMap(map as Readonly<Record<string, unknown>>, write, registry);
    case "message":
    case "enum":
    case "scalar":
      return write;
  }
}

function writeList(items: readonly unknown[], write: ValueWriter, registry: Registry): string {
  let text = "";
  for (const item of items) text += `${text && ","}${write(item, registry)}`;
  return `[${text}]`;
}

function writeMap(
  map: Readonly<Record<string, unknown>>,
  write: ValueWriter,
  registry: Registry,
): string {
  let text = "";
  for (const key of Object.keys(map)) {
    text += `${text && ","}${quote(key)}:${write(map[key], registry)}`;
  }
  return `{${text}}`;
}

function elementWriter(field: DescField): ValueWriter {
  if (field.message) return messageWriter(field, field.message);
  if (field.enum) return enumWriter(field.enum);
  return SCALARS[field.scalar as ScalarType].writeJson;
}

function messageWriter(field: DescField, desc: DescMessage): ValueWriter {
  const form = messageKind(desc)?.json;
  if (form) return specialWriter(form, field, desc);
  const write = objectWriter(desc.fields);
  return (message, registry) => write(message as Message, registry);
}
