// Reads the well-known types that have a ProtoJSON form of their own; the bytes that stand in for an
// inexact form are json-read.ts's. What no double and no character can be is found before (json-scan.ts).

import {
  create,
  type DescMessage,
  fromJson,
  type JsonValue,
  type Message,
  type Registry,
} from "@bufbuild/protobuf";
import { type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import { DurationSchema, TimestampSchema } from "@bufbuild/protobuf/wkt";
import { Unrepresentable } from "./codec.ts";
import { expectString, readScalar } from "./json-values.ts";
import { outOfRange } from "./ranges.ts";
import { storedTypes } from "./stored-types.ts";
import { parseTimeText } from "./time-text.ts";

/** The message of a well-known type. @throws Unrepresentable if that is not its JSON. */
export function readSpecial(desc: DescMessage, json: JsonValue, registry: Registry): Message {
  switch (desc.typeName) {
    case "google.protobuf.Timestamp":
      return readTimestamp(json);
    case "google.protobuf.Duration":
      return readDuration(json);
    case "google.protobuf.Any":
    case "google.protobuf.FieldMask":
    case "google.protobuf.Struct":
    case "google.protobuf.Value":
    case "google.protobuf.ListValue":
      return readByLibrary(desc, json, registry);
    default:
      return readWrapper(reflect(desc, create(desc)), json);
  }
}

function readTimestamp(json: JsonValue): Message {
  const time = parseTimeText(expectString(json));
  if (!time) {
    throw new Unrepresentable(
      "must be a time such as 2024-05-01T12:30:00Z, of the years 1 to 9999",
    );
  }
  return create(TimestampSchema, { seconds: time.seconds, nanos: time.nanos });
}

const DURATION = /^(?<sign>-?)(?<seconds>0|[1-9]\d{0,11})(?:\.(?<fraction>\d{1,9}))?s$/;

function readDuration(json: JsonValue): Message {
  const groups = DURATION.exec(expectString(json))?.groups;
  if (!groups) throw new Unrepresentable("must be seconds such as 1.5s");
  const { sign, seconds = "", fraction = "" } = groups;
  const direction = sign === "-" ? -1 : 1;
  const duration = create(DurationSchema, {
    seconds: BigInt(direction) * BigInt(seconds),
    nanos: direction * Number(fraction.padEnd(9, "0")) || 0,
  });
  const reason = outOfRange(DurationSchema, duration);
  if (reason !== undefined) throw new Unrepresentable(reason);
  return duration;
}

function readWrapper(message: ReflectMessage, json: JsonValue): Message {
  const [value] = message.fields;
  if (value?.fieldKind !== "scalar") throw new Unrepresentable("is of a type that is not read");
  message.set(value, readScalar(value.scalar, json));
  return message.message;
}

function readByLibrary(desc: DescMessage, json: JsonValue, registry: Registry): Message {
  // An Any may hold a type that only another server knows.
  for (const types of [registry, ...storedTypes(registry)]) {
    try {
      return fromJson(desc, json, { registry: types });
    } catch {
      // These types do not have it.
    }
  }
  throw new Unrepresentable(`must be the JSON of a ${desc.typeName}`);
}
