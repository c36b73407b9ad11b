// Writes the well-known types with a ProtoJSON form of their own, wherever that form is exact, and
// else `{"$wire": base64}`. The common types are written directly where it is known that the form
// is read back as it was; all else is tried, by reading back what was written.

import {
  create,
  type DescField,
  type DescMessage,
  fromJson,
  type JsonValue,
  type Message,
  type Registry,
  toBinary,
  toJsonString,
} from "@bufbuild/protobuf";
import { type ReflectMessage, reflect, reflectList, reflectMap } from "@bufbuild/protobuf/reflect";
import { base64Encode } from "@bufbuild/protobuf/wire";
import {
  type Duration,
  DurationSchema,
  type Timestamp,
  TimestampSchema,
} from "@bufbuild/protobuf/wkt";
import { accessOf } from "./access.ts";
import { outOfRange } from "./ranges.ts";
import { formatFraction, formatUtc } from "./time-text.ts";

/** Writes a value as a message keeps it (access.ts). */
export type ValueWriter = (value: unknown, registry: Registry) => string;

/** What JSON.stringify escapes: without it, a string is its own JSON text between quotes. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const ESCAPED = /[\u0000-\u001f"\\\ud800-\udfff]/;

/** A JSON string. */
export function quote(text: string): string {
  return ESCAPED.test(text) ? JSON.stringify(text) : `"${text}"`;
}

/** Writes the elements of a field whose message has a JSON form of its own. */
export function specialWriter(field: DescField, desc: DescMessage): ValueWriter {
  const direct = directWriter(field, desc);
  return (value, registry) =>
    direct?.(value) ?? writeChecked(desc, toMessage(field, value), registry);
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
    default: {
      const parent = create(field.parent);
      accessOf(field).set(parent, value);
      return (reflect(field.parent, parent).get(field) as ReflectMessage).message;
    }
  }
}

/** Gives the text of a value whose form is exact without a doubt, undefined for all others. */
type DirectWriter = (value: unknown) => string | undefined;

function directWriter(field: DescField, desc: DescMessage): DirectWriter | undefined {
  switch (desc.typeName) {
    case "google.protobuf.Timestamp":
      return writeTimestamp;
    case "google.protobuf.Duration":
      return writeDuration;
    case "google.protobuf.Struct":
      return writeStruct;
  }
  const write = WRAPPERS[desc.typeName];
  const isBare = field.fieldKind === "message" && !field.oneof;
  return isBare || !write ? write : (message) => writeBoxed(message, write);
}

function writeBoxed(message: unknown, write: DirectWriter): string | undefined {
  const { $unknown, value } = message as Message & { value?: unknown };
  return $unknown ? undefined : write(value);
}

function writeTimestamp(value: unknown): string | undefined {
  const { $unknown, seconds, nanos } = value as Timestamp;
  if ($unknown || !Number.isInteger(nanos)) return undefined;
  if (outOfRange(TimestampSchema, value as Timestamp) !== undefined) return undefined;
  return `"${formatUtc(seconds, "T")}${formatFraction(nanos)}Z"`;
}

function writeDuration(value: unknown): string | undefined {
  const { $unknown, seconds, nanos } = value as Duration;
  if ($unknown || !Number.isInteger(nanos)) return undefined;
  if (outOfRange(DurationSchema, value as Duration) !== undefined) return undefined;
  const sign = seconds === 0n && nanos < 0 ? "-" : "";
  return `"${sign}${seconds}${formatFraction(Math.abs(nanos))}s"`;
}

/** The parser of the protobuf library stops at 100 levels; hardly any Struct has as many as these. */
const STRUCT_DEPTH_MAX = 30;

function writeStruct(value: unknown): string | undefined {
  if (!isExactJson(value as JsonValue, STRUCT_DEPTH_MAX)) return undefined;
  const text = JSON.stringify(value);
  return text.startsWith('{"$wire"') ? undefined : text;
}

function isExactJson(json: JsonValue, depth: number): boolean {
  switch (typeof json) {
    case "string":
      return json.isWellFormed();
    case "boolean":
      return true;
    case "number":
      return Number.isFinite(json) && !Object.is(json, -0);
    case "object":
      if (json === null) return true;
      if (depth === 0) return false;
      if (Array.isArray(json)) return json.every((item) => isExactJson(item, depth - 1));
      return Object.keys(json).every(
        (key) => key.isWellFormed() && isExactJson(json[key] as JsonValue, depth - 1),
      );
    default:
      return false;
  }
}

const WRAPPERS: Readonly<Record<string, DirectWriter>> = {
  "google.protobuf.BoolValue": (value) => (typeof value === "boolean" ? `${value}` : undefined),
  "google.protobuf.StringValue": (value) =>
    typeof value === "string" && value.isWellFormed() ? quote(value) : undefined,
  "google.protobuf.BytesValue": (value) =>
    value instanceof Uint8Array ? `"${base64Encode(value)}"` : undefined,
  "google.protobuf.DoubleValue": (value) =>
    Number.isFinite(value) && !Object.is(value, -0) ? `${value}` : undefined,
  "google.protobuf.FloatValue": (value) =>
    Number.isFinite(value) && Math.fround(value as number) === value && !Object.is(value, -0)
      ? `${value}`
      : undefined,
  "google.protobuf.Int32Value": (value) =>
    ((value as number) | 0) === value ? String(value) : undefined,
  "google.protobuf.UInt32Value": (value) =>
    (value as number) >>> 0 === value ? String(value) : undefined,
  "google.protobuf.Int64Value": (value) =>
    typeof value === "bigint" && BigInt.asIntN(64, value) === value ? `"${value}"` : undefined,
  "google.protobuf.UInt64Value": (value) =>
    typeof value === "bigint" && BigInt.asUintN(64, value) === value ? `"${value}"` : undefined,
};
