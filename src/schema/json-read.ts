// JSON text of the `data` column → the fields of a message: the inverse of json-write.ts.
// Any ProtoJSON that another program wrote is read too; what has no exact meaning is refused, so
// that nothing in a row is passed over. Values are read as their kinds say (types/).

import {
  create,
  type DescField,
  type DescMessage,
  type JsonValue,
  type Registry,
  ScalarType,
  toBinary,
  type UnknownField,
} from "@bufbuild/protobuf";
import { type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import { mergeOthers, readUnknown } from "./json-read-unknown.ts";
import { scanJson } from "./json-scan.ts";
import { readSpecial } from "./json-special.ts";
import { isRedacted } from "./redaction.ts";
import type { SqlValue } from "./sql-value.ts";
import { findStoredField } from "./stored-types.ts";
import { messageKind, SCALARS } from "./types/all-kinds.ts";
import { readBase64 } from "./types/bytes.ts";
import { expectText, Unrepresentable } from "./types/column-codec.ts";
import { readEnum } from "./types/enum.ts";

/** Why fields cannot be read, as `path: reason`; under undefined what belongs to no field. */
export type JsonFaults = ReadonlyMap<DescField | undefined, string>;

/** Something that cannot be read, at a path below the field that is read. */
class NestedFault extends Unrepresentable {
  readonly path: string;
  readonly reason: string;

  constructor(path: string, reason: string) {
    super(`${path}: ${reason}`);
    this.path = path;
    this.reason = reason;
  }
}

/**
 * Sets the fields of `message` that the JSON object has. Those that cannot be read are not set; the
 * result tells why.
 */
export function readJson(
  text: SqlValue,
  message: ReflectMessage,
  fields: readonly DescField[],
  registry: Registry,
): JsonFaults {
  const faults = new Map<DescField | undefined, string>();
  if (text === "{}") return faults;
  const json = parseObject(text);
  if (!json) return faults.set(undefined, "data: must be the JSON of an object");
  const doubts = scanJson(text as string);
  const doubt = doubts.get("");
  if (doubt !== undefined) faults.set(undefined, `data: ${doubt}`);
  const others = new Others(fields, registry);
  for (const [key, value] of Object.entries(json)) {
    const field = fieldOf(fields, key);
    try {
      const reason = doubts.get(key) ?? (isFaulty(faults, field) ? "is given twice" : undefined);
      if (reason !== undefined) throw new Unrepresentable(reason);
      readMember(key, value, message, field, others);
    } catch (error) {
      if (!field) faults.set(undefined, `data: ${reasonOf(error)}`);
      for (const unread of field ? clearAll(message, field) : []) {
        faults.set(unread, asNested(unread, error).message);
      }
    }
  }
  try {
    others.mergeInto(message);
  } catch (error) {
    faults.set(undefined, `data: ${reasonOf(error)}`);
  }
  return faults;
}

/** What an object has for fields that are known to other servers, or to none, as records of bytes. */
class Others {
  readonly registry: Registry;
  readonly #fields: readonly DescField[];
  readonly #records: UnknownField[] = [];

  constructor(fields: readonly DescField[], registry: Registry) {
    this.#fields = fields;
    this.registry = registry;
  }

  addBytes(bytes: Uint8Array): void {
    this.#records.push(...readUnknown(bytes));
  }

  /** @throws Unrepresentable if no stored type has the field either. */
  addMember(key: string, json: JsonValue, { desc }: ReflectMessage): void {
    const field = findStoredField(this.registry, desc, key);
    // A number that is in use here, for what is no JSON, is another matter.
    const own = desc.fields.find(({ number }) => number === field?.number);
    if (!field || (own && !this.#fields.includes(own))) {
      throw new Unrepresentable(`has the key ${quote(key)}, which no field has`);
    }
    if (json === null && !acceptsNull(field)) return;
    const message = reflect(field.parent, create(field.parent));
    readField(json, message, field, this.registry);
    this.#records.push(...readUnknown(toBinary(field.parent, message.message)));
  }

  mergeInto(message: ReflectMessage): void {
    if (this.#records.length === 0) return;
    mergeOthers(message, this.#records, this.#fields, this.registry);
  }
}

/** True if the field, or another member of its oneof, could not be read before. */
function isFaulty(faults: JsonFaults, field: DescField | undefined): boolean {
  if (!field || faults.size === 0) return false;
  const { oneof } = field;
  return faults.has(field) || Boolean(oneof?.fields.some((member) => faults.has(member)));
}

/** Clears the field, and the member that its oneof has; gives both. */
function clearAll(message: ReflectMessage, field: DescField): ReadonlySet<DescField> {
  const member = field.oneof && message.oneofCase(field.oneof);
  const cleared = new Set([field, ...(member ? [member] : [])]);
  for (const each of cleared) message.clear(each);
  return cleared;
}

function parseObject(text: SqlValue): Record<string, JsonValue> | undefined {
  try {
    return expectObject(JSON.parse(expectText(text ?? 0n)));
  } catch {
    return undefined;
  }
}

function fieldOf(fields: readonly DescField[], key: string): DescField | undefined {
  return fields.find((candidate) => candidate.jsonName === key || candidate.name === key);
}

function readObject(
  json: JsonValue,
  message: ReflectMessage,
  fields: readonly DescField[],
  registry: Registry,
): void {
  const others = new Others(fields, registry);
  for (const [key, value] of Object.entries(expectObject(json))) {
    const field = fieldOf(fields, key);
    try {
      readMember(key, value, message, field, others);
    } catch (error) {
      throw field ? asNested(field, error) : error;
    }
  }
  others.mergeInto(message);
}

function readMember(
  key: string,
  value: JsonValue,
  message: ReflectMessage,
  field: DescField | undefined,
  others: Others,
): void {
  if (key === "$unknown") {
    others.addBytes(readBase64(value));
    return;
  }
  if (!field) {
    others.addMember(key, value, message);
    return;
  }
  if (value === null && !acceptsNull(field)) return;
  const set = field.oneof ? message.oneofCase(field.oneof) : message.isSet(field);
  if (set) throw new Unrepresentable("is given twice");
  readField(value, message, field, others.registry);
}

/** The most characters of a key that an error shows. */
const SHOWN_MAX = 64;

function quote(key: string): string {
  return JSON.stringify(key.slice(0, SHOWN_MAX));
}

function asNested(field: DescField, error: unknown): NestedFault {
  const isHidden = isRedacted(field);
  if (error instanceof NestedFault && !isHidden) {
    return new NestedFault(`${field.name}.${error.path}`, error.reason);
  }
  const isOurs = error instanceof Unrepresentable && !isHidden;
  // What a library says of a value is not in our words.
  const reason = isOurs ? error.message : `must be the JSON of ${typeNameOf(field)}`;
  return new NestedFault(field.name, reason);
}

function reasonOf(error: unknown): string {
  return error instanceof Unrepresentable ? error.message : "has unknown fields that are no bytes";
}

function typeNameOf(field: DescField): string {
  const desc = field.message ?? field.enum;
  return desc ? desc.typeName : ScalarType[field.scalar as ScalarType].toLowerCase();
}

/** Null is a value of google.protobuf.Value, and no value of all other fields. */
function acceptsNull(field: DescField): boolean {
  return field.fieldKind === "message" && Boolean(messageKind(field.message)?.acceptsNull);
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
      for (const item of json) list.add(readElement(field, item, registry));
      return;
    }
    case "map": {
      const map = message.get(field);
      for (const [key, value] of Object.entries(expectObject(json))) {
        map.set(readMapKey(field, key), readElement(field, value, registry));
      }
      return;
    }
    case "message":
    case "enum":
    case "scalar":
      message.set(field, readElement(field, json, registry));
  }
}

function readMapKey({ mapKey }: DescField & { fieldKind: "map" }, text: string): unknown {
  return SCALARS[mapKey].key?.read(text);
}

function readElement(field: DescField, json: JsonValue, registry: Registry): unknown {
  if (field.message) return readMessage(json, field.message, registry);
  if (field.enum) return readEnum(field.enum, json, registry);
  return SCALARS[field.scalar as ScalarType].readJson(json);
}

function readMessage(json: JsonValue, desc: DescMessage, registry: Registry): ReflectMessage {
  const form = messageKind(desc)?.json;
  if (form) return reflect(desc, readSpecial(form, json, desc, registry));
  const message = reflect(desc, create(desc));
  readObject(json, message, desc.fields, registry);
  return message;
}

function expectObject(json: JsonValue): Record<string, JsonValue> {
  if (typeof json !== "object" || json === null || Array.isArray(json)) {
    throw new Unrepresentable("must be an object");
  }
  return json;
}
