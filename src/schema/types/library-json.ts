// The ProtoJSON of messages that the protobuf library reads best, and the two of them that are nothing
// else: google.protobuf.Any and google.protobuf.FieldMask, which filters do not look into.

import {
  type DescMessage,
  fromJson,
  type JsonValue,
  type Message,
  type Registry,
} from "@bufbuild/protobuf";
import { storedTypes } from "../stored-types.ts";
import { Unrepresentable } from "./column-codec.ts";
import type { MessageKind } from "./kind.ts";

/** The message of its ProtoJSON. @throws Unrepresentable */
export function readByLibrary(json: JsonValue, desc: DescMessage, registry: Registry): Message {
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

export const any: MessageKind = {
  typeName: "google.protobuf.Any",
  column: undefined,
  json: { read: readByLibrary },
  outOfRange: undefined,
  leaf: undefined,
  inside: "nothing",
};

export const fieldMask: MessageKind = {
  typeName: "google.protobuf.FieldMask",
  column: undefined,
  json: { read: readByLibrary },
  outOfRange: undefined,
  leaf: undefined,
  inside: "nothing",
};
